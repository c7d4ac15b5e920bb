"""What to ask of a V4L2 device: the nearest to the wish that it really has, and what that lacks.
Pure."""

from __future__ import annotations

from fractions import Fraction

from portal.config import VideoSection
from portal.model import Camera, CameraFormat

# FourCC of V4L2 → ffmpeg's -input_format, in order of preference: compressed formats fit the
# bus at any size; H.264 is decoded like the others unless a look at it says that it can be copied.
INPUT_FORMATS = {
    "MJPG": "mjpeg",
    "JPEG": "mjpeg",
    "NV12": "nv12",
    "YU12": "yuv420p",
    "YUYV": "yuyv422",
    "UYVY": "uyvy422",
    "422P": "yuv422p",
    "RGB3": "rgb24",
    "BGR3": "bgr24",
    "H264": "h264",
}
_CLASSES = {"mjpeg": 0, "h264": 2}  # raw: 1
# A format of a better class may be this much worse than the best that the device has.
_TOLERANCE = 0.8
# 29.97 is 30 to a person, 25 is not.
_SAME_RATE = 0.02


class ChosenFormat(CameraFormat, frozen=True):
    """A format with the one rate that is asked for; 0 when the device named none."""

    rate: float = 0.0

    @property
    def in_words(self) -> str:
        """As people and the other pages read it: "MJPG 1280x720, 30 fps"."""
        rate = f", {self.rate:.4g} fps" if self.rate else ""
        return f"{self.pixel_format} {self.width}x{self.height}{rate}"

    @property
    def exact_rate(self) -> str:
        """As ffmpeg's -framerate takes it."""
        return str(Fraction(self.rate).limit_denominator(1001))


def is_quarter_turned(camera: Camera) -> bool:
    return camera.rotate % 180 == 90


def wanted_of_device(camera: Camera, video: VideoSection) -> tuple[int, int]:
    """Width and height before the picture is turned: the configured size is the turned one's."""
    if is_quarter_turned(camera):
        return video.height, video.width
    return video.width, video.height


def choose_format(camera: Camera, video: VideoSection) -> ChosenFormat | None:
    """The nearest to the wanted size and rate.

    MJPEG before raw before H.264, unless that costs more than a fifth of the picture. None when
    nothing usable is known: the device is then opened as it is.
    """
    size = wanted_of_device(camera, video)
    candidates = [one for one in _offered(camera) if one.pixel_format in INPUT_FORMATS]
    if not candidates:
        return None
    best = max(_worth(candidate, size, video.fps) for candidate in candidates)
    good = [one for one in candidates if _worth(one, size, video.fps) >= _TOLERANCE * best]
    return min(good, key=lambda one: _preference(one, size, video.fps))


def copyable_format(camera: Camera, video: VideoSection) -> ChosenFormat | None:
    """The camera's own H.264 that could be sent as it is: at the wanted size and, as nearly as
    it has it, the wanted rate. Nothing can be turned, scaled or thinned then."""
    if camera.source != "usb" or camera.rotate or camera.mirror or not video.copy_h264:
        return None
    fitting = [
        one
        for one in _offered(camera)
        if one.pixel_format == "H264"
        and (one.width, one.height) == (video.width, video.height)
        and 0 < one.rate <= video.fps * (1 + _SAME_RATE)
    ]
    best = max(fitting, key=lambda one: one.rate, default=None)
    decoded = choose_format(camera, video)
    # Not at the price of a slower picture than another of its formats gives.
    if best is None or (decoded and min(decoded.rate, video.fps) > best.rate * (1 + _SAME_RATE)):
        return None
    return best


def lacking(camera: Camera, chosen: ChosenFormat | None, video: VideoSection) -> str:
    """What of the wanted picture the camera does not have, in words; "" when nothing."""
    if chosen is None:
        return "the camera names no format that can be used: it is opened as it is"
    lacks = []
    width, height = wanted_of_device(camera, video)
    if chosen.width < width or chosen.height < height:
        turned = " before it is turned" if is_quarter_turned(camera) else ""
        lacks.append(
            f"{width}x{height} is wanted{turned}, the camera has {chosen.width}x{chosen.height}"
        )
    if chosen.rate and abs(chosen.rate - video.fps) > video.fps * _SAME_RATE:
        step = thinning(chosen, video)
        if abs(chosen.rate / step - video.fps) > video.fps * _SAME_RATE:
            lacks.append(f"{video.fps} fps is wanted, the camera has {chosen.rate:.4g}")
    return "; ".join(lacks)


def thinning(chosen: ChosenFormat | None, video: VideoSection) -> int:
    """Take every nth frame of a camera that is at least twice as fast as wanted."""
    return max(1, int(chosen.rate / video.fps + 0.01)) if chosen else 1


def _offered(camera: Camera) -> list[ChosenFormat]:
    return [
        ChosenFormat(
            pixel_format=form.pixel_format,
            width=form.width,
            height=form.height,
            rates=form.rates,
            rate=rate,
        )
        for form in camera.formats
        if form.width > 0 and form.height > 0
        for rate in ([rate for rate in form.rates if rate >= 0.1] or [0.0])
    ]


def _worth(one: ChosenFormat, size: tuple[int, int], fps: int) -> float:
    """1 when all that is wanted is there. A low rate hurts twice as much as a small picture."""
    pixels = min(one.width, size[0]) * min(one.height, size[1])
    rate = min(one.rate or fps, fps) / fps
    return pixels / (size[0] * size[1]) * rate**2


def _preference(one: ChosenFormat, size: tuple[int, int], fps: int) -> tuple[float, ...]:
    """Smallest first: class, then worth, then what would be thrown away."""
    kind = _CLASSES.get(INPUT_FORMATS[one.pixel_format], 1)
    order = list(INPUT_FORMATS).index(one.pixel_format)
    return (kind, -_worth(one, size, fps), one.width * one.height, one.rate, order)
