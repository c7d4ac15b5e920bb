"""ffmpeg input arguments as the configuration file says them. Pure."""

from __future__ import annotations

from itertools import pairwise

_LIVE_DEMUXERS = {
    "alsa", "decklink", "fbdev", "kmsgrab", "libdc1394", "pulse", "v4l2", "video4linux2", "x11grab",
}  # fmt: skip


def configured_input(configured: tuple[str, ...]) -> list[str]:
    """Held to real time when it is a file or a graph."""
    argv = ["-fflags", "nobuffer", "-flags", "low_delay", "-threads", "1"]
    if not ({"-re", "-readrate"} & set(configured) or _is_live(configured)):
        argv.append("-re")
    return [*argv, *configured]


def _is_live(configured: tuple[str, ...]) -> bool:
    named = dict(pairwise(configured))
    demuxer, url = named.get("-f", ""), named.get("-i", "")
    if demuxer == "lavfi":
        return False
    scheme, found, _ = url.partition("://")
    return demuxer in _LIVE_DEMUXERS or bool(found and scheme != "file") or url.startswith("/dev/")
