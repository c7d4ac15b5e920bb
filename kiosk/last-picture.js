// @ts-check
/** The last frame of a picture that ended, for behind the card. Small: it is shown blurred. */

const WIDTH = 480;

export class LastPicture {
  #canvas;
  // Kept for the next: a page lives for months, and stalls now and then.
  #bytes = new Uint8Array(0);
  #small = new ImageData(WIDTH, 1);

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.#canvas = canvas;
  }

  /** Of what is shown now. @param {HTMLVideoElement} video */
  async take(video) {
    if (video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA || !video.videoWidth) return;
    const height = Math.round((WIDTH * video.videoHeight) / video.videoWidth);
    const isCopied = await this.#copy(video, height).catch(() => false);
    this.#canvas.width = WIDTH;
    this.#canvas.height = height;
    const context = this.#canvas.getContext('2d');
    if (isCopied) context?.putImageData(this.#small, 0, 0);
    else context?.drawImage(video, 0, 0, WIDTH, height); // a browser that cannot copy frames
  }

  /** Chromium keeps a frame that is drawn on a canvas in shared memory: one more for each stall.
   * @param {HTMLVideoElement} video @param {number} height */
  async #copy(video, height) {
    const frame = new VideoFrame(video);
    try {
      /** @type {VideoFrameCopyToOptions & {format: string}} */
      const options = { format: 'RGBX' };
      const size = frame.allocationSize(options);
      if (this.#bytes.length < size) this.#bytes = new Uint8Array(size);
      const [layout] = await frame.copyTo(this.#bytes, options);
      const rect = frame.visibleRect;
      if (!layout || !rect) return false;
      if (this.#small.height !== height) this.#small = new ImageData(WIDTH, height);
      const { data } = this.#small;
      for (let y = 0; y < height; y += 1) {
        const line = layout.offset + Math.floor((y * rect.height) / height) * layout.stride;
        for (let x = 0; x < WIDTH; x += 1) {
          const from = line + Math.floor((x * rect.width) / WIDTH) * 4;
          const to = (y * WIDTH + x) * 4;
          for (let i = 0; i < 3; i += 1) data[to + i] = this.#bytes[from + i] ?? 0;
          data[to + 3] = 255;
        }
      }
      return true;
    } finally {
      frame.close();
    }
  }
}
