// @ts-check
/** Who is not heard, in words at the picture's edge: the other site, and this one. */

/** @typedef {import('./model.js').Snapshot} Snapshot */

/** Pure. @param {Snapshot | null} snapshot
 * @param {boolean} isBlocked whether the browser refuses to play sound
 * @returns {{there: string, here: string}} */
export function soundLabels(snapshot, isBlocked) {
  if (!snapshot) return { there: '', here: '' };
  const { link, site } = snapshot;
  const remote = link.state === 'up' ? link.remote : null;
  const other = remote?.title || link.peer?.title || 'The other site';
  let there = '';
  if (remote?.microphone === 'muted') there = `${other} is muted`;
  else if (site.sound && isBlocked) there = 'Press a key to hear';
  let here = '';
  if (snapshot.microphone === 'muted') here = 'You are muted';
  // Wanted, but not to be had: the fault says why.
  else if (snapshot.faults.some((fault) => fault.key === 'microphone')) here = 'Your microphone is off';
  return { there, here };
}

export class SoundLabels {
  #there;
  #here;

  /** @param {HTMLElement} there @param {HTMLElement} here */
  constructor(there, here) {
    this.#there = there;
    this.#here = here;
  }

  /** @param {Snapshot | null} snapshot @param {boolean} isBlocked */
  render(snapshot, isBlocked) {
    const labels = soundLabels(snapshot, isBlocked);
    if (this.#there.textContent !== labels.there) this.#there.textContent = labels.there;
    if (this.#here.textContent !== labels.here) this.#here.textContent = labels.here;
  }
}
