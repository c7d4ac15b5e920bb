// @ts-check
/** Looks at the pixels of a <video> some fifteen times a second, and tells whether they move. */
import { COLUMNS, MotionMeter, ROWS } from './motion.js';

const LOOK_EVERY_MS = 60; // every second frame of 30: a look takes 0.7 ms on a busy machine

export class PictureEye {
  #video;
  #meter = new MotionMeter();
  #context;
  #lookedAt = 0;
  #looks = 0;

  /** @param {HTMLVideoElement} video */
  constructor(video) {
    this.#video = video;
    const canvas = document.createElement('canvas');
    canvas.width = COLUMNS;
    canvas.height = ROWS;
    this.#context = canvas.getContext('2d', { willReadFrequently: true, alpha: false });
    if (this.#context) this.#context.imageSmoothingEnabled = false; // points, not means
  }

  /** A frame is shown. */
  onFrame() {
    const now = performance.now();
    if (!this.#context || now - this.#lookedAt < LOOK_EVERY_MS) return;
    this.#lookedAt = now;
    this.#looks += 1;
    this.#context.drawImage(this.#video, 0, 0, COLUMNS, ROWS);
    this.#meter.add(this.#context.getImageData(0, 0, COLUMNS, ROWS).data, now);
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
