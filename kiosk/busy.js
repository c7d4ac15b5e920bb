// @ts-check
/** Notices when this box is too busy to run its own timers: then lateness is no network's. */

const TICK_MS = 100;
const LATE_MS = 40;

/** @param {() => void} onBusy called for each late tick @returns {() => void} its undo */
export function watchBusy(onBusy) {
  let due = performance.now() + TICK_MS;
  const timer = setInterval(() => {
    const now = performance.now();
    if (now - due > LATE_MS) onBusy();
    due = now + TICK_MS;
  }, TICK_MS);
  return () => clearInterval(timer);
}
