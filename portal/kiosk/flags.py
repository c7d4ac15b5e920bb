"""How the browser on the screen is started: each flag with the reason why a kiosk needs it."""

from __future__ import annotations

from pathlib import Path

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

# What needs a window, and would be noise in a headless test.
_ON_A_SCREEN = (
    "--noerrdialogs",  # no dialog over the picture, whatever went wrong
    "--hide-crash-restore-bubble",
    "--disable-infobars",
    # Nobody collects its crash dumps. (--disable-crashpad-for-testing would also spare the two
    # processes that write them, but Chromium 156's network service does not start with it.)
    "--disable-breakpad",
    "--disable-pinch",  # fingers on a touch screen neither zoom
    "--overscroll-history-navigation=0",  # nor leave the page
    "--disable-print-preview",
    "--password-store=basic",  # no keyring that asks for a password
    "--disable-domain-reliability",
    "--disable-search-engine-choice-screen",
    "--deny-permission-prompts",  # no question over the picture
    "--check-for-update-interval=31536000",
    "--disk-cache-size=33554432",  # the profile lives in memory, and the pages are 200 kB
)
_UNWANTED_FEATURES = (
    "Translate",  # no bubble over a page in another language
    "MediaRouter",  # no search for Chromecasts on the network
    "OptimizationHints",
    "GlobalMediaControls",
    "OverscrollHistoryNavigation",
)
# Chromium's own list of bad drivers stays in force, and it decodes by itself where they fail.
_HARDWARE_DECODING = ("AcceleratedVideoDecodeLinuxGL", "VaapiVideoDecoder")
_GPU = Path("/dev/dri")


def chromium_flags() -> list[str]:
    """Chromium's flags for the kiosk page, without those that pick a display or a profile."""
    return list(_ALWAYS)


def screen_flags(
    profile: Path, *, platform: str, is_kiosk: bool = True, has_gpu: bool | None = None
) -> list[str]:
    """All flags of the browser on the screen, without the page's address. `platform` is Ozone's
    name of what draws its window: wayland or x11.

    The sandbox stays on: nothing here takes it away.
    """
    gpu = _GPU.is_dir() if has_gpu is None else has_gpu
    flags = [
        *_ALWAYS,
        *_ON_A_SCREEN,
        f"--disable-features={','.join(_UNWANTED_FEATURES)}",
        f"--user-data-dir={profile}",
        "--remote-debugging-pipe",  # the watchdog's line; no port that others could reach
    ]
    if gpu:
        flags.append(f"--enable-features={','.join(_HARDWARE_DECODING)}")
    flags.append(f"--ozone-platform={platform}")
    if is_kiosk:
        flags.append("--kiosk")
    return flags
