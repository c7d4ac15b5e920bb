// @ts-check
/** The last frame of a picture that ended, for behind the card. Small: it is shown blurred. */

const WIDTH = 480;

export class LastPicture {
  #canvas;

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.#canvas = canvas;
  }

  /** @param {HTMLVideoElement} video */
  take(video) {
    if (video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA || !video.videoWidth) return;
    this.#canvas.width = WIDTH;
    this.#canvas.height = Math.round((WIDTH * video.videoHeight) / video.videoWidth);
    this.#canvas
      .getContext('2d')
      ?.drawImage(video, 0, 0, this.#canvas.width, this.#canvas.height);
  }
}
