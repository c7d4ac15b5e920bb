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

  /** Of what is shown now: its session may end at once. @param {HTMLVideoElement} video */
  async take(video) {
    if (video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA || !video.videoWidth) return;
    const height = Math.round((WIDTH * video.videoHeight) / video.videoWidth);
    const frame = frameOf(video);
    if (!frame) return this.#draw(video, height);
    try {
      if (!(await this.#copy(frame, height).catch(() => false))) this.#draw(frame, height);
      else this.#cleared(height)?.putImageData(this.#small, 0, 0);
    } finally {
      frame.close();
    }
  }

  /** @param {CanvasImageSource} source @param {number} height */
  #draw(source, height) {
    this.#cleared(height)?.drawImage(source, 0, 0, WIDTH, height);
  }

  /** @param {number} height */
  #cleared(height) {
    this.#canvas.width = WIDTH;
    this.#canvas.height = height;
    return this.#canvas.getContext('2d');
  }

  /** Whether it could be. Chromium keeps a frame that is drawn on a canvas in shared memory: one
   * more for each stall.
   * @param {VideoFrame} frame @param {number} height */
  async #copy(frame, height) {
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
  }
}

/** Null in a browser that knows none. @param {HTMLVideoElement} video */
function frameOf(video) {
  try {
    return new VideoFrame(video);
  } catch {
    return null;
  }
}
