// @ts-check
/** How old the picture is when it is shown, as well as a page can know without a common clock. */

// From the camera's frame in hand to its packets on the wire: pipe 1, x264 2, RTP 3 (measured).
const SENDER_MS = 6;
const SMOOTHING = 0.05;

/** What the camera itself takes (exposure, its own encoder) is not in it: nobody here can see it. */
export class PictureAge {
  #here = NaN;

  reset() {
    this.#here = NaN;
  }

  /** @param {VideoFrameCallbackMetadata} metadata */
  onFrame({ receiveTime, expectedDisplayTime }) {
    if (receiveTime === undefined) return;
    const here = Math.max(0, expectedDisplayTime - receiveTime);
    this.#here = Number.isNaN(this.#here) ? here : this.#here + (here - this.#here) * SMOOTHING;
  }

  /** @param {number | null} rttMs @returns {number | null} */
  estimate(rttMs) {
    if (Number.isNaN(this.#here) || rttMs === null) return null;
    return SENDER_MS + rttMs / 2 + this.#here;
  }
}
