// @ts-check
/** Once a second: what the screen really shows, told to the daemon, and what to do against it. */
import { PageLadder } from './ladder.js';
import { PictureEye } from './picture-eye.js';
import { ScreenReporter } from './report.js';
import { StatsReader } from './stats.js';

/** @typedef {import('./stats.js').Figures} Figures */
/** @typedef {import('./picture-feed.js').PictureFeed} PictureFeed */

const TICK_MS = 1000;
const ANSWER_TIMEOUT_MS = 3000;
// Frames that are all alike for so long: said, reported, and tried against.
export const STILL_AFTER_S = 2;
const MEMORY = 'portal.ladder'; // in sessionStorage: outlives a reload, not the browser

/**
 * @typedef {object} Known
 * @property {string} state
 * @property {string} reason why there is no picture
 * @property {boolean} isDue the other camera is on, and this page asks for it
 * @property {(rttMs: number | null) => number | null} ageMs
 */

/** Events: `figures` (detail: Figures or null). */
export class Truth extends EventTarget {
  #feed;
  #known;
  #eye;
  #reporter = new ScreenReporter();
  #ladder = new PageLadder(recalled(), remember);
  #isReloading = false;
  /** @type {{peer: RTCPeerConnection, reader: StatsReader} | null} */
  #stats = null;

  /** @param {PictureFeed} feed @param {HTMLVideoElement} video @param {() => Known} known */
  constructor(feed, video, known) {
    super();
    this.#feed = feed;
    this.#known = known;
    this.#eye = new PictureEye(video);
    const ladder = this.#ladder;
    feed.plan = {
      next: () => ladder.next(steady()),
      failed: (reason, wasAnswered) => ladder.failed(reason, wasAnswered, steady()),
      stalled: (reason) => ladder.stalled(reason, steady()),
      moving: (transport) => ladder.moving(transport, steady()),
    };
    // A new session of a frozen source shows the same picture: the eye goes on.
    if (feed.reader) this.#reporter.onSession();
    feed.addEventListener('session', () => this.#reporter.onSession());
    feed.addEventListener('frame', () => this.#eye.onFrame());
    this.#reporter.addEventListener('order', (event) => {
      this.#obey(/** @type {CustomEvent<string>} */ (event).detail);
    });
    setInterval(() => this.#tick(), TICK_MS);
  }

  /** The newest report. */
  report() {
    return this.#reporter.latest;
  }

  /** Seconds since the picture last changed, 0 while it moves or is none. */
  get stillS() {
    return this.#feed.moving ? (this.#eye.stillS ?? 0) : 0;
  }

  /** The page goes away. */
  close() {
    this.#reporter.close();
  }

  async #tick() {
    const figures = await this.#figures();
    const known = this.#known();
    const { moving } = this.#feed;
    const isStill = this.stillS >= STILL_AFTER_S;
    const shown = {
      state: known.state,
      ageMs: moving ? known.ageMs(figures?.rtt ?? null) : null,
      picture: this.#eye.hash,
      stillS: moving ? this.#eye.stillS : null,
      reason: isStill ? 'the picture stands still' : known.reason,
      heals: this.#ladder.heals.map((heal) => ({ ...heal, at: heal.at + ahead() })),
    };
    this.dispatchEvent(new CustomEvent('figures', { detail: moving ? figures : null }));
    this.#heal(known.isDue);
    await this.#reporter.report(shown, figures);
  }

  /** @returns {Promise<Figures | null>} */
  async #figures() {
    const peer = this.#feed.reader?.peer ?? null;
    if (this.#stats?.peer !== peer) this.#stats = peer && { peer, reader: new StatsReader(peer) };
    return this.#stats?.reader.read().catch(() => null) ?? null;
  }

  /** @param {boolean} isDue */
  #heal(isDue) {
    const now = steady();
    if (!isDue && !this.#feed.moving) this.#ladder.rest();
    else if (this.#feed.moving) {
      if (this.#ladder.wantsSession(this.stillS * 1000, now)) this.#feed.renew();
    } else if (this.#ladder.wantsReload(now)) {
      void this.#reload('no picture came by any way');
    }
  }

  get #isGood() {
    return this.#feed.moving && this.stillS < STILL_AFTER_S;
  }

  /** @param {string} step */
  #obey(step) {
    if (this.#isGood) {
      console.info(`portal: ${step} was ordered, but the picture is good`);
    } else if (step === 'session' || step === 'transport') {
      this.#ladder.ordered(step);
      this.#feed.renew();
    } else if (step === 'reload' && this.#ladder.allowsReload(steady())) {
      void this.#reload('the daemon ordered it');
    }
  }

  /** Not without the daemon: it would leave a page that says "refused". @param {string} reason */
  async #reload(reason) {
    if (this.#isReloading) return; // one question at a time: the daemon may hang
    this.#isReloading = true;
    const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
    const answer = await fetch('.', { cache: 'no-store', signal }).catch(() => null);
    this.#isReloading = false;
    if (!answer?.ok || this.#isGood) return;
    this.#ladder.reloading(reason, steady());
    location.reload();
  }
}

/** @returns {import('./ladder.js').Memory | null} */
function recalled() {
  try {
    const memory = JSON.parse(sessionStorage.getItem(MEMORY) ?? 'null');
    if (!Array.isArray(memory?.heals)) return null;
    // A clock that was set back meanwhile is no reason to wait.
    return { ...memory, reloadedAt: Math.min(memory.reloadedAt, steady()) };
  } catch {
    return null; // not ours, or no storage
  }
}

/** Unix time in milliseconds as it was when the page was loaded, and on from there: a clock that is
 * set hastens and delays nothing. */
function steady() {
  return performance.timeOrigin + performance.now();
}

/** Seconds by which the clock was set ahead since. */
function ahead() {
  return (Date.now() - steady()) / 1000;
}

/** @param {import('./ladder.js').Memory} memory */
function remember(memory) {
  try {
    sessionStorage.setItem(MEMORY, JSON.stringify(memory));
  } catch {
    // Without storage each load of the page begins anew.
  }
}
