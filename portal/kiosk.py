"""How the browser on the screen is started: each flag with the reason why a kiosk needs it."""

from __future__ import annotations

# Lets the page choose the delay at run time (kiosk/latency.js). WebRTC's receiver holds each
# picture back for smoothness: 25 ms with RTSP over TCP, 8 ms over UDP, 0.3 ms with this trial. A
# jitter buffer target set by the page brings the buffer back, up to `max_ms`; with max_ms:0
# nothing does. Undocumented; measured on Chromium 156.
_CHOSEN_PLAYOUT_DELAY = "--force-fieldtrials=WebRTC-ForcePlayoutDelay/min_ms:0,max_ms:500/"

_ALWAYS = (
    _CHOSEN_PLAYOUT_DELAY,
    # Chromium's own pacing of frames adds up to a display refresh to that (9 ms against 15).
    "--disable-rtc-smoothness-algorithm",
    "--autoplay-policy=no-user-gesture-required",  # nobody touches this screen
    "--no-first-run",  # no welcome page over the picture
    "--no-default-browser-check",  # no question over the picture
    "--disable-background-networking",  # no variations, metrics or safe-browsing downloads
    "--disable-component-update",  # no downloads that compete with the picture
    "--disable-sync",  # there is no account
    "--disable-quic",  # all signalling is on loopback
    "--disable-session-crashed-bubble",  # no "restore pages?" after a power cut
    "--disable-background-timer-throttling",  # the page's watchdog runs though nothing has focus
    "--disable-renderer-backgrounding",  # a screen that is off still counts as visible
    "--disable-backgrounding-occluded-windows",
)


def chromium_flags() -> list[str]:
    """Chromium's flags for the kiosk page, without those that pick a display or a profile."""
    return list(_ALWAYS)
