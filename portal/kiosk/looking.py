"""What the watchdog sees of the page on the screen."""

from __future__ import annotations

import msgspec

from portal.kiosk.browser import Browser

# Runs in the page. Two animation frames: the first may have been due before the screen stopped.
_LOOK = """(async (isDark) => {
  const root = document.documentElement;
  const painted = await new Promise((done) => {
    setTimeout(done, 1000, false);
    requestAnimationFrame(() => requestAnimationFrame(() => done(true)));
  });
  let dark = document.getElementById('portal-dark');
  if (isDark && !dark) {
    dark = document.createElement('div');
    dark.id = 'portal-dark';
    dark.style.cssText = 'position:fixed;inset:0;z-index:2147483647;background:#000';
    root.append(dark);
  } else if (!isDark) {
    dark?.remove();
  }
  let report = null;
  try { report = window.portal?.report?.() ?? null; } catch {}
  return {
    href: location.href, painted,
    splash: 'portalSplash' in root.dataset,
    state: root.dataset.state ?? '',
    live: (report?.state ?? root.dataset.state) === 'live',
  };
})"""


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """What the page says of itself. `state` is the page's own, "" where it is not ours."""

    href: str = ""
    painted: bool = False
    splash: bool = False
    state: str = ""
    live: bool = False

    def is_page(self, url: str) -> bool:
        """Whether it is the page of `url`, and came up."""
        return self.href.startswith(url) and bool(self.state)


async def look(browser: Browser, *, is_dark: bool, within_s: float) -> Sight:
    """Raises `TimeoutError` when the page does not answer, `KioskError` when it cannot now (it is
    just being loaded). `is_dark` covers it in black."""
    seen = await browser.evaluate(f"{_LOOK}({str(is_dark).lower()})", within_s=within_s)
    return msgspec.convert(seen, Sight)
