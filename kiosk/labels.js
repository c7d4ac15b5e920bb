// @ts-check
/** The other site's name and clock, small, in a corner of its picture. */

/** @typedef {import('./model.js').Snapshot} Snapshot */

// A still sign burns into some screens: it walks round a small square.
const STEP_EVERY_MS = 60_000;
const STEPS = [
  [0, 0],
  [0.4, 0],
  [0.4, -0.4],
  [0, -0.4],
]; // vmin

/** What they say. Pure.
 * @param {Snapshot} snapshot @param {number} nowMs Unix time here
 * @returns {{name: string, clock: string}} */
function labelsOf({ site, link }, nowMs) {
  const { remote, peer } = link;
  const name = remote?.title || peer?.title || peer?.name || '';
  const zone = remote?.time_zone ?? '';
  return {
    name: site.show_title === false ? '' : name,
    clock:
      site.show_clock === false || !zone
        ? ''
        : clockIn(zone, nowMs + (link.clock_offset_s ?? 0) * 1000, site.time_zone ?? '', nowMs),
  };
}

/** "07:42", with the weekday where it is another one than here.
 * @param {string} zone @param {number} ms there @param {string} hereZone @param {number} hereMs */
function clockIn(zone, ms, hereZone, hereMs) {
  try {
    const time = new Intl.DateTimeFormat('en-GB', {
      timeZone: zone,
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    }).format(ms);
    const day = weekday(zone, ms);
    return day === weekday(hereZone || undefined, hereMs) ? time : `${day} ${time}`;
  } catch {
    return ''; // a zone that this browser does not know
  }
}

/** @param {string | undefined} zone @param {number} ms */
function weekday(zone, ms) {
  return new Intl.DateTimeFormat('en-GB', { timeZone: zone, weekday: 'short' }).format(ms);
}

export class Labels {
  #element;
  #name;
  #clock;

  /** @param {HTMLElement} element with a name and a clock in it */
  constructor(element) {
    this.#element = element;
    this.#name = /** @type {HTMLElement} */ (element.querySelector('.name'));
    this.#clock = /** @type {HTMLElement} */ (element.querySelector('.clock'));
  }

  /** @param {Snapshot | null} snapshot */
  render(snapshot) {
    const now = Date.now();
    const { name, clock } = snapshot ? labelsOf(snapshot, now) : { name: '', clock: '' };
    if (this.#name.textContent !== name) this.#name.textContent = name;
    if (this.#clock.textContent !== clock) this.#clock.textContent = clock;
    const [x, y] = STEPS[Math.floor(now / STEP_EVERY_MS) % STEPS.length] ?? [0, 0];
    const place = `translate(${x}vmin, ${y}vmin)`;
    if (this.#element.style.transform !== place) this.#element.style.transform = place;
  }
}
