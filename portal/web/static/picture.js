// A small picture on the first page: plays while it is wanted and the page is looked at.
import { PictureFeed } from "/kiosk/picture-feed.js";

export class Picture {
  #frame;
  #veil;
  #feed;
  #wanted = false;
  #words = "";
  #source = "";

  /** @param {HTMLElement} frame with a <video> and a .veil @param {string} url a WHEP endpoint */
  constructor(frame, url) {
    const video = frame.querySelector("video");
    const veil = frame.querySelector(".veil");
    if (!video || !veil) throw new Error("a frame needs a video and a veil");
    this.#frame = frame;
    this.#veil = veil;
    this.#feed = new PictureFeed(url, video);
    this.#feed.addEventListener("change", () => this.#render());
    document.addEventListener("visibilitychange", () => this.#obey());
    // Also closes the session of a page that goes away, or into the back-forward cache.
    window.addEventListener("pagehide", () => this.#feed.hold());
    window.addEventListener("pageshow", () => this.#obey());
  }

  /**
   * @param {boolean} wanted whether there is a picture to be had
   * @param {string} words what to read instead of it
   * @param {string} source whose picture it is: another one means to look there
   */
  show(wanted, words, source) {
    const moved = this.#wanted && this.#source !== source;
    this.#wanted = wanted;
    this.#words = words;
    this.#source = source;
    this.#obey();
    if (moved) this.#feed.replace();
    this.#render();
  }

  #obey() {
    if (this.#wanted && !document.hidden) this.#feed.start();
    else this.#feed.hold();
  }

  #render() {
    this.#frame.classList.toggle("moving", this.#feed.moving);
    const words = this.#words || this.#feed.fault?.message || "Loading the picture";
    if (this.#veil.textContent !== words) this.#veil.textContent = words;
  }
}
