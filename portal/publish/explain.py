"""What a publisher says of its ffmpeg, and what that means to a person. Pure."""

from __future__ import annotations

import re

import msgspec

# ffmpeg's words for what people can do something about, with the cause for programs; the first
# that is found counts.
_USB = (
    (r"Device or resource busy", "busy", "another program uses the camera: close that program"),
    (
        r"Permission denied|Operation not permitted",
        "denied",
        "this user may not open the camera: add it to the group video",
    ),
    (r"No space left on device", "bandwidth", "the USB bus has no bandwidth left: {bandwidth}"),
    (
        r"Not a video capture device",  # said before "No such device"
        "format",
        "this ffmpeg cannot read the camera: it sends its picture in planes; use another camera",
    ),
    (r"No such device|No such file or directory", "gone", "the camera is gone: plug it in again"),
    (
        r"Input/output error|Protocol error|Connection timed out|Broken pipe.*/dev/video",
        "wedged",
        "the camera does not answer properly: plug it in again, try another cable or port",
    ),
    (
        r"Inappropriate ioctl|Invalid argument|does not support|Cannot find a proper format",
        "format",
        "the camera does not offer what was asked: see video.width, video.height, video.fps",
    ),
)
_CONFIGURED = (
    (r"No such file or directory", "gone", "what the camera's input names does not exist"),
    (r"Permission denied", "denied", "this user may not read what the camera's input names"),
    (r"Connection refused", "", "what the camera's input names refuses the connection"),
    (r"timed out|No route to host|resolve", "", "what the camera's input names cannot be reached"),
    (
        r"401 Unauthorized|403 Forbidden",
        "denied",
        "the camera's input wants another user or password",
    ),
    (
        r"404 Not Found|Invalid data found",
        "format",
        "what the camera's input names is not a video",
    ),
)
_ALL = (
    (r"Connection refused|Connection reset|Broken pipe", "", "MediaMTX does not take the picture"),
    (
        r"Unknown encoder|Encoder not found",
        "",
        "this ffmpeg has no libx264: install Debian's, or name another in video.ffmpeg",
    ),
    (
        r"Unrecognized option|Option not found",
        "",
        "this ffmpeg does not know an option: 5.1 or newer is needed, see video.ffmpeg",
    ),
)
_REASONS = {"usb": (*_USB, *_ALL), "ffmpeg": (*_ALL[1:], *_CONFIGURED), "pattern": _ALL}
# A camera that hangs is told from one that is slow by its second silence.
_SILENT_THEN_WEDGED = 2

_USER_IN_URL = re.compile(r"://[^/\s]*@")


class PublisherStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What the publisher last wrote about itself."""

    tag: str = ""  # names the command that it runs
    state: str = ""  # "starting", "sending", "healthy", "waiting", "gone" (its device)
    pid: int = 0
    ffmpeg: int = 0  # its pid, 0 while none runs
    failures: int = 0  # ends of ffmpeg since it was last healthy
    why: str = ""  # the last one ended
    said: tuple[str, ...] = ()  # by ffmpeg


def parse_status(text: str) -> PublisherStatus:
    """Lines of "key value"; what is not understood counts as absent."""
    fields: dict[str, str] = {}
    said = []
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        if key == "said":
            said.append(value)
        else:
            fields[key] = value
    return PublisherStatus(
        tag=fields.get("tag", ""),
        state=fields.get("state", ""),
        pid=_number(fields.get("pid", "")),
        ffmpeg=_number(fields.get("ffmpeg", "")),
        failures=_number(fields.get("failures", "")),
        why=fields.get("why", ""),
        said=tuple(said),
    )


class Explanation(msgspec.Struct, frozen=True):
    """Why there is no picture: in words, with what to do about it where that is known, and as
    `CameraStatus.cause`."""

    words: str
    cause: str = ""


def explained(status: PublisherStatus, source: str, *, is_compressed: bool = False) -> Explanation:
    """What the end of ffmpeg means. `is_compressed`: the camera was asked for MJPEG or H.264."""
    text = "\n".join(status.said)
    for pattern, cause, meaning in _REASONS.get(source, _ALL):
        if re.search(pattern, text, re.IGNORECASE):
            return Explanation(meaning.format(bandwidth=_bandwidth(is_compressed)), cause)
    if status.why.endswith(" is gone"):
        return Explanation("the camera is gone: plug it in again", "gone")
    if status.why.startswith("no new frame"):
        if source == "usb":
            words = "the camera sends no pictures: plug it in again"
            hangs = status.failures >= _SILENT_THEN_WEDGED
            return Explanation(words, "wedged" if hangs else "silent")
        return Explanation("the camera sends no pictures", "silent")
    # A camera's user and password stand in its URL; these words go to pages and the other site.
    said = _USER_IN_URL.sub("://***@", status.said[-1]) if status.said else ""
    last = f" ({said})" if said else ""
    return Explanation(f"{status.why or 'ffmpeg does not start'}{last}")


def explanation(status: PublisherStatus, source: str) -> str:
    """The words alone."""
    return explained(status, source).words


def complaint_of(encoder: str, said: tuple[str, ...]) -> str:
    """What ffmpeg said of a hardware encoder; "" for nothing, and of the processor's."""
    kind = encoder.partition("_")[2]
    return next((line for line in said if kind and kind in line.lower()), "")


def _bandwidth(is_compressed: bool) -> str:
    """A camera reserves for its largest frames; MJPEG needs a fifth of raw pictures."""
    other = "plug one camera into a port of another USB bus"
    if is_compressed:
        return f"{other}, or lower video.width and video.height"
    return f"lower video.width and video.height, use a camera that has MJPEG, or {other}"


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0
