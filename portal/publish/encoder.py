"""Camera + settings → ffmpeg's argument list. Pure: nothing is asked of the machine here."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

from portal.config import VideoSection
from portal.model import Camera, CameraFormat
from portal.publish.pattern import pattern_graph

# A joining screen, and one that lost a packet, waits for the next keyframe: MediaMTX cannot ask an
# RTSP publisher for one. Half the interval is the mean wait: 250 ms at 2, 167 at 3, 100 at 5. The
# bits for it cost little: SSIM .938 at 2 to 4 a second, .937 at 5 (2.5 Mbit/s, ultrafast, noisy).
KEYFRAMES_PER_S = 5
# Packets of 1472 bytes over TCP stall ~40 ms at each keyframe; UDP would need ports of its own.
RTSP_TRANSPORT = ("-rtsp_transport", "tcp", "-pkt_size", "60000")
# The rate control's window: what a keyframe may take at once. Longer looks better, comes later.
VBV_WINDOW_S = 0.25
# One x264 thread (ultrafast) manages 720p30 in 2.4 ms a frame; more threads mean more slices.
_PIXELS_PER_S_A_THREAD = 1280 * 720 * 60

# FourCC of V4L2 → ffmpeg's -input_format, in order of preference: compressed formats fit the
# bus at any size; H.264 is decoded like the others until a look at it says that it can be copied.
_INPUT_FORMATS = {
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

_LIVE_DEMUXERS = {
    "alsa", "decklink", "fbdev", "kmsgrab", "libdc1394", "pulse", "v4l2", "video4linux2", "x11grab",
}  # fmt: skip


class ChosenFormat(CameraFormat, frozen=True):
    """A format with the one rate that is asked for; 0 when the device named none."""

    rate: float = 0.0


def encoder_argv(
    camera: Camera, *, video: VideoSection, title: str, ffmpeg: str, rtsp_url: str
) -> list[str]:
    """The command that publishes `camera` to `rtsp_url`."""
    chosen = None
    match camera.source:
        case "pattern":
            source = _pattern_input(video, title)
            filters = []
        case "ffmpeg":
            source = _configured_input(camera.input)
            filters = [_fit(video)]
        case _:
            chosen = choose_format(camera.formats, video)
            source = _v4l2_input(camera.device, chosen)
            filters = [*_thinned(chosen, video), _fit(video)]
    return [
        ffmpeg,
        *("-nostdin", "-hide_banner", "-loglevel", "warning"),
        *source,
        *("-map", "0:v:0", "-an", "-sn", "-dn"),
        *(("-vf", ",".join(filters)) if filters else ()),
        *_encoding(video),
        *("-f", "rtsp", *RTSP_TRANSPORT, rtsp_url),
    ]


def choose_format(formats: tuple[CameraFormat, ...], video: VideoSection) -> ChosenFormat | None:
    """What to ask of the device: the nearest to the wanted size and rate that it really has.

    MJPEG before raw before H.264, unless that costs more than a fifth of the picture. None when
    nothing usable is known: the device is then opened as it is.
    """
    candidates = [
        ChosenFormat(
            pixel_format=form.pixel_format,
            width=form.width,
            height=form.height,
            rates=form.rates,
            rate=rate,
        )
        for form in formats
        if form.pixel_format in _INPUT_FORMATS and form.width > 0 and form.height > 0
        for rate in ([rate for rate in form.rates if rate >= 0.1] or [0.0])
    ]
    if not candidates:
        return None
    best = max(_worth(candidate, video) for candidate in candidates)
    good = [one for one in candidates if _worth(one, video) >= _TOLERANCE * best]
    return min(good, key=lambda one: _preference(one, video))


def _worth(one: ChosenFormat, video: VideoSection) -> float:
    """1 when all that is wanted is there. A low rate hurts twice as much as a small picture."""
    size = min(one.width, video.width) * min(one.height, video.height)
    rate = min(one.rate or video.fps, video.fps) / video.fps
    return size / (video.width * video.height) * rate**2


def _preference(one: ChosenFormat, video: VideoSection) -> tuple[float, ...]:
    """Smallest first: class, then worth, then what would be thrown away."""
    kind = _CLASSES.get(_INPUT_FORMATS[one.pixel_format], 1)
    order = list(_INPUT_FORMATS).index(one.pixel_format)
    return (kind, -_worth(one, video), one.width * one.height, one.rate, order)


def _v4l2_input(device: str, chosen: ChosenFormat | None) -> list[str]:
    argv = [*("-fflags", "nobuffer", "-flags", "low_delay")]
    # Frame threads of the MJPEG decoder would hold back one frame each.
    argv += ["-threads", "1", "-f", "v4l2", "-thread_queue_size", "4"]
    if chosen is not None:
        argv += ["-input_format", _INPUT_FORMATS[chosen.pixel_format]]
        argv += ["-video_size", f"{chosen.width}x{chosen.height}"]
        if chosen.rate:
            argv += ["-framerate", str(Fraction(chosen.rate).limit_denominator(1001))]
    return [*argv, "-i", device]


def _pattern_input(video: VideoSection, title: str) -> list[str]:
    graph = pattern_graph(title, width=video.width, height=video.height, fps=video.fps)
    return ["-re", "-f", "lavfi", "-i", graph]


def _configured_input(configured: tuple[str, ...]) -> list[str]:
    """What the configuration file says, held to real time when it is a file or a graph."""
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


def _thinned(chosen: ChosenFormat | None, video: VideoSection) -> list[str]:
    """Drop whole frames of a camera that is at least twice as fast as wanted: no frame waits."""
    step = int(chosen.rate / video.fps + 0.01) if chosen else 1
    return [f"framestep={step}"] if step > 1 else []


def _fit(video: VideoSection) -> str:
    """Never larger than wanted, never enlarged, undistorted, even, in studio range 4:2:0."""
    return (
        f"scale=w='min(iw,{video.width})':h='min(ih,{video.height})'"
        ":force_original_aspect_ratio=decrease:force_divisible_by=2"
        ":flags=fast_bilinear:out_range=tv,setsar=1,format=yuv420p"
    )


def _encoding(video: VideoSection) -> list[str]:
    rate = video.bitrate_kbps
    threads = -(-video.width * video.height * video.fps // _PIXELS_PER_S_A_THREAD)
    return [
        *("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency"),
        *("-profile:v", "baseline", "-pix_fmt", "yuv420p", "-bf", "0"),
        *("-g", str(max(1, video.fps // KEYFRAMES_PER_S)), "-sc_threshold", "0"),
        # A camera in the dark delivers fewer frames: then the clock asks for the keyframe.
        *("-force_key_frames", "expr:gte(t,n_forced)"),
        # Each frame at its own time: none repeated to fill a rate, none held back to count.
        *("-fps_mode", "vfr", "-enc_time_base", "1/90000"),
        *("-b:v", f"{rate}k", "-maxrate", f"{rate}k"),
        *("-bufsize", f"{max(1, round(rate * VBV_WINDOW_S))}k"),
        *("-threads", str(min(4, threads))),
    ]
