"""Camera + settings + what is known of both machine and camera → ffmpeg's argument list. Pure:
nothing is asked of the machine here."""

from __future__ import annotations

from portal.config import VideoSection
from portal.model import Camera, Value
from portal.publish.codecs import COPY, Encoder, encoding, last_filters, opening
from portal.publish.configured import configured_input
from portal.publish.formats import (
    INPUT_FORMATS,
    ChosenFormat,
    choose_format,
    lacking,
    thinning,
    wanted_of_device,
)
from portal.publish.pattern import pattern_graph

# Packets of 1472 bytes over TCP stall ~40 ms at each keyframe; UDP would need ports of its own.
RTSP_TRANSPORT = ("-rtsp_transport", "tcp", "-pkt_size", "60000")
QUIET = ("-nostdin", "-hide_banner", "-loglevel", "warning")

# Tells the publisher, which reads ffmpeg's output, of frames that are exactly alike: a camera that
# froze. Here, before the encoder, a camera's noise is still there. 0.1 ms a frame at 1280x720.
STILL = (
    "freezedetect=n=0:d=2",
    "metadata=mode=print:key=lavfi.freezedetect.freeze_start:file='pipe\\:1':direct=1",
)

# By degrees clockwise, and whether left and right are swapped after that.
_TURNS = {
    (0, True): "hflip",
    (90, False): "transpose=clock",
    (90, True): "transpose=cclock_flip",
    (180, False): "hflip,vflip",
    (180, True): "vflip",
    (270, False): "transpose=cclock",
    (270, True): "transpose=clock_flip",
}
_DEFAULT = Encoder()


class Plan(Value, frozen=True):
    """How a camera is published, for ffmpeg and for people."""

    argv: tuple[str, ...]
    delivers: str = ""  # what is asked of the device
    encoder: str = ""  # as ffmpeg names it
    note: str = ""  # what of the wanted picture the camera lacks


def plan(
    camera: Camera,
    *,
    video: VideoSection,
    title: str,
    ffmpeg: str,
    rtsp_url: str,
    encoder: Encoder = _DEFAULT,
    copied: ChosenFormat | None = None,
    cores: int = 2,
) -> Plan:
    """The way to publish `camera` to `rtsp_url`; `copied` is its own H.264 when that is sent as
    it is."""
    chosen, note = copied, ""
    match camera.source:
        case "pattern":
            source = _pattern_input(camera, video, title)
            delivers = f"{video.width}x{video.height}, {video.fps} fps"
            filters = _turned(camera)
        case "ffmpeg":
            source = configured_input(camera.input)
            delivers = ""
            filters = [_fit(camera, video), *_turned(camera)]
        case _:
            if chosen is None:
                chosen = choose_format(camera, video)
                note = lacking(camera, chosen, video)
            source = v4l2_input(camera.device, chosen)
            delivers = chosen.in_words if chosen else ""
            filters = [*_thinned(chosen, video), _fit(camera, video), *_turned(camera)]
    if camera.source != "pattern":
        filters += STILL
    filters += last_filters(encoder)
    coded = ["-c:v", "copy"]
    if copied is None:
        coded = ["-vf", ",".join(filters)] if filters else []
        coded += encoding(encoder, video, cores=cores)
    argv = [
        *(ffmpeg, *QUIET),
        *(() if copied else opening(encoder)),
        *source,
        *("-map", "0:v:0", "-an", "-sn", "-dn"),
        *coded,
        *("-f", "rtsp", *RTSP_TRANSPORT, rtsp_url),
    ]
    used = COPY if copied else encoder.name
    return Plan(argv=tuple(argv), delivers=delivers, encoder=used, note=note)


def encoder_argv(
    camera: Camera, *, video: VideoSection, title: str, ffmpeg: str, rtsp_url: str
) -> list[str]:
    """The command alone, with x264."""
    return [*plan(camera, video=video, title=title, ffmpeg=ffmpeg, rtsp_url=rtsp_url).argv]


def v4l2_input(device: str, chosen: ChosenFormat | None) -> list[str]:
    """The device as ffmpeg opens it."""
    argv = ["-flags", "low_delay"]
    if chosen is not None and chosen.pixel_format == "H264":
        # ffmpeg would read 36 pictures to learn of B-frames, 2.4 s at 15 fps. Before it has decoded
        # seven it knows of no time to start from, and sends the second one hours after the first.
        argv += ["-analyzeduration", str(round(10 / (chosen.rate or 30) * 1e6))]
    else:
        # Drops what was read to learn about the stream: of H.264 that is the first keyframe.
        argv += ["-fflags", "nobuffer"]
    # Frame threads of the MJPEG decoder would hold back one frame each.
    argv += ["-threads", "1", "-f", "v4l2", "-thread_queue_size", "4"]
    if chosen is not None:
        argv += ["-input_format", INPUT_FORMATS[chosen.pixel_format]]
        argv += ["-video_size", f"{chosen.width}x{chosen.height}"]
        if chosen.rate:
            argv += ["-framerate", chosen.exact_rate]
    return [*argv, "-i", device]


def _pattern_input(camera: Camera, video: VideoSection, title: str) -> list[str]:
    width, height = wanted_of_device(camera, video)
    graph = pattern_graph(title, width=width, height=height, fps=video.fps)
    return ["-re", "-f", "lavfi", "-i", graph]


def _thinned(chosen: ChosenFormat | None, video: VideoSection) -> list[str]:
    """Drop whole frames: no frame waits."""
    step = thinning(chosen, video)
    return [f"framestep={step}"] if step > 1 else []


def _fit(camera: Camera, video: VideoSection) -> str:
    """Never larger than wanted, never enlarged, undistorted, even, in studio range 4:2:0."""
    width, height = wanted_of_device(camera, video)
    return (
        f"scale=w='min(iw,{width})':h='min(ih,{height})'"
        ":force_original_aspect_ratio=decrease:force_divisible_by=2"
        ":flags=fast_bilinear:out_range=tv,setsar=1,format=yuv420p"
    )


def _turned(camera: Camera) -> list[str]:
    """After scaling, where a turn costs least."""
    turn = _TURNS.get((camera.rotate, camera.mirror))
    return [turn] if turn else []
