// @ts-check
/** The box's own daemon: each snapshot it publishes, and whether it is there at all. */

// The daemon beats every 5 s; three missed beats are a dead daemon behind a living socket.
const SILENCE_MS = 15_000;
// EventSource gives up on some answers (a 503 while the daemon stops): then it is made anew.
const REOPEN_MS = 1000;

/** Events: `snapshot` (detail: Snapshot), `lost` when the daemon is gone. */
export class LinkEvents extends EventTarget {
  #url;
  /** @type {EventSource | null} */
  #source = null;
  #silence = 0;
  #reopening = 0;

  /** @param {string} url */
  constructor(url) {
    super();
    this.#url = url;
  }

  open() {
    this.close();
    const source = new EventSource(this.#url);
    this.#source = source;
    source.addEventListener('open', () => this.#heard());
    source.addEventListener('heartbeat', () => this.#heard());
    source.addEventListener('message', (event) => this.#onMessage(event.data));
    source.addEventListener('error', () => {
      this.dispatchEvent(new Event('lost'));
      if (source.readyState === EventSource.CLOSED) this.#reopen();
    });
    this.#heard();
  }

  close() {
    clearTimeout(this.#silence);
    clearTimeout(this.#reopening);
    this.#source?.close();
    this.#source = null;
  }

  #heard() {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      this.dispatchEvent(new Event('lost'));
      this.#reopen();
    }, SILENCE_MS);
  }

  /** @param {string} data */
  #onMessage(data) {
    this.#heard();
    let snapshot;
    try {
      snapshot = JSON.parse(data);
    } catch {
      return; // the next one is whole again
    }
    this.dispatchEvent(new CustomEvent('snapshot', { detail: snapshot }));
  }

  #reopen() {
    this.close();
    this.#reopening = setTimeout(() => this.open(), REOPEN_MS);
  }
}
