// @ts-check
/** Renders one status object. The look of each state is in kiosk.css, by `:root[data-state]`. */

/** @typedef {import('./status.js').Status} Status */

const TITLE_SHOWN_MS = 5000;
const LONG = 150; // characters; more are set smaller

/** @param {string} id @returns {HTMLElement} */
function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`index.html has no #${id}`);
  return element;
}

/** Writing equal text would make screen readers repeat it.
 * @param {HTMLElement} element @param {string} text */
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Called several times a second, for the latency with each frame: only a change costs the page a
 * look at its styles.
 * @param {string} name @param {string} value */
export function mark(name, value) {
  const { dataset } = document.documentElement;
  if (dataset[name] !== value) dataset[name] = value;
}

export class View {
  #headline = byId('headline');
  #detail = byId('detail');
  #counter = byId('counter');
  #title = byId('title');
  #notice = byId('notice');
  #here = byId('here');
  #titleTimer = 0;

  /** @param {Status} status @param {number} now performance.now() */
  render(status, now) {
    const isNew = document.documentElement.dataset['state'] !== status.state;
    mark('unmet', String(status.isUnmet));
    mark('state', status.state);
    mark('lastPicture', status.keepsLastPicture ? 'kept' : 'none');
    if (status.state === 'live') {
      if (isNew || this.#title.textContent !== status.there) this.#showTitle(status.there);
    } else {
      // A live picture has no card: its words stay while it fades away.
      const { length } = status.headline + status.detail;
      mark('words', length > LONG ? 'many' : 'few');
      write(this.#headline, status.headline);
      write(this.#detail, status.detail);
      this.#title.classList.remove('shown');
    }
    write(this.#counter, status.since === null ? '' : duration(now - status.since));
    write(this.#notice, status.notice);
    write(this.#here, status.here);
  }

  /** @param {string} title */
  #showTitle(title) {
    clearTimeout(this.#titleTimer);
    write(this.#title, title);
    this.#title.classList.toggle('shown', title !== '');
    this.#titleTimer = setTimeout(() => this.#title.classList.remove('shown'), TITLE_SHOWN_MS);
  }
}

/** "7 s", "3 min 20 s", "2 h 5 min": what can be read at a glance.
 * @param {number} ms */
export function duration(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const minutes = Math.floor(seconds / 60);
  if (minutes === 0) return `${seconds} s`;
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
