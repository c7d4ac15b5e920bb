// @ts-check
/** One's own picture in a corner: as the site wants it, until somebody presses `v`. */
import { PictureFeed } from './picture-feed.js';

/** @typedef {'never' | 'start' | 'always'} Policy */

// "start": long enough to step into the picture.
const START_MS = 60_000;

export class SelfView {
  #video;
  /** @type {PictureFeed | null} */
  #feed = null;
  /** @type {Policy} */
  #policy = 'never';
  /** What a person chose by key. @type {boolean | null} */
  #choice = null;
  #isStarting;

  /** @param {HTMLVideoElement} video */
  constructor(video) {
    this.#video = video;
    // A page that was loaded anew to heal it does not begin the day again.
    const [navigation] = performance.getEntriesByType('navigation');
    this.#isStarting = /** @type {any} */ (navigation)?.type !== 'reload';
    setTimeout(() => {
      this.#isStarting = false;
      this.#apply();
    }, START_MS);
  }

  /** @param {Policy} policy */
  set policy(policy) {
    if (policy === this.#policy) return;
    this.#policy = policy;
    this.#choice = null;
    this.#apply();
  }

  /** A person presses the key. */
  toggle() {
    this.#choice = this.#video.hidden;
    this.#apply();
  }

  /** End the session: the page goes away. */
  close() {
    this.#feed?.hold();
  }

  #apply() {
    const isWanted =
      this.#choice ?? (this.#policy === 'always' || (this.#policy === 'start' && this.#isStarting));
    this.#video.hidden = !isWanted;
    if (!isWanted) {
      this.#feed?.hold();
      return;
    }
    this.#feed ??= this.#makeFeed();
    this.#feed.start();
  }

  #makeFeed() {
    const feed = new PictureFeed('/whep/self', this.#video);
    // Nothing but a picture is shown: an empty frame would be a riddle.
    feed.addEventListener('change', () => this.#video.classList.toggle('moving', feed.moving));
    return feed;
  }
}
