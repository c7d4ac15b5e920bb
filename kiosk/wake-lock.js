// @ts-check
/** Keeps the screen on while the page is shown, where the browser can. */
export function keepAwake() {
  const ask = async () => {
    if (document.visibilityState !== 'visible') return;
    try {
      await navigator.wakeLock?.request('screen');
    } catch {
      // A low battery, or a screen that is kept on by other means: nothing to be done.
    }
  };
  document.addEventListener('visibilitychange', ask);
  void ask();
}
