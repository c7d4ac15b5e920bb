// @ts-check
/** The delays between attempts: growing, capped, jittered, reset by success. */
export class Backoff {
  #attempts = 0;
  #first;
  #cap;
  #random;

  /** @param {{firstMs?: number, capMs?: number, random?: () => number}} [options] */
  constructor({ firstMs = 250, capMs = 5000, random = Math.random } = {}) {
    this.#first = firstMs;
    this.#cap = capMs;
    this.#random = random;
  }

  /** Milliseconds to wait before the next attempt: spread by a fifth, so that two boxes that lost
   * each other do not knock at the same moments. */
  next() {
    const delay = Math.min(this.#cap, this.#first * 2 ** this.#attempts);
    if (delay < this.#cap) this.#attempts += 1;
    return delay * (0.8 + 0.4 * this.#random());
  }

  reset() {
    this.#attempts = 0;
  }
}
