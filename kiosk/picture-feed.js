// @ts-check
/** Keeps a picture coming into a <video>: one WHEP session after another, judged by its frames. */
import { Backoff } from './backoff.js';
import { PictureWatch } from './picture-watch.js';
import { WhepReader } from './whep-reader.js';

/** @typedef {import('./whep-reader.js').WhepFault} WhepFault */

// From the offer to the first frame. Cameras that send a keyframe every few seconds get theirs.
const FIRST_FRAME_TIMEOUT_MS = 10_000;
// A frame older than this says that the session is over, when somebody reports a new picture.
const FRESH_MS = 300;

/** Events: `change` (look at the getters), `session` (a new one), `frame` (metadata), `stopping`
 * while the last frame of a picture that ends can still be drawn. */
export class PictureFeed extends EventTarget {
  #url;
  #video;
  #watch;
  #backoff = new Backoff();
  /** @type {WhepReader | null} */
  #reader = null;
  #timer = 0;
  #held = true;
  /** @type {WhepFault | null} */
  #fault = null;

  /** @param {string} url @param {HTMLVideoElement} video */
  constructor(url, video) {
    super();
    this.#url = url;
    this.#video = video;
    this.#watch = new PictureWatch(video);
    this.#watch.addEventListener('moving', () => this.#onMoving());
    this.#watch.addEventListener('stalled', () => this.#restart());
    this.#watch.addEventListener('frame', (event) => {
      if (event instanceof CustomEvent) {
        this.dispatchEvent(new CustomEvent('frame', { detail: event.detail }));
      }
    });
  }

  get moving() {
    return this.#watch.moving;
  }

  /** performance.now() of the last frame, 0 when there was none. */
  get lastFrameAt() {
    return this.#watch.lastFrameAt;
  }

  /** Why the last attempt failed, while there is no picture. */
  get fault() {
    return this.#fault;
  }

  /** Whether no picture is asked for. */
  get held() {
    return this.#held;
  }

  get reader() {
    return this.#reader;
  }

  /** Want the picture. */
  start() {
    if (!this.#held) return;
    this.#held = false;
    this.#backoff.reset();
    this.#connect();
  }

  /** There is no picture to be had: end the session and knock no more, until `start()`. */
  hold() {
    if (this.#held) return;
    this.#held = true;
    this.#fault = null;
    this.#disconnect();
    this.#changed();
  }

  /** Somebody says that there is a picture now: try at once, unless it is already here. */
  hurry() {
    if (this.#held) return;
    if (this.moving && performance.now() - this.lastFrameAt < FRESH_MS) return;
    this.#restart();
  }

  /** The picture is somebody else's now. */
  replace() {
    if (!this.#held) this.#restart();
  }

  #restart() {
    this.#backoff.reset();
    this.#disconnect();
    this.#connect();
    this.#changed();
  }

  #connect() {
    clearTimeout(this.#timer);
    const reader = new WhepReader(this.#url);
    this.#reader = reader;
    reader.addEventListener('track', (event) => {
      if (event instanceof CustomEvent) this.#onTrack(event.detail);
    });
    reader.addEventListener('failed', (event) => {
      if (event instanceof CustomEvent) this.#onFailed(event.detail);
    });
    this.#timer = setTimeout(
      () => this.#onFailed({ status: 0, message: 'no picture came', remedy: '' }),
      FIRST_FRAME_TIMEOUT_MS,
    );
    void reader.open();
  }

  #disconnect() {
    clearTimeout(this.#timer);
    if (this.#video.srcObject) this.dispatchEvent(new Event('stopping'));
    this.#watch.stop();
    this.#reader?.close();
    this.#reader = null;
    this.#video.srcObject = null;
  }

  /** @param {RTCTrackEvent} event */
  #onTrack(event) {
    this.dispatchEvent(new Event('session'));
    this.#video.srcObject = new MediaStream([event.track]);
    this.#watch.start();
    this.#video.play().catch(() => {
      // The next source interrupts this one's start; muted playback is otherwise allowed.
    });
  }

  #onMoving() {
    clearTimeout(this.#timer);
    this.#backoff.reset();
    this.#fault = null;
    this.#changed();
  }

  /** @param {WhepFault} fault */
  #onFailed(fault) {
    const wasMoving = this.moving;
    this.#fault = fault;
    this.#disconnect();
    // A session that ended while it worked is opened again at once.
    this.#timer = setTimeout(() => this.#connect(), wasMoving ? 0 : this.#backoff.next());
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }
}
