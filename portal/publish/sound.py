"""Microphone + settings → ffmpeg's argument list, and its complaints in words. Pure.

Sound goes its own way, as a path beside the picture's: ffmpeg would hold each picture back until
the sound of the same moment is there (60 ms, measured at the screen), and a microphone that fails
would end the picture too.
"""

from __future__ import annotations

import re

from portal.config import MicrophoneSection
from portal.model import Camera, Value
from portal.publish.configured import configured_input
from portal.publish.explain import PublisherStatus

PATH = "cam/sound"

_HARDWARE = re.compile(r"^(?:plug)?hw:(?:CARD=)?([A-Za-z0-9_-]+)")

# ffmpeg's words; the first that is found counts.
_REASONS = (
    (r"Device or resource busy", "another program uses the microphone: close that program"),
    (r"Permission denied", "this user may not open the microphone: add it to the group audio"),
    (r"Unknown input format: '?alsa", "this ffmpeg cannot read ALSA: install Debian's"),
    (r"Unknown encoder|Encoder not found", "this ffmpeg has no libopus: install Debian's"),
    (r"No such device|No such file or directory", "the microphone is gone: plug it in again"),
    (r"Input/output error|File descriptor in bad state", "the microphone does not answer properly"),
    (r"matches no streams", "what microphone.input names has no sound"),
    (r"Connection refused|timed out|No route to host|resolve", "it cannot be reached"),
)


class SoundSource(Value, frozen=True):
    """An ALSA device, or ffmpeg's input arguments."""

    device: str = ""
    input: tuple[str, ...] = ()

    @property
    def card(self) -> str:
        """The sound card's id or number, "" when the device names none."""
        found = _HARDWARE.match(self.device)
        return found[1] if found else ""


def sound_source(microphone: MicrophoneSection, camera: Camera) -> SoundSource | None:
    """What is heard beside `camera`; None when there is nothing."""
    if microphone.input:
        return SoundSource(input=microphone.input)
    device = microphone.device or camera.microphone
    return SoundSource(device=device) if device else None


def sound_argv(
    source: SoundSource, *, microphone: MicrophoneSection, ffmpeg: str, rtsp_url: str
) -> list[str]:
    """The command that publishes `source` to `rtsp_url`."""
    return [
        ffmpeg,
        *("-nostdin", "-hide_banner", "-loglevel", "warning"),
        *(configured_input(source.input) if source.input else _alsa_input(source.device)),
        *("-map", "0:a:0", "-vn", "-sn", "-dn"),
        # A device's clock is not the receiver's: what drifts or stops is stretched or filled.
        *("-af", "aresample=48000:async=1000"),
        *("-c:a", "libopus", "-application", "lowdelay", "-frame_duration", "10"),
        *("-ac", "1", "-b:a", f"{microphone.bitrate_kbps}k"),
        *("-f", "rtsp", "-rtsp_transport", "tcp", rtsp_url),
    ]


def _alsa_input(device: str) -> list[str]:
    # hw: takes only what the hardware can: plughw: converts rate, channels and sample format.
    plugged = re.sub(r"^hw:", "plughw:", device)
    argv = ["-fflags", "nobuffer", "-f", "alsa", "-thread_queue_size", "64"]
    return [*argv, "-channels", "1", "-sample_rate", "48000", "-i", plugged]


def sound_explanation(status: PublisherStatus) -> str:
    """Why nothing is heard."""
    text = "\n".join(status.said)
    for pattern, meaning in _REASONS:
        if re.search(pattern, text, re.IGNORECASE):
            return meaning
    if status.why.startswith("no new frame"):
        return "the microphone gives no sound: plug it in again"
    return status.why or "ffmpeg does not start"
