// @ts-check
/** How much later than the quickest ones frames came, second by second: jitter, retransmissions,
 * stalls. Measured where they arrive, before any buffer: so it says the same whether one is used.
 *
 * Seconds are counted, not frames: a single stall makes many frames late and means little; a late
 * frame in every second means a network that needs a buffer. */

const SECONDS = 10;
const RTP_PER_MS = 90;
const RTP_RANGE = 2 ** 32;

export class Lateness {
  /** Arrival less timestamp, the quickest and the latest of each second.
   * @type {{until: number, least: number, most: number, isOurs: boolean}[]} */
  #seconds = [];
  #lastRtp = 0;
  #rtpMs = 0;

  reset() {
    this.#seconds = [];
    this.#rtpMs = 0;
  }

  /** The seconds that say something about the network. */
  get #telling() {
    return this.#seconds.filter((second) => !second.isOurs);
  }

  /** How many they are, the present one included. */
  get seconds() {
    return this.#telling.length;
  }

  /** This box was too busy to receive in time: the present second says nothing. */
  disregard() {
    const present = this.#seconds.at(-1);
    if (present) present.isOurs = true;
  }

  /** Whether a new second began.
   * @param {number} receivedMs when the frame's last packet arrived
   * @param {number} rtp its timestamp @returns {boolean} */
  add(receivedMs, rtp) {
    let present = this.#seconds.at(-1);
    if (present) {
      let step = (rtp - this.#lastRtp + RTP_RANGE) % RTP_RANGE;
      if (step > RTP_RANGE / 2) step -= RTP_RANGE;
      this.#rtpMs += step / RTP_PER_MS;
    }
    this.#lastRtp = rtp;
    const offset = receivedMs - this.#rtpMs;
    if (present && receivedMs < present.until) {
      present.least = Math.min(present.least, offset);
      present.most = Math.max(present.most, offset);
      return false;
    }
    present = { until: receivedMs + 1000, least: offset, most: offset, isOurs: false };
    this.#seconds.push(present);
    if (this.#seconds.length > SECONDS) this.#seconds.shift();
    return true;
  }

  /** Milliseconds by which the latest frame was late in all but `except` of the last seconds.
   * @param {number} except */
  beyond(except) {
    const quickest = Math.min(...this.#seconds.map((second) => second.least));
    const worst = this.#telling.map((second) => second.most - quickest).sort((a, b) => b - a);
    return worst[except] ?? 0;
  }
}
