// @ts-check
/** Chooses how long frames wait in the browser's jitter buffer, by how late they come.
 *
 * The kiosk's Chromium starts with WebRTC-ForcePlayoutDelay/min_ms:0,max_ms:500/. There a target
 * of null shows each frame as it comes, and one of N ms brings the buffer back with N as its least
 * (with max_ms:0 nothing brings it back). Other browsers hold some tens of ms in either case. */
import { Lateness } from './lateness.js';

/** @typedef {import('./model.js').LatencyPolicy} LatencyPolicy */

// A session's first frames come in a burst and say nothing of the network.
const WARM_UP_FRAMES = 10;

// Of the last ten seconds, this many may have had a frame that came late.
const SECONDS_LATE = 3;
const SECONDS_FROZEN = 2;
const SECONDS_ENOUGH = 5;
// Two refreshes of the display are seen as judder, a tenth of a second as a freeze.
const UNEASY = { late: 33, frozen: 100 };
const QUIET = { late: 20, frozen: 60 };
// The buffer covers all but the worst of the last ten seconds.
const SECONDS_UNCOVERED = 1;

const MARGIN_MS = 15;
const LEAST_MS = 40; // of "smooth": one frame of 30 fps and a refresh
const MOST_MS = 250; // more than this is worse for a conversation than a freeze now and then
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

  /** How late frames come, leaving out what happens now and then. */
  get lateMs() {
    return this.#lateness.beyond(SECONDS_LATE);
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
    if (this.#lateness.add(receivedMs, rtpTimestamp)) this.#decide(receivedMs);
  }

  /** This box is too busy to receive in time: no buffer helps against that. */
  disregard() {
    this.#lateness.disregard();
  }

  /** Once a second. @param {number} now */
  #decide(now) {
    if (this.#lateness.seconds < SECONDS_ENOUGH) return;
    const late = this.#lateness.beyond(SECONDS_LATE);
    const frozen = this.#lateness.beyond(SECONDS_FROZEN);
    const needed = this.#lateness.beyond(SECONDS_UNCOVERED) + MARGIN_MS;
    const bounded = Math.min(
      MOST_MS,
      Math.max(LEAST_MS, Math.ceil(needed / STEP_MS) * STEP_MS),
    );
    const isUneasy = late > UNEASY.late || frozen > UNEASY.frozen;
    const isQuiet = late < QUIET.late && frozen < QUIET.frozen;
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
      this.#neededMs -= 2; // a second: too little to be seen
    }
  }
}
