// @ts-check
/** How much later than the quickest ones frames came, second by second: jitter, retransmissions,
 * stalls. Measured where they arrive, before any buffer: so it says the same whether one is used.
 *
 * Seconds are counted, not frames: a single stall makes many frames late and means little; late
 * frames in every second mean a network that needs a buffer. */

const SECONDS = 10;
const RTP_PER_MS = 90;
const RTP_RANGE = 2 ** 32;

/** Arrival less timestamp of each of a second's frames.
 * @typedef {{until: number, offsets: number[], isOurs: boolean}} Second */

export class Lateness {
  /** @type {Second[]} */
  #seconds = [];
  #lastRtp = 0;
  #rtpMs = 0;

  reset() {
    this.#seconds = [];
    this.#rtpMs = 0;
  }

  /** The whole seconds that say something about the network. */
  get #telling() {
    return this.#seconds.slice(0, -1).filter((second) => !second.isOurs);
  }

  /** How many they are. */
  get seconds() {
    return this.#telling.length;
  }

  /** This box was too busy to receive in time: the present second says nothing. */
  disregard() {
    const present = this.#seconds.at(-1);
    if (present) present.isOurs = true;
  }

  /** Whether a second is complete.
   * @param {number} receivedMs when the frame's last packet arrived
   * @param {number} rtp its timestamp @returns {boolean} */
  add(receivedMs, rtp) {
    const present = this.#seconds.at(-1);
    if (present) {
      let step = (rtp - this.#lastRtp + RTP_RANGE) % RTP_RANGE;
      if (step > RTP_RANGE / 2) step -= RTP_RANGE;
      this.#rtpMs += step / RTP_PER_MS;
    }
    this.#lastRtp = rtp;
    const offset = receivedMs - this.#rtpMs;
    if (present && receivedMs < present.until) {
      present.offsets.push(offset);
      return false;
    }
    present?.offsets.sort((a, b) => b - a); // the latest first
    this.#seconds.push({ until: receivedMs + 1000, offsets: [offset], isOurs: false });
    if (this.#seconds.length > SECONDS + 1) this.#seconds.shift();
    return true;
  }

  /** Milliseconds by which frames were late in all but `seconds` of the last seconds, leaving out
   * the latest `share` of each second's frames.
   * @param {{seconds: number, share: number}} except */
  beyond({ seconds, share }) {
    const quickest = Math.min(...this.#telling.map(({ offsets }) => offsets.at(-1) ?? Infinity));
    const late = this.#telling
      .map(({ offsets }) => (offsets[Math.floor(offsets.length * share)] ?? 0) - quickest)
      .sort((a, b) => b - a);
    return late[seconds] ?? 0;
  }
}
