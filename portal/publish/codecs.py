"""Each encoder's arguments for low latency and for browsers: no B-frames, 4:2:0, a baseline
profile, keyframes as asked. Pure."""

from __future__ import annotations

from portal.config import VideoSection
from portal.model import Value

# A joining screen, and one that lost a packet, waits for the next keyframe: MediaMTX cannot ask an
# RTSP publisher for one. Half the interval is the mean wait: 250 ms at 2, 167 at 3, 100 at 5. The
# bits for it cost little: SSIM .938 at 2 to 4 a second, .937 at 5 (2.5 Mbit/s, ultrafast, noisy).
KEYFRAMES_PER_S = 5
# The rate control's window: what a keyframe may take at once. Longer looks better, comes later.
VBV_WINDOW_S = 0.25
# One thread of x264 manages that much; more threads mean more slices, and a worse picture.
_PIXELS_PER_S_A_THREAD = 1280 * 720 * 60
_CONSTRAINED_BASELINE = "578"  # by number: these wrappers know no names

X264 = "libx264"
COPY = "copy"
# By their names in `video.encoder`.
BY_SETTING = {
    "x264": X264,
    "v4l2m2m": "h264_v4l2m2m",
    "vaapi": "h264_vaapi",
    "nvenc": "h264_nvenc",
    "omx": "h264_omx",
}


class Encoder(Value, frozen=True):
    """One that this machine has. `device` is the node it works on, where ffmpeg must be told."""

    name: str = X264  # as ffmpeg calls it
    device: str = ""


def opening(encoder: Encoder) -> list[str]:
    """What stands before the inputs."""
    return ["-vaapi_device", encoder.device] if encoder.device else []


def last_filters(encoder: Encoder) -> list[str]:
    """What the encoder wants done to the 4:2:0 picture."""
    return ["format=nv12", "hwupload"] if encoder.name == "h264_vaapi" else []


def encoding(encoder: Encoder, video: VideoSection, *, cores: int) -> list[str]:
    """The output's arguments."""
    rate = video.bitrate_kbps
    return [
        *("-c:v", encoder.name),
        *_own(encoder.name, video, cores),
        *("-bf", "0", "-g", str(keyframe_distance(video))),
        # A camera in the dark delivers fewer frames: then the clock asks for the keyframe.
        *("-force_key_frames", "expr:gte(t,n_forced)"),
        # Each frame at its own time: none repeated to fill a rate, none held back to count.
        *("-fps_mode", "vfr", "-enc_time_base", "1/90000"),
        *("-b:v", f"{rate}k", "-maxrate", f"{rate}k"),
        *("-bufsize", f"{max(1, round(rate * VBV_WINDOW_S))}k"),
    ]


def keyframe_distance(video: VideoSection) -> int:
    """In frames."""
    return max(1, video.fps // KEYFRAMES_PER_S)


def _own(name: str, video: VideoSection, cores: int) -> list[str]:
    match name:
        case "h264_v4l2m2m":
            return ["-pix_fmt", "yuv420p", "-profile:v", _CONSTRAINED_BASELINE]
        case "h264_vaapi":
            # One frame in flight; CAVLC belongs to the profile.
            argv = ["-profile:v", "constrained_baseline", "-coder", "cavlc"]
            return [*argv, "-rc_mode", "CBR", "-async_depth", "1"]
        case "h264_nvenc":
            argv = ["-pix_fmt", "yuv420p", "-profile:v", "baseline", "-preset", "p1"]
            argv += ["-tune", "ull", "-rc", "cbr", "-zerolatency", "1", "-delay", "0"]
            return [*argv, "-forced-idr", "1", "-no-scenecut", "1"]
        case "h264_omx":
            return ["-pix_fmt", "yuv420p", "-profile:v", "baseline"]
        case _:
            preset, threads = x264_effort(video, cores=cores)
            argv = ["-pix_fmt", "yuv420p", "-preset", preset, "-tune", "zerolatency"]
            argv += ["-profile:v", "baseline", "-sc_threshold", "0"]
            return [*argv, "-threads", str(threads)]


def x264_effort(video: VideoSection, *, cores: int) -> tuple[str, int]:
    """Preset and threads that leave the box's browser its cores.

    Measured on one core, 720p at 2.5 Mbit/s, noisy: ultrafast 4.0 ms of CPU a frame, SSIM .877;
    superfast 6.5 ms, .885; veryfast 10.4 ms, .885. So superfast where cores are many (and, on the
    boxes that have eight, quick): the first costs a four-core Raspberry Pi half a core already.
    """
    needed = -(-video.width * video.height * video.fps // _PIXELS_PER_S_A_THREAD)
    return "superfast" if cores >= 8 else "ultrafast", max(1, min(4, needed, cores // 2))
