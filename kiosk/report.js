// @ts-check
/** What the screen shows, told to the box's daemon once a second (ScreenReport of
 * portal/model.py). The answer may carry an order. */

/**
 * @typedef {import('./stats.js').Figures} Figures
 * @typedef {import('./stats.js').Totals} Totals
 * @typedef {import('./ladder.js').Heal} Heal
 *
 * @typedef {object} Seen what the page knows; the reporter adds the rest
 * @property {string} state
 * @property {number | null} ageMs
 * @property {string} picture
 * @property {number | null} stillS
 * @property {string} reason
 * @property {Heal[]} heals
 *
 * @typedef {object} ScreenReport
 * @property {string} page
 * @property {string} state
 * @property {boolean} screen
 * @property {number} uptime_s
 * @property {number} frames
 * @property {number} fps
 * @property {number} width
 * @property {number} height
 * @property {number} freezes
 * @property {number} frozen_s
 * @property {number} packets_lost
 * @property {number} packets_received
 * @property {number | null} rtt_s
 * @property {number | null} jitter_buffer_s
 * @property {number | null} decode_s
 * @property {number | null} age_s
 * @property {string} transport
 * @property {string} picture
 * @property {number | null} moved_s
 * @property {number} sessions
 * @property {string} reason
 * @property {Heal[]} steps
 */

const ADDRESS = '/api/v1/screen';
const ANSWER_TIMEOUT_MS = 3000;
const REASON_MAX = 500;
/** @type {Totals} */
const NOTHING = { frames: 0, lost: 0, received: 0, freezes: 0, frozen: 0 };

/** Adds sessions up and sends. Events: `order` (detail: the step). */
export class ScreenReporter extends EventTarget {
  #page = newName();
  #isScreen = new URLSearchParams(location.search).has('screen');
  #sessions = 0;
  /** Of the sessions that ended, and of the present one. */
  #ended = NOTHING;
  #present = NOTHING;
  #isSending = false;
  /** @type {ScreenReport | null} */
  #latest = null;

  /** Another session begins. */
  onSession() {
    this.#sessions += 1;
    this.#ended = sum(this.#ended, this.#present);
    this.#present = NOTHING;
  }

  /** The newest report, for the watchdog of `portal kiosk`. */
  get latest() {
    return this.#latest;
  }

  /** @param {Seen} seen @param {Figures | null} figures of the present session */
  async report(seen, figures) {
    if (figures) this.#present = figures.totals;
    this.#latest = this.#compose(seen, figures);
    if (this.#isSending) return; // the daemon hangs: one report waits for it, not a hundred
    this.#isSending = true;
    try {
      const answer = await this.#send(this.#latest);
      if (answer?.order) this.dispatchEvent(new CustomEvent('order', { detail: answer.order }));
    } catch {
      // The daemon is gone; the page hears of that from /events.
    } finally {
      this.#isSending = false;
    }
  }

  /** The page goes away: nobody should take its silence for a fault. */
  close() {
    if (!this.#latest) return;
    const last = JSON.stringify({ ...this.#latest, state: 'closed' });
    navigator.sendBeacon(ADDRESS, new Blob([last], { type: 'application/json' }));
  }

  /** @param {ScreenReport} report */
  async #send(report) {
    const response = await fetch(ADDRESS, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(report),
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
    return response.ok ? response.json() : null;
  }

  /** @param {Seen} seen @param {Figures | null} figures @returns {ScreenReport} */
  #compose(seen, figures) {
    const totals = sum(this.#ended, this.#present);
    return {
      page: this.#page,
      state: seen.state,
      screen: this.#isScreen,
      uptime_s: rounded(performance.now() / 1000),
      frames: totals.frames,
      fps: rounded(Math.max(0, figures?.fps ?? 0)),
      width: figures?.width ?? 0,
      height: figures?.height ?? 0,
      freezes: totals.freezes,
      frozen_s: rounded(totals.frozen),
      packets_lost: totals.lost,
      packets_received: totals.received,
      rtt_s: inSeconds(figures?.rtt),
      jitter_buffer_s: inSeconds(figures?.buffer),
      decode_s: inSeconds(figures?.decode),
      age_s: inSeconds(seen.ageMs),
      transport: figures?.transport ?? '',
      picture: seen.picture,
      moved_s: seen.stillS === null ? null : rounded(seen.stillS),
      sessions: this.#sessions,
      reason: seen.reason.slice(0, REASON_MAX),
      steps: seen.heals.map((heal) => ({ ...heal, reason: heal.reason.slice(0, REASON_MAX) })),
    };
  }
}

/** @param {Totals} a @param {Totals} b @returns {Totals} */
function sum(a, b) {
  return {
    frames: a.frames + b.frames,
    lost: a.lost + b.lost,
    received: a.received + b.received,
    freezes: a.freezes + b.freezes,
    frozen: a.frozen + b.frozen,
  };
}

/** @param {number | null | undefined} ms */
function inSeconds(ms) {
  return ms == null ? null : Math.max(0, Math.round(ms * 1000) / 1e6);
}

/** Milliseconds are enough. @param {number} seconds */
function rounded(seconds) {
  return Math.round(seconds * 1000) / 1000;
}

/** Of this load of the page. randomUUID is for secure contexts alone. */
function newName() {
  const words = crypto.getRandomValues(new Uint32Array(2));
  return Array.from(words, (word) => word.toString(36)).join('-');
}
