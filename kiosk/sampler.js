// @ts-check
/** A coarse copy of the frame that a <video> shows. */
import { COLUMNS, ROWS } from './motion.js';

const POINTS = COLUMNS * ROWS;

/** Copying a decoded frame's planes takes 0.15 ms at 640x360 where drawing it on a canvas takes
 * 1.1, and costs the renderer up to half a gigabyte of shared memory less (Chromium keeps what is
 * drawn). The canvas is for frames that lie in a format of their own, and for other browsers. */
export class Sampler {
  #source;
  #points = new Uint8Array(3 * POINTS);
  #planes = new Uint8Array(0);
  /** @type {CanvasRenderingContext2D | null} */
  #context = null;

  /** @param {HTMLVideoElement} source */
  constructor(source) {
    this.#source = source;
  }

  /** COLUMNS x ROWS points, row by row: their luma, then their two colours; kept until the next
   * look. Null where there is nothing to see. */
  async look() {
    if (!(await this.#copied().catch(() => false)) && !this.#drawn()) return null;
    return this.#points;
  }

  async #copied() {
    const frame = new VideoFrame(this.#source);
    try {
      const { format } = frame;
      if (format !== 'I420' && format !== 'I420A' && format !== 'NV12') return false;
      const size = frame.allocationSize();
      if (this.#planes.length < size) this.#planes = new Uint8Array(size);
      const layout = await frame.copyTo(this.#planes);
      const { width = 0, height = 0 } = frame.visibleRect ?? {};
      this.#take(0, layout[0], width, height, 1, 0);
      const [halfWidth, halfHeight] = [width >> 1, height >> 1];
      const isMixed = format === 'NV12'; // both colours in one plane
      this.#take(1, layout[1], halfWidth, halfHeight, isMixed ? 2 : 1, 0);
      this.#take(2, layout[isMixed ? 1 : 2], halfWidth, halfHeight, isMixed ? 2 : 1, isMixed ? 1 : 0);
      return true;
    } finally {
      frame.close();
    }
  }

  /** The middle of each cell of one component.
   * @param {number} component @param {PlaneLayout | undefined} layout
   * @param {number} width @param {number} height of the component
   * @param {number} step bytes from one to the next @param {number} first */
  #take(component, layout, width, height, step, first) {
    if (!layout) throw new TypeError('a plane is missing');
    let to = component * POINTS;
    for (let row = 0; row < ROWS; row += 1) {
      const line = layout.offset + Math.floor(((row + 0.5) * height) / ROWS) * layout.stride + first;
      for (let column = 0; column < COLUMNS; column += 1) {
        const from = line + Math.floor(((column + 0.5) * width) / COLUMNS) * step;
        this.#points[to] = this.#planes[from] ?? 0;
        to += 1;
      }
    }
  }

  #drawn() {
    this.#context ??= newContext();
    if (!this.#context) return false;
    this.#context.drawImage(this.#source, 0, 0, COLUMNS, ROWS);
    const rgba = this.#context.getImageData(0, 0, COLUMNS, ROWS).data;
    for (let point = 0; point < POINTS; point += 1) {
      const [r = 0, g = 0, b = 0] = [rgba[point * 4], rgba[point * 4 + 1], rgba[point * 4 + 2]];
      this.#points[point] = 0.299 * r + 0.587 * g + 0.114 * b;
      this.#points[POINTS + point] = b;
      this.#points[2 * POINTS + point] = r;
    }
    return true;
  }
}

function newContext() {
  const canvas = document.createElement('canvas');
  canvas.width = COLUMNS;
  canvas.height = ROWS;
  const context = canvas.getContext('2d', { willReadFrequently: true, alpha: false });
  if (context) context.imageSmoothingEnabled = false; // points, not means
  return context;
}
