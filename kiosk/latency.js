// @ts-check
/** Chooses how long frames wait in the browser's jitter buffer, by how late they come.
 *
 * The kiosk's Chromium starts with WebRTC-ForcePlayoutDelay/min_ms:0,max_ms:500/. There a target
 * of null shows each frame as it comes, and one of N ms brings the buffer back with N as its least
 * (with max_ms:0 nothing brings it back). Other browsers hold some tens of ms in either case. */
import { Lateness } from './lateness.js';

/** @typedef {import('./model.js').LatencyPolicy} LatencyPolicy */

const DECIDE_EVERY_FRAMES = 15;
const ENOUGH_FRAMES = 45;
// A session's first frames come in a burst and say nothing of the network.
const WARM_UP_FRAMES = 10;

// One frame in twenty late by a display refresh or two is seen as judder; so is each freeze.
const UNEASY = { often: 25, rarely: 100 };
const QUIET = { often: 15, rarely: 70 };
const RARELY = 0.99;
const OFTEN = 0.95;

const MARGIN_MS = 15;
const LEAST_MS = 40; // of "smooth": one frame of 30 fps and a refresh
const MOST_MS = 400; // the trial's maximum, less what decoding takes
const STEP_MS = 10;

// Back to lowest only after this long without trouble; twice as long after each relapse.
const HOLD_MS = 30_000;
const LONGEST_HOLD_MS = 480_000;

/** Feed it frames; read `targetMs`. Times are milliseconds of one clock. */
export class LatencyChooser {
  #lateness = new Lateness();
  /** @type {LatencyPolicy} */
  #policy = 'auto';
  #isSmooth = false;
  #neededMs = LEAST_MS;
  #quietSince = 0;
  #leftAt = -Infinity;
  #holdMs = HOLD_MS;
  #seen = 0;

  /** @param {LatencyPolicy} policy */
  setPolicy(policy) {
    this.#policy = policy;
  }

  /** For RTCRtpReceiver.jitterBufferTarget: null shows each frame as it comes. */
  get targetMs() {
    if (this.#policy === 'lowest') return null;
    if (this.#policy === 'smooth' || this.#isSmooth) return this.#neededMs;
    return null;
  }

  /** For people and tests: what is chosen now. */
  get mode() {
    return this.targetMs === null ? 'lowest' : 'smooth';
  }

  get lateMs() {
    return this.#lateness.quantile(OFTEN);
  }

  /** A new session: other timestamps, the same network. */
  restart() {
    this.#lateness.reset();
    this.#seen = 0;
  }

  /** @param {number} receivedMs @param {number} rtpTimestamp */
  onFrame(receivedMs, rtpTimestamp) {
    this.#seen += 1;
    if (this.#seen <= WARM_UP_FRAMES) return;
    this.#lateness.add(receivedMs, rtpTimestamp);
    if (this.#lateness.frames < ENOUGH_FRAMES || this.#seen % DECIDE_EVERY_FRAMES) return;
    this.#decide(receivedMs);
  }

  /** @param {number} now */
  #decide(now) {
    const often = this.#lateness.quantile(OFTEN);
    const rarely = this.#lateness.quantile(RARELY);
    const wanted = Math.ceil((rarely + MARGIN_MS) / STEP_MS) * STEP_MS;
    const bounded = Math.min(MOST_MS, Math.max(LEAST_MS, wanted));
    const isUneasy = often > UNEASY.often || rarely > UNEASY.rarely;
    const isQuiet = often < QUIET.often && rarely < QUIET.rarely;
    if (!isQuiet) this.#quietSince = now;
    if (!this.#isSmooth && isUneasy) {
      this.#isSmooth = true;
      this.#neededMs = bounded;
      const isRelapse = now - this.#leftAt < 2 * this.#holdMs;
      this.#holdMs = isRelapse ? Math.min(LONGEST_HOLD_MS, 2 * this.#holdMs) : HOLD_MS;
    } else if (this.#isSmooth && isQuiet && now - this.#quietSince > this.#holdMs) {
      this.#isSmooth = false;
      this.#leftAt = now;
      this.#neededMs = LEAST_MS;
    } else if (bounded > this.#neededMs) {
      this.#neededMs = bounded;
    } else if (bounded < this.#neededMs - 2 * STEP_MS) {
      this.#neededMs -= 1; // slowly: about 2 ms a second, too little to be seen
    }
  }
}
