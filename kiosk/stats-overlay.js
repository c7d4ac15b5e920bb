// @ts-check
/** The figures in a corner of the screen: key `s`. */

/** @typedef {import('./stats.js').Figures} Figures */

/** @param {number | null} value @param {string} unit @param {number} [digits] */
const shown = (value, unit, digits = 0) =>
  value === null ? '–' : `${value.toFixed(digits)} ${unit}`;

/**
 * Rows of label and value.
 * @param {Figures | null} figures @param {number | null} ageMs @param {string} latency
 * @returns {[string, string][]}
 */
export function rowsOf(figures, ageMs, latency) {
  if (!figures) return [['Picture', 'none']];
  return [
    ['Picture age', ageMs === null ? '–' : `≈ ${ageMs.toFixed(0)} ms`],
    ['Latency', latency],
    ['Resolution', figures.width === null ? '–' : `${figures.width} × ${figures.height}`],
    ['Frame rate', shown(figures.fps, 'fps', 1)],
    ['Bitrate', figures.kbps === null ? '–' : `${(figures.kbps / 1000).toFixed(2)} Mbit/s`],
    ['Round trip', shown(figures.rtt, 'ms', 1)],
    ['Network jitter', shown(figures.jitter, 'ms')],
    ['Jitter buffer', shown(figures.buffer, 'ms', 1)],
    ['Decoding', shown(figures.decode, 'ms', 1)],
    ['Frames dropped', String(figures.dropped)],
    ['Transport', figures.transport.toUpperCase() || '–'],
    ['Packets lost', String(figures.totals.lost)],
    ['Freezes', String(figures.totals.freezes)],
  ];
}

export class StatsOverlay {
  #list;

  /** @param {HTMLElement} list a <dl> */
  constructor(list) {
    this.#list = list;
  }

  get visible() {
    return !this.#list.hidden;
  }

  toggle() {
    this.#list.hidden = !this.#list.hidden;
  }

  /** @param {[string, string][]} rows */
  render(rows) {
    this.#list.replaceChildren(
      ...rows.flatMap(([label, value]) => {
        const term = document.createElement('dt');
        term.textContent = label;
        const figure = document.createElement('dd');
        figure.textContent = value;
        return [term, figure];
      }),
    );
  }
}
