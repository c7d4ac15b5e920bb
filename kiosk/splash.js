// @ts-check
/** Until another site was seen: where people find this box's own page, to read and to scan. */

const LOOK_EVERY_MS = 5000;
const PLACES = '/kiosk/whereabouts.json';
const CODE = '/kiosk/qr.svg';

export class Splash {
  #panel;
  #code;
  #list;
  #timer = 0;
  #shown = '';

  /** @param {HTMLElement} panel with an <img> and a <ul> in it */
  constructor(panel) {
    this.#panel = panel;
    this.#code = /** @type {HTMLImageElement} */ (panel.querySelector('img'));
    this.#list = /** @type {HTMLElement} */ (panel.querySelector('ul'));
  }

  /** @param {boolean} isWanted */
  set wanted(isWanted) {
    if (isWanted === (this.#timer !== 0)) return;
    clearInterval(this.#timer);
    this.#timer = 0;
    if (isWanted) {
      this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
      void this.#look();
    } else {
      this.#show([]);
    }
  }

  /** Addresses come with the network, some time after the box has started. */
  async #look() {
    try {
      const signal = AbortSignal.timeout(LOOK_EVERY_MS);
      const answer = await fetch(PLACES, { cache: 'no-store', signal });
      const { urls } = answer.ok ? await answer.json() : { urls: [] };
      if (this.#timer) this.#show(urls);
    } catch {
      // The daemon is gone: the card says so.
    }
  }

  /** @param {string[]} urls the first is in the code */
  #show(urls) {
    this.#panel.hidden = urls.length === 0;
    document.documentElement.dataset['splash'] = urls.length === 0 ? 'none' : 'shown';
    const shown = urls.join(' ');
    if (shown === this.#shown) return;
    this.#shown = shown;
    if (urls[0]) this.#code.src = `${CODE}?for=${encodeURIComponent(urls[0])}`;
    this.#list.replaceChildren(
      ...urls.map((url) => {
        const line = document.createElement('li');
        line.textContent = url.replace(/^https?:\/\//, '').replace(/\/$/, '');
        return line;
      }),
    );
  }
}
