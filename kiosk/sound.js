// @ts-check
/** The other site's sound, in a session of its own.
 *
 * Chromium plays the tracks of one stream in step by holding the quicker one back, which is the
 * picture. Apart, each comes as soon as it can: then sound is some tens of ms behind the picture,
 * and `targetMs` keeps it so where the picture waits in a buffer. */
import { Backoff } from './backoff.js';
import { WhepReader } from './whep-reader.js';

const LOOK_EVERY_MS = 500;
// Opus comes a hundred times a second, also in silence.
const SILENT_AFTER_MS = 3000;

/** Events: `change` (look at the getters). */
export class SoundFeed extends EventTarget {
  #url;
  #audio;
  #backoff = new Backoff();
  /** @type {WhepReader | null} */
  #reader = null;
  #retry = 0;
  #look = 0;
  #held = true;
  #playing = false;
  #blocked = false;
  /** @type {number | null} */
  #targetMs = null;

  /** @param {string} url @param {HTMLAudioElement} audio */
  constructor(url, audio) {
    super();
    this.#url = url;
    this.#audio = audio;
    // A kiosk's Chromium allows sound at once, another browser after a key or a touch.
    for (const event of ['keydown', 'pointerdown']) {
      document.addEventListener(event, () => {
        if (this.#blocked) this.#play();
      });
    }
  }

  /** Whether sound arrives. */
  get playing() {
    return this.#playing;
  }

  /** Whether the browser refuses to play it until somebody touches the page. */
  get blocked() {
    return this.#blocked;
  }

  get held() {
    return this.#held;
  }

  get reader() {
    return this.#reader;
  }

  /** How long the picture waits in its buffer; null: not at all. @param {number | null} ms */
  set targetMs(ms) {
    this.#targetMs = ms;
    this.#applyTarget();
  }

  start() {
    if (!this.#held) return;
    this.#held = false;
    this.#backoff.reset();
    this.#connect();
  }

  /** Nothing is to be heard: end the session and ask no more, until `start()`. */
  hold() {
    if (this.#held) return;
    this.#held = true;
    clearTimeout(this.#retry);
    this.#drop();
    this.#blocked = false;
    this.#changed();
  }

  #connect() {
    const reader = new WhepReader(this.#url, 'audio');
    this.#reader = reader;
    reader.addEventListener('track', (event) => {
      const { track } = /** @type {CustomEvent<RTCTrackEvent>} */ (event).detail;
      this.#audio.srcObject = new MediaStream([track]);
      this.#applyTarget();
      this.#play();
    });
    reader.addEventListener('failed', () => this.#again());
    this.#watch(reader);
    void reader.open();
  }

  #play() {
    this.#audio.play().then(
      () => this.#setBlocked(false),
      (error) => this.#setBlocked(error.name === 'NotAllowedError'),
    );
  }

  /** @param {boolean} isBlocked */
  #setBlocked(isBlocked) {
    this.#blocked = isBlocked && !this.#held;
    this.#changed();
  }

  #applyTarget() {
    const receiver = this.#reader?.receiver;
    if (receiver && receiver.jitterBufferTarget !== this.#targetMs) {
      receiver.jitterBufferTarget = this.#targetMs;
    }
  }

  /** By packets, as the picture by its frames: a connection says nothing of either.
   * @param {WhepReader} reader */
  #watch(reader) {
    let received = 0;
    let arrivedAt = performance.now();
    clearInterval(this.#look);
    this.#look = setInterval(async () => {
      const packets = await packetsOf(reader);
      if (reader !== this.#reader) return;
      const now = performance.now();
      if (packets > received) {
        received = packets;
        arrivedAt = now;
        if (!this.#playing) {
          this.#playing = true;
          this.#backoff.reset();
          this.#changed();
        }
      } else if (now - arrivedAt > SILENT_AFTER_MS) {
        this.#again();
      }
    }, LOOK_EVERY_MS);
  }

  #again() {
    const delay = this.#playing ? 0 : this.#backoff.next();
    this.#drop();
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#connect(), delay);
    this.#changed();
  }

  #drop() {
    clearInterval(this.#look);
    this.#reader?.close();
    this.#reader = null;
    this.#playing = false;
    this.#audio.srcObject = null;
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }
}

/** @param {WhepReader} reader */
async function packetsOf(reader) {
  for (const entry of (await reader.peer?.getStats())?.values() ?? []) {
    if (entry.type === 'inbound-rtp') return entry.packetsReceived;
  }
  return 0;
}
