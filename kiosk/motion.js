// @ts-check
/** Whether a decoded picture moves, told from coarse samples of it.
 *
 * Equal frames one after the other prove nothing: x264 skips blocks of a dark room, and moves those
 * of a frozen source at each keyframe. What tells them apart is return: the encoder of a frozen
 * source comes back to the very same picture in another group of pictures; with a camera's noise
 * (even of one step of 255, in the dark) none of 2304 points being another is never seen. Measured
 * with x264 at 0.8 and 2.5 Mbit/s, keyframes at 5 and 1 a second. A source without any noise, such
 * as a desktop, or a black picture, counts as still: it cannot be told from a frozen one. */

export const COLUMNS = 64;
export const ROWS = 36;

// Longer than equal frames last in a group of pictures; a keyframe a second is the least we send.
const RETURN_AFTER_MS = 600;
const REMEMBER_MS = 6000;
// A frozen source returned at least that often; without a return for so long it moves again.
const LAPSE_MS = 3000;
// Mean luma of a 48th of the picture: a keyframe changes it by 7 at most. Moves beyond doubt.
const STRONG = 21;
const BLOCK_COLUMNS = 8;
const BLOCK_ROWS = 6;

/** Feed it samples, some fifteen a second. Times are milliseconds of one clock. */
export class MotionMeter {
  /** @type {{print: string, at: number}[]} */
  #seen = [];
  /** @type {number[]} */
  #blocks = [];
  /** Since when nothing moves. @type {number | null} */
  #stillSince = null;
  #returnedAt = 0;
  #movedAt = 0;
  #hash = '';

  /** Changes as the picture moves; stays while it stands still. */
  get hash() {
    return this.#hash;
  }

  /** How long it has been standing still, 0 while it moves. @param {number} now */
  stillMs(now) {
    return this.#stillSince === null ? 0 : now - this.#stillSince;
  }

  /** @param {ArrayLike<number>} points the luma of COLUMNS x ROWS points row by row, then what else
   * is known of them @param {number} now */
  add(points, now) {
    const print = fingerprint(points);
    const blocks = blockMeans(points);
    const isStrong = this.#blocks.some((mean, i) => Math.abs(mean - (blocks[i] ?? 0)) > STRONG);
    this.#blocks = blocks;
    if (isStrong) {
      this.#seen = [];
      this.#moved(now);
    }
    this.#seen = this.#seen.filter(({ at }) => now - at <= REMEMBER_MS);
    const before = this.#seen.find((one) => one.print === print && now - one.at >= RETURN_AFTER_MS);
    this.#seen.push({ print, at: now });
    if (before) {
      this.#returnedAt = now;
      this.#stillSince ??= Math.max(before.at, this.#movedAt);
    } else if (this.#stillSince === null || now - this.#returnedAt > LAPSE_MS) {
      this.#moved(now);
    }
    if (this.#stillSince === null) this.#hash = print;
  }

  /** @param {number} now */
  #moved(now) {
    // While the encoder settles on a frozen source the picture is not known to move.
    if (this.#stillSince !== null) this.#movedAt = now;
    this.#stillSince = null;
  }
}

/** FNV-1a, two of them: 64 bits. @param {ArrayLike<number>} bytes */
function fingerprint(bytes) {
  let a = 0x811c9dc5;
  let b = 0x9747b28c;
  for (let i = 0; i < bytes.length; i += 1) {
    const byte = bytes[i] ?? 0;
    a = Math.imul(a ^ byte, 0x01000193);
    b = Math.imul(b ^ byte, 0x01000193) ^ (b >>> 15);
  }
  return hex(a) + hex(b);
}

/** @param {number} word */
function hex(word) {
  return (word >>> 0).toString(16).padStart(8, '0');
}

/** Mean luma of each block, row by row. @param {ArrayLike<number>} luma */
function blockMeans(luma) {
  const sums = new Array(BLOCK_COLUMNS * BLOCK_ROWS).fill(0);
  const [width, height] = [COLUMNS / BLOCK_COLUMNS, ROWS / BLOCK_ROWS];
  for (let y = 0; y < ROWS; y += 1) {
    for (let x = 0; x < COLUMNS; x += 1) {
      const block = Math.floor(y / height) * BLOCK_COLUMNS + Math.floor(x / width);
      sums[block] += luma[y * COLUMNS + x] ?? 0;
    }
  }
  return sums.map((sum) => sum / (width * height));
}
