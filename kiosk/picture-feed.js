// @ts-check
/** Keeps a picture coming into a <video>: one WHEP session after another, judged by its frames.
 *
 * A picture that stalls keeps its session until a new one receives: on a lossy network making one
 * takes seconds, and the old picture may move again before that. */
import { Backoff } from './backoff.js';
import { PictureWatch } from './picture-watch.js';
import { WhepReader } from './whep-reader.js';

/** @typedef {import('./whep-reader.js').WhepFault} WhepFault */

// From the offer to the first frame. Cameras that send a keyframe every few seconds get theirs.
const FIRST_FRAME_TIMEOUT_MS = 10_000;

/** How sessions are made; told how they fare. ladder.js has one that learns.
 * @typedef {object} Plan
 * @property {() => {transport: 'any' | 'tcp', patienceMs: number}} next
 * @property {(reason: string, wasAnswered: boolean) => void} failed
 * @property {(reason: string) => void} stalled
 * @property {(transport: 'any' | 'tcp') => void} moving
 */

/** @type {Plan} */
const PLAIN = {
  next: () => ({ transport: 'any', patienceMs: FIRST_FRAME_TIMEOUT_MS }),
  failed: () => {},
  stalled: () => {},
  moving: () => {},
};
// A frame older than this says that the session is over, when somebody reports a new picture.
const FRESH_MS = 300;

/** Events: `change` (look at the getters), `session` (`reader` is another), `frame` (its
 * metadata), `stopping` while the last frame of a picture that ends can still be drawn. */
export class PictureFeed extends EventTarget {
  #url;
  #video;
  #watch;
  #backoff = new Backoff();
  /** The one that is shown. @type {WhepReader | null} */
  #reader = null;
  /** The one that is being made. @type {WhepReader | null} */
  #next = null;
  #retry = 0;
  #patience = 0;
  #held = true;
  #plan = PLAIN;
  /** @type {WhepFault | null} */
  #fault = null;

  /** @param {string} url @param {HTMLVideoElement} video */
  constructor(url, video) {
    super();
    this.#url = url;
    this.#video = video;
    this.#watch = new PictureWatch(video);
    this.#watch.addEventListener('moving', () => this.#onMoving());
    this.#watch.addEventListener('stalled', () => this.#onStalled());
    this.#watch.addEventListener('frame', (event) => {
      const { detail } = /** @type {CustomEvent<VideoFrameCallbackMetadata>} */ (event);
      this.dispatchEvent(new CustomEvent('frame', { detail }));
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

  /** @param {Plan} plan */
  set plan(plan) {
    this.#plan = plan;
    if (this.moving) plan.moving(this.#reader?.transport ?? 'any');
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
    this.#giveUp();
    this.#drop();
    this.#changed();
  }

  /** Somebody says that there is a picture now: try at once, unless it is already here. */
  hurry() {
    if (this.#held) return;
    if (this.moving && performance.now() - this.lastFrameAt < FRESH_MS) return;
    this.#backoff.reset();
    this.#giveUp();
    this.#connect();
  }

  /** Make another session, beside the one that is shown until it receives. */
  renew() {
    if (this.#held) return;
    this.#giveUp();
    this.#connect();
  }

  /** The picture is somebody else's now. */
  replace() {
    if (this.#held) return;
    this.hold();
    this.start();
  }

  #connect() {
    clearTimeout(this.#retry);
    if (this.#next) return;
    const { transport, patienceMs } = this.#plan.next();
    const reader = new WhepReader(this.#url, 'video', transport);
    this.#next = reader;
    reader.addEventListener('track', (event) => {
      const { track } = /** @type {CustomEvent<RTCTrackEvent>} */ (event).detail;
      if (!this.#reader) this.#show(reader, track);
      else track.addEventListener('unmute', () => this.#show(reader, track), { once: true });
    });
    reader.addEventListener('failed', (event) => {
      this.#onFailed(reader, /** @type {CustomEvent<WhepFault>} */ (event).detail);
    });
    clearTimeout(this.#patience);
    const fault = { status: 0, message: 'no picture came', remedy: '' };
    this.#patience = setTimeout(() => this.#onFailed(reader, fault), patienceMs);
    void reader.open();
  }

  /** @param {WhepReader} reader @param {MediaStreamTrack} track */
  #show(reader, track) {
    if (reader !== this.#next) return;
    this.#next = null;
    this.#drop();
    this.#reader = reader;
    this.#video.srcObject = new MediaStream([track]);
    this.#watch.start();
    this.#video.play().catch(() => {
      // The next source interrupts this one's start; muted playback is otherwise allowed.
    });
    this.dispatchEvent(new Event('session'));
  }

  /** End the session that is shown. */
  #drop() {
    if (this.moving) this.dispatchEvent(new Event('stopping'));
    this.#watch.stop();
    this.#reader?.close();
    this.#reader = null;
    this.#video.srcObject = null;
  }

  /** End the session that is being made. */
  #giveUp() {
    clearTimeout(this.#retry);
    clearTimeout(this.#patience);
    this.#next?.close();
    this.#next = null;
  }

  #onMoving() {
    this.#giveUp();
    this.#backoff.reset();
    this.#fault = null;
    this.#plan.moving(this.#reader?.transport ?? 'any');
    this.#changed();
  }

  #onStalled() {
    this.dispatchEvent(new Event('stopping'));
    this.#plan.stalled('no frame came for a second');
    this.#connect();
    this.#changed();
  }

  /** @param {WhepReader} reader @param {WhepFault} fault */
  #onFailed(reader, fault) {
    if (reader === this.#next && this.moving) {
      this.#giveUp(); // it was to replace a picture that is as good again
      return;
    }
    this.#fault = fault;
    if (this.moving) this.#plan.stalled(fault.message);
    else this.#plan.failed(fault.message, reader.answered);
    if (reader === this.#next) {
      this.#giveUp();
      this.#retry = setTimeout(() => this.#connect(), this.#backoff.next());
    } else if (reader === this.#reader) {
      // A session that ended while it worked is opened again at once.
      const delay = this.moving ? 0 : this.#backoff.next();
      this.#drop();
      if (!this.#next) {
        clearTimeout(this.#retry);
        this.#retry = setTimeout(() => this.#connect(), delay);
      }
    }
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }
}
