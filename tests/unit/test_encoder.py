"""What ffmpeg is asked for, for each camera and each wish."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.config import VideoSection
from portal.model import Camera, CameraFormat
from portal.publish.codecs import BY_SETTING, Encoder, x264_effort
from portal.publish.encoder import STILL, Plan, encoder_argv, plan
from portal.publish.formats import choose_format, copyable_format

URL = "rtsp://127.0.0.1:8554/cam"
WANTED = VideoSection()  # 1280x720 at 30


def form(pixel_format: str, width: int, height: int, *rates: float) -> CameraFormat:
    return CameraFormat(pixel_format=pixel_format, width=width, height=height, rates=rates)


C920 = (
    form("YUYV", 640, 480, 30.0, 15.0),
    form("YUYV", 1280, 720, 10.0, 5.0),
    form("MJPG", 640, 480, 30.0),
    form("MJPG", 1280, 720, 60.0, 30.0, 24.0),
    form("MJPG", 1920, 1080, 30.0),
    form("H264", 1280, 720, 30.0),
)


def usb(*formats: CameraFormat) -> Camera:
    return Camera(id="c", name="C", source="usb", device="/dev/video0", formats=formats)


def argv_of(camera: Camera, video: VideoSection = WANTED, title: str = "Dublin") -> list[str]:
    return encoder_argv(camera, video=video, title=title, ffmpeg="/usr/bin/ffmpeg", rtsp_url=URL)


def planned(camera: Camera, video: VideoSection = WANTED, **known: Any) -> Plan:
    return plan(camera, video=video, title="", ffmpeg="ffmpeg", rtsp_url=URL, **known)


def options(argv: list[str]) -> dict[str, str]:
    return dict(pairwise(argv))


def before_input(argv: list[str]) -> dict[str, str]:
    return options(argv[: argv.index("-i")])


def test_the_wanted_size_and_rate_are_asked_of_the_device() -> None:
    asked = before_input(argv_of(usb(*C920)))
    assert asked["-input_format"] == "mjpeg"
    assert asked["-video_size"] == "1280x720"
    assert asked["-framerate"] == "30"


def test_mjpeg_comes_before_raw_and_raw_before_h264() -> None:
    same = [form(name, 1280, 720, 30.0) for name in ("H264", "NV12", "YUYV", "MJPG")]
    order = []
    while (chosen := choose_format(usb(*same), WANTED)) is not None:
        order.append(chosen.pixel_format)
        same = [one for one in same if one.pixel_format != chosen.pixel_format]
    assert order == ["MJPG", "NV12", "YUYV", "H264"]


def test_raw_is_taken_where_mjpeg_is_much_smaller() -> None:
    chosen = choose_format(usb(form("MJPG", 640, 360, 30), form("YUYV", 1280, 720, 30)), WANTED)
    assert chosen is not None
    assert chosen.pixel_format == "YUYV"


def test_a_smooth_small_picture_beats_a_slow_large_one() -> None:
    chosen = choose_format(usb(form("YUYV", 1280, 720, 10), form("YUYV", 640, 480, 30)), WANTED)
    assert chosen is not None
    assert (chosen.width, chosen.height, chosen.rate) == (640, 480, 30)


def test_a_nearly_wanted_rate_does_not_cost_the_size() -> None:
    chosen = choose_format(usb(form("MJPG", 1280, 720, 25), form("MJPG", 640, 480, 30)), WANTED)
    assert chosen is not None
    assert (chosen.width, chosen.rate) == (1280, 25)


def test_a_larger_camera_is_asked_for_the_smallest_size_that_suffices_and_scaled() -> None:
    camera = usb(form("MJPG", 3840, 2160, 30.0), form("MJPG", 1920, 1080, 30.0))
    argv = argv_of(camera)
    assert before_input(argv)["-video_size"] == "1920x1080"
    assert "min(iw,1280)" in options(argv)["-vf"]


def test_a_rate_that_is_no_whole_number_is_asked_for_exactly() -> None:
    argv = argv_of(usb(form("MJPG", 1280, 720, 30000 / 1001)))
    assert before_input(argv)["-framerate"] == "30000/1001"


def test_a_camera_twice_as_fast_as_wanted_loses_whole_frames() -> None:
    argv = argv_of(usb(form("MJPG", 1280, 720, 60.0)))
    assert before_input(argv)["-framerate"] == "60"
    assert options(argv)["-vf"].startswith("framestep=2,")


def test_a_camera_that_names_no_formats_is_opened_as_it_is() -> None:
    argv = argv_of(usb())
    assert not {"-input_format", "-video_size", "-framerate"} & set(argv)
    assert options(argv)["-i"] == "/dev/video0"


def test_a_format_that_ffmpeg_cannot_read_is_not_asked_for() -> None:
    argv = argv_of(usb(form("GRBG", 1280, 720, 30.0), form("YUYV", 320, 240, 30.0)))
    assert before_input(argv)["-input_format"] == "yuyv422"


def test_the_decoder_of_a_camera_holds_no_frame_back() -> None:
    asked = before_input(argv_of(usb(*C920)))
    assert asked["-threads"] == "1"
    assert asked["-flags"] == "low_delay"


def test_the_encoding_is_for_low_latency_and_for_browsers() -> None:
    asked = options(argv_of(usb(*C920)))
    assert asked["-c:v"] == "libx264"
    assert asked["-tune"] == "zerolatency"
    assert asked["-profile:v"] == "baseline"
    assert asked["-bf"] == "0"
    assert asked["-pix_fmt"] == "yuv420p"
    assert int(asked["-g"]) <= WANTED.fps
    assert asked["-b:v"] == asked["-maxrate"] == "2500k"
    assert asked["-pkt_size"] == "60000"


def test_nothing_but_the_picture_is_sent() -> None:
    argv = argv_of(Camera(id="f", name="f", source="ffmpeg", input=("-i", "rtsp://door/1")))
    assert "-an" in argv
    assert options(argv)["-map"] == "0:v:0"


def test_ffmpeg_never_asks_a_person() -> None:
    assert argv_of(usb())[1] == "-nostdin"


def test_the_input_arguments_of_the_configuration_stand_before_the_output() -> None:
    given = ("-rtsp_transport", "tcp", "-i", "rtsp://door/1")
    argv = argv_of(Camera(id="f", name="f", source="ffmpeg", input=given))
    start = argv.index("-rtsp_transport")
    assert tuple(argv[start : start + 4]) == given
    assert argv[-1] == URL


@pytest.mark.parametrize(
    ("given", "held"),
    [
        (("-i", "/srv/loop.mp4"), True),
        (("-stream_loop", "-1", "-i", "file:///srv/loop.mp4"), True),
        (("-f", "lavfi", "-i", "testsrc2"), True),
        (("-re", "-i", "/srv/loop.mp4"), False),
        (("-readrate", "1", "-i", "/srv/loop.mp4"), False),
        (("-i", "rtsp://door/1"), False),
        (("-f", "v4l2", "-i", "/dev/video9"), False),
        (("-f", "x11grab", "-i", ":0"), False),
        (("-i", "/dev/video9"), False),
    ],
)
def test_only_what_is_not_live_is_held_to_real_time(given: tuple[str, ...], held: bool) -> None:
    camera = Camera(id="f", name="f", source="ffmpeg", input=given)
    assert argv_of(camera).count("-re") == int(held or "-re" in given)


def test_the_test_picture_runs_in_real_time_at_the_wanted_size() -> None:
    argv = argv_of(Camera(id="p", name="p", source="pattern"))
    assert "-re" in argv
    assert "scale=1280:720" in options(argv)["-i"]


@pytest.mark.parametrize(
    ("video", "cores", "preset", "threads"),
    [
        (WANTED, 1, "ultrafast", 1),
        (WANTED, 4, "ultrafast", 1),
        (WANTED, 8, "superfast", 1),
        (VideoSection(width=1920, height=1080, fps=60), 2, "ultrafast", 1),
        (VideoSection(width=1920, height=1080, fps=60), 4, "ultrafast", 2),
        (VideoSection(width=3840, height=2160, fps=60), 16, "superfast", 4),
    ],
)
def test_half_of_the_cores_at_most_are_the_encoders(
    video: VideoSection, cores: int, preset: str, threads: int
) -> None:
    assert x264_effort(video, cores=cores) == (preset, threads)


def test_the_page_reads_what_was_asked_of_the_camera_and_what_it_lacks() -> None:
    full = planned(usb(*C920))
    assert (full.delivers, full.encoder, full.note) == ("MJPG 1280x720, 30 fps", "libx264", "")
    fast = planned(usb(form("MJPG", 1280, 720, 30.0)), VideoSection(fps=60))
    assert fast.delivers == "MJPG 1280x720, 30 fps"
    assert fast.note == "60 fps is wanted, the camera has 30"
    small = planned(usb(form("YUYV", 640, 480, 15.0)))
    assert small.note == (
        "1280x720 is wanted, the camera has 640x480; 30 fps is wanted, the camera has 15"
    )
    assert planned(usb(form("MJPG", 1280, 720, 30000 / 1001))).note == ""
    assert planned(usb(form("MJPG", 1280, 720, 60.0))).note == ""  # every second frame


def test_a_camera_mounted_on_its_side_is_asked_for_the_size_before_the_turn() -> None:
    portrait = VideoSection(width=720, height=1280)
    turned = msgspec.structs.replace(usb(*C920), rotate=90)
    argv = argv_of(turned, portrait)
    assert before_input(argv)["-video_size"] == "1280x720"
    assert options(argv)["-vf"].endswith(f",format=yuv420p,transpose=clock,{','.join(STILL)}")
    assert planned(turned, portrait).note == ""


def test_only_what_is_asked_for_is_turned() -> None:
    for camera in (usb(*C920), Camera(id="f", name="f", source="ffmpeg", input=("-i", "x"))):
        assert options(argv_of(camera))["-vf"].endswith(f"format=yuv420p,{','.join(STILL)}")
    assert "-vf" not in argv_of(Camera(id="p", name="p", source="pattern"))


def test_a_cameras_own_h264_is_copied_without_touching_a_pixel() -> None:
    camera = usb(*C920)
    copied = copyable_format(camera, WANTED)
    assert copied is not None
    made = planned(camera, copied=copied)
    asked = before_input([*made.argv])
    assert asked["-input_format"] == "h264"
    assert asked["-analyzeduration"] == "333333"  # ten pictures
    assert "-fflags" not in asked  # the first keyframe would be dropped
    assert options([*made.argv])["-c:v"] == "copy"
    assert not {"-vf", "-g", "-pix_fmt"} & {*made.argv}
    assert (made.delivers, made.encoder) == ("H264 1280x720, 30 fps", "copy")


@pytest.mark.parametrize(
    ("camera", "video"),
    [
        (msgspec.structs.replace(usb(*C920), rotate=180), WANTED),
        (msgspec.structs.replace(usb(*C920), mirror=True), WANTED),
        (usb(*C920), VideoSection(copy_h264=False)),
        (usb(*C920), VideoSection(width=640, height=480)),
        (usb(form("H264", 1280, 720, 60.0)), WANTED),
        (usb(form("H264", 1280, 720, 15.0), form("MJPG", 1280, 720, 30.0)), WANTED),
        (usb(form("H264", 1280, 720)), WANTED),
    ],
    ids=["turned", "mirrored", "not wanted", "other size", "too fast", "slower", "no rate"],
)
def test_h264_that_would_have_to_be_changed_is_not_copied(
    camera: Camera, video: VideoSection
) -> None:
    assert copyable_format(camera, video) is None


@pytest.mark.parametrize("name", [name for name in BY_SETTING.values() if name != "libx264"])
def test_every_hardware_encoder_is_held_to_the_same(name: str) -> None:
    node = "/dev/dri/renderD128" if name == "h264_vaapi" else ""
    argv = [*planned(usb(*C920), encoder=Encoder(name=name, device=node)).argv]
    asked = options(argv[argv.index("-c:v") :])
    assert asked["-c:v"] == name
    assert asked["-bf"] == "0"
    assert asked["-g"] == "6"
    assert asked["-profile:v"] in {"baseline", "constrained_baseline", "578"}
    assert "format=yuv420p" in options(argv)["-vf"]
    assert ("hwupload" in options(argv)["-vf"]) == (name == "h264_vaapi")
    assert ("-vaapi_device" in argv[: argv.index("-i")]) == bool(node)


pixel_formats = st.sampled_from(["MJPG", "YUYV", "NV12", "H264", "GRBG", "JPEG", "\x00\x01"])
formats = st.lists(
    st.builds(
        CameraFormat,
        pixel_format=pixel_formats,
        width=st.integers(0, 8192),
        height=st.integers(0, 8192),
        rates=st.lists(st.floats(0, 1000, allow_nan=False, allow_subnormal=False), max_size=4).map(
            tuple
        ),
    ),
    max_size=8,
).map(tuple)
wishes = st.builds(
    VideoSection,
    width=st.integers(32, 1920).map(lambda half: half * 2),
    height=st.integers(32, 1080).map(lambda half: half * 2),
    fps=st.integers(1, 60),
    bitrate_kbps=st.integers(100, 20000),
)


@given(formats=formats, video=wishes, rotate=st.sampled_from([0, 90, 180, 270]))
def test_nothing_is_asked_that_the_device_lacks(
    formats: tuple[CameraFormat, ...], video: VideoSection, rotate: int
) -> None:
    argv = argv_of(msgspec.structs.replace(usb(*formats), rotate=rotate), video)
    asked = before_input(argv)
    assert options(argv)["-pix_fmt"] == "yuv420p"
    if "-video_size" not in asked:
        assert "-framerate" not in asked
        return
    width, height = map(int, asked["-video_size"].split("x"))
    same = [one for one in formats if (one.width, one.height) == (width, height)]
    assert same
    if "-framerate" in asked:
        rate = float(Fraction(asked["-framerate"]))
        assert any(abs(rate - has) < 0.001 for one in same for has in one.rates)


@given(formats=formats, video=wishes)
def test_a_usable_format_is_never_overlooked(
    formats: tuple[CameraFormat, ...], video: VideoSection
) -> None:
    usable = [
        one
        for one in formats
        if one.pixel_format in {"MJPG", "JPEG", "YUYV", "NV12", "H264"} and one.width and one.height
    ]
    assert (choose_format(usb(*formats), video) is not None) == bool(usable)


@given(title=st.text(max_size=64), device=st.text(min_size=1).filter(lambda name: name != "-i"))
def test_every_word_stays_one_argument(title: str, device: str) -> None:
    camera = Camera(id="c", name="C", source="usb", device=device)
    assert argv_of(camera).count(device) >= 1
    assert len(argv_of(camera)) == len(argv_of(usb()))
    pattern = Camera(id="p", name="p", source="pattern")
    assert len(argv_of(pattern, title=title)) == len(argv_of(pattern, title="Dublin"))
