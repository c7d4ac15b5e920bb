// @ts-check
/** Looks at the pixels of a <video> some fifteen times a second, and tells whether they move. */
import { MotionMeter } from './motion.js';
import { Sampler } from './sampler.js';

const LOOK_EVERY_MS = 60; // every second frame of 30
const LOST_MS = 2000; // a look that takes longer never ends

export class PictureEye {
  #meter = new MotionMeter();
  #sampler;
  #lookedAt = 0;
  #looks = 0;
  #isLooking = false;

  /** @param {HTMLVideoElement} video */
  constructor(video) {
    this.#sampler = new Sampler(video);
  }

  /** A frame is shown. */
  onFrame() {
    const now = performance.now();
    if (now - this.#lookedAt < (this.#isLooking ? LOST_MS : LOOK_EVERY_MS)) return;
    this.#lookedAt = now;
    void this.#look(now);
  }

  /** @param {number} now */
  async #look(now) {
    this.#isLooking = true;
    try {
      const points = await this.#sampler.look();
      if (!points) return;
      this.#meter.add(points, now);
      this.#looks += 1;
    } finally {
      this.#isLooking = false;
    }
  }

  get hash() {
    return this.#looks ? this.#meter.hash : '';
  }

  /** Seconds since the picture last changed, 0 while it moves; null before the first look. What
   * nobody looks at, such as while the browser paints nothing, gets no stiller. */
  get stillS() {
    return this.#looks ? this.#meter.stillMs(this.#lookedAt) / 1000 : null;
  }
}
