// @ts-check
/** How much later than the quickest ones the last frames came: jitter, retransmissions, stalls.
 *
 * Measured where frames arrive, before any buffer: so it says the same whether one is in use. */

const WINDOW = 300; // frames: 10 s of an ordinary camera
const RTP_PER_MS = 90;
const RTP_RANGE = 2 ** 32;

export class Lateness {
  /** @type {number[]} */
  #offsets = [];
  /** @type {number[]} */
  #sorted = [];
  #lastRtp = 0;
  #rtpMs = 0;

  reset() {
    this.#offsets = [];
    this.#sorted = [];
    this.#rtpMs = 0;
  }

  get frames() {
    return this.#offsets.length;
  }

  /** @param {number} receivedMs when its last packet arrived @param {number} rtp its timestamp */
  add(receivedMs, rtp) {
    if (this.#offsets.length) {
      let step = (rtp - this.#lastRtp + RTP_RANGE) % RTP_RANGE;
      if (step > RTP_RANGE / 2) step -= RTP_RANGE;
      this.#rtpMs += step / RTP_PER_MS;
    }
    this.#lastRtp = rtp;
    this.#offsets.push(receivedMs - this.#rtpMs);
    if (this.#offsets.length > WINDOW) this.#offsets.shift();
    this.#sorted = [];
  }

  /** Milliseconds that a fraction of the frames did not exceed.
   * @param {number} fraction */
  quantile(fraction) {
    if (this.#offsets.length === 0) return 0;
    if (this.#sorted.length === 0) this.#sorted = [...this.#offsets].sort((a, b) => a - b);
    const sorted = this.#sorted;
    const index = Math.min(sorted.length - 1, Math.floor(sorted.length * fraction));
    return (sorted[index] ?? 0) - (sorted[0] ?? 0);
  }
}
