// @ts-check
/** The page's part of the healing ladder: a new session, one over the other ICE transport, a reload.
 *
 * Pure: told what happened, says what to do next. A picture that moves is never disturbed: a new
 * session is made beside the old one, and a reload needs a picture that has been missing for long. */

/**
 * @typedef {'session' | 'transport' | 'reload'} Step
 * @typedef {'any' | 'tcp'} Transport
 * @typedef {{step: Step, count: number, reason: string, at: number}} Heal
 * @typedef {{heals: Heal[], reloadedAt: number, reloads: number}} Memory survives a reload
 * @typedef {{transport: Transport, patienceMs: number}} Attempt
 */

// From the offer to the first frame: 0.3 s on a quiet network, 4 s at 20 % loss. Longer after the
// first, for cameras that send a keyframe every few seconds.
const FIRST_PATIENCE_MS = 6000;
const PATIENCE_MS = 10_000;
// A transport that worked where the other did not is asked first for that long.
const PREFER_MS = 600_000;

// Two answered attempts over each transport, and no picture for so long.
const RELOAD_AFTER_MS = 40_000;
const RELOAD_AFTER_ATTEMPTS = 4;
// A reload that did not help is seldom worth another.
const RELOAD_EVERY_MS = 300_000;
const RELOAD_SELDOM_MS = 3_600_000;
const ORDERED_RELOAD_EVERY_MS = 30_000;
// A picture that was good for less was not healed by the reload.
const STEADY_MS = 60_000;

// A picture that stands still may do so rightly: a new session is tried once, then ever less often.
const STILL_MS = 2000;
const STILL_AGAIN_MS = 300_000;
const STILL_SELDOM_MS = 3_600_000;

/** Times are milliseconds of a clock that goes on over a reload. */
export class PageLadder {
  /** @type {Memory} */
  #memory;
  #save;
  #tried = 0; // answered, and no picture came
  /** @type {Transport} */
  #last = 'any';
  /** @type {Transport} */
  #preferred = 'any';
  #preferredUntil = 0;
  /** Of the next attempt, whatever was tried. @type {Transport | null} */
  #wanted = null;
  #reason = '';
  /** @type {number | null} */
  #missingSince = null;
  #goodSince = 0;
  #stillAt = -Infinity;
  #stillEveryMs = STILL_AGAIN_MS;

  /** @param {Memory | null} memory @param {(memory: Memory) => void} save */
  constructor(memory, save) {
    this.#memory = memory ?? { heals: [], reloadedAt: 0, reloads: 0 };
    this.#save = save;
  }

  /** What was done, and why. */
  get heals() {
    return this.#memory.heals;
  }

  /** How the next session is to be made. @param {number} now @returns {Attempt} */
  next(now) {
    const first = now < this.#preferredUntil ? this.#preferred : 'any';
    const transport = this.#wanted ?? (this.#tried % 2 === 0 ? first : other(first));
    this.#wanted = null;
    if (transport !== this.#last && this.#reason) this.#note('transport', this.#reason, now);
    else if (this.#reason) this.#note('session', this.#reason, now);
    this.#last = transport;
    return { transport, patienceMs: this.#tried ? PATIENCE_MS : FIRST_PATIENCE_MS };
  }

  /** The session stalled or ended, or an attempt failed. A refusal says that the other site cannot
   * be reached: no transport helps against that. @param {string} reason @param {boolean} wasAnswered
   * @param {number} now */
  failed(reason, wasAnswered, now) {
    this.#missingSince ??= now;
    this.#reason = wasAnswered ? reason : '';
    if (wasAnswered) this.#tried += 1;
  }

  /** A picture that moved does so no more. @param {string} reason @param {number} now */
  stalled(reason, now) {
    this.#missingSince ??= now;
    this.#reason = reason;
  }

  /** Frames come. @param {Transport} transport @param {number} now */
  moving(transport, now) {
    if (this.#tried > 0) {
      this.#preferred = transport;
      this.#preferredUntil = now + PREFER_MS;
    }
    if (this.#missingSince !== null || !this.#goodSince) this.#goodSince = now;
    this.#missingSince = null;
    this.#reason = '';
    this.#tried = 0;
    this.#last = transport;
  }

  /** None is due, and nothing is missed. */
  rest() {
    this.#missingSince = null;
    this.#reason = '';
    this.#tried = 0;
  }

  /** Once a second while frames come: whether a new session is to be tried beside this one.
   * @param {number} stillMs @param {number} now */
  wantsSession(stillMs, now) {
    if (this.#memory.reloads && now - this.#goodSince > STEADY_MS) {
      this.#remember({ reloads: 0 });
    }
    if (stillMs < STILL_MS) return false;
    if (now - this.#stillAt < this.#stillEveryMs) return false;
    // Longer than it ever waits: meanwhile the picture moved.
    const isFirst = now - this.#stillAt > 2 * STILL_SELDOM_MS;
    this.#stillEveryMs = isFirst ? STILL_AGAIN_MS : Math.min(STILL_SELDOM_MS, this.#stillEveryMs * 2);
    this.#stillAt = now;
    this.#reason = `the picture stood still for ${Math.round(stillMs / 1000)} s`;
    this.#wanted = this.#last;
    return true;
  }

  /** Once a second while no frames come and the other camera is on: whether the page is to be
   * loaded anew. @param {number} now */
  wantsReload(now) {
    if (this.#missingSince === null || this.#tried < RELOAD_AFTER_ATTEMPTS) return false;
    if (now - this.#missingSince < RELOAD_AFTER_MS) return false;
    const pause = Math.min(RELOAD_SELDOM_MS, RELOAD_EVERY_MS * 2 ** this.#memory.reloads);
    return now - this.#memory.reloadedAt >= pause;
  }

  /** The daemon ordered a reload. @param {number} now */
  allowsReload(now) {
    return now - this.#memory.reloadedAt >= ORDERED_RELOAD_EVERY_MS;
  }

  /** The daemon ordered a new session, or one over the other transport. @param {Step} step */
  ordered(step) {
    this.#reason = 'the daemon ordered it';
    this.#wanted = step === 'transport' ? other(this.#last) : this.#last;
  }

  /** The page is loaded anew. @param {string} reason @param {number} now */
  reloading(reason, now) {
    this.#note('reload', reason, now);
    this.#remember({ reloadedAt: now, reloads: this.#memory.reloads + 1 });
  }

  /** @param {Step} step @param {string} reason @param {number} now */
  #note(step, reason, now) {
    console.info(`portal: ${step}: ${reason}`);
    const count = (this.heals.find((heal) => heal.step === step)?.count ?? 0) + 1;
    const others = this.heals.filter((heal) => heal.step !== step);
    this.#remember({ heals: [...others, { step, count, reason, at: now / 1000 }] });
  }

  /** @param {Partial<Memory>} changes */
  #remember(changes) {
    this.#memory = { ...this.#memory, ...changes };
    this.#save(this.#memory);
  }
}

/** @param {Transport} transport @returns {Transport} */
function other(transport) {
  return transport === 'any' ? 'tcp' : 'any';
}
