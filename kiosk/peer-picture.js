// @ts-check
/** The other site's picture, asked for before anything else of the page is loaded: a dozen more
 * requests to a small box would hold the offer up. */
import { PictureFeed } from './picture-feed.js';

const REST_AFTER_MS = 400; // without an answer the screen has to say something
const LOOK_EVERY_MS = 1000;

export const picture = /** @type {HTMLVideoElement} */ (document.getElementById('picture'));
export const feed = new PictureFeed('/whep/peer', picture);
feed.start();

const loadRest = () => {
  import('./main.js').catch(reloadWhenServed);
};
feed.addEventListener('session', loadRest, { once: true });
setTimeout(loadRest, REST_AFTER_MS);

/** The daemon went away in between: a whole page helps, but not one that says "refused". */
async function reloadWhenServed() {
  for (;;) {
    await new Promise((done) => setTimeout(done, LOOK_EVERY_MS));
    const answer = await fetch('.', { cache: 'no-store' }).catch(() => null);
    if (answer?.ok) return location.reload();
  }
}
