// @ts-check
/** Whether the picture in a <video> moves: judged by decoded frames, not by connection states. */

const LOOK_EVERY_MS = 200;
// "More than about a second" for ordinary cameras; a camera of 1 fps is not stalled between frames.
const STALLED_AFTER_MS = 1000;
const STALLED_AFTER_FRAMES = 3.5;

/**
 * Events: `frame` (detail: VideoFrameCallbackMetadata), `moving` with the first frame after
 * `start()` or after a stall, `stalled`.
 */
export class PictureWatch extends EventTarget {
  #video;
  #lastFrameAt = 0;
  #interval = 0;
  #decoded = 0;
  #moving = false;
  #timer = 0;
  #callback = 0;

  /** @param {HTMLVideoElement} video */
  constructor(video) {
    super();
    this.#video = video;
  }

  get moving() {
    return this.#moving;
  }

  /** performance.now() of the last frame; 0 before the first. */
  get lastFrameAt() {
    return this.#lastFrameAt;
  }

  start() {
    this.stop();
    this.#decoded = this.#count();
    this.#interval = 0;
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
    this.#ask();
  }

  stop() {
    clearInterval(this.#timer);
    this.#video.cancelVideoFrameCallback(this.#callback);
    this.#moving = false;
  }

  #ask() {
    this.#callback = this.#video.requestVideoFrameCallback((now, metadata) => {
      this.#ask();
      if (this.#moving) {
        const interval = now - this.#lastFrameAt;
        this.#interval += (interval - this.#interval) * (this.#interval ? 0.1 : 1);
      }
      this.#onFrame();
      this.dispatchEvent(new CustomEvent('frame', { detail: metadata }));
    });
  }

  #onFrame() {
    this.#lastFrameAt = performance.now();
    this.#decoded = this.#count();
    if (this.#moving) return;
    this.#moving = true;
    this.dispatchEvent(new Event('moving'));
  }

  #look() {
    // A page that is not shown gets no frame callbacks, but it still decodes.
    if (this.#count() > this.#decoded) this.#onFrame();
    if (document.hidden) return;
    const patience = Math.max(STALLED_AFTER_MS, STALLED_AFTER_FRAMES * this.#interval);
    if (this.#moving && performance.now() - this.#lastFrameAt > patience) {
      this.#moving = false;
      this.dispatchEvent(new Event('stalled'));
    }
  }

  #count() {
    return this.#video.getVideoPlaybackQuality().totalVideoFrames;
  }
}
