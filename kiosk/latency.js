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

// What may be late among the last ten seconds and each one's frames, and is no reason yet. Measured
// at 30 fps, in ms: `often` is 12 on a quiet network, 40 with 30 ms of jitter, 35 with 2 % loss and
// 85 with 5 %, at a round trip of 20. A busy machine's single stalls do not show in it.
const OFTEN = { seconds: 3, share: 0.1 };
const FROZEN = { seconds: 2, share: 0 };
const COVERED = { seconds: 3, share: 0.04 }; // what the buffer is made for
const SECONDS_ENOUGH = 5;

const UNEASY = { often: 24, frozen: 100 };
const QUIET = { often: 16, frozen: 60 };

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
    const often = this.#lateness.beyond(OFTEN);
    const frozen = this.#lateness.beyond(FROZEN);
    const needed = this.#lateness.beyond(COVERED) + MARGIN_MS;
    const bounded = Math.min(
      MOST_MS,
      Math.max(LEAST_MS, Math.ceil(needed / STEP_MS) * STEP_MS),
    );
    const isUneasy = often > UNEASY.often || frozen > UNEASY.frozen;
    const isQuiet = often < QUIET.often && frozen < QUIET.frozen;
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
