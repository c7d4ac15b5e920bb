"""What ffmpeg says is told in words a person can do something with."""

from __future__ import annotations

import pytest

from portal.publish.explain import PublisherStatus, explained, explanation, parse_status


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        ("/dev/video0: Device or resource busy", "another program uses the camera"),
        ("[video4linux2] Cannot open /dev/video0: Permission denied", "the group video"),
        ("ioctl(VIDIOC_STREAMON): No space left on device", "the USB bus has no bandwidth left"),
        ("/dev/video0: No such device", "the camera is gone"),
        ("Not a video capture device.\n/dev/video0: No such device", "in planes"),
        ("ioctl(VIDIOC_DQBUF): Protocol error", "another cable or port"),
        ("ioctl(VIDIOC_S_FMT): Invalid argument", "video.width"),
        ("Unknown encoder 'libx264'", "no libx264"),
        ("Connection to tcp://127.0.0.1:8554 failed: Connection refused", "MediaMTX"),
    ],
)
def test_a_usb_cameras_failure_has_a_remedy(said: str, meaning: str) -> None:
    status = PublisherStatus(why="ffmpeg ended: exit code 1", said=("noise", said))
    assert meaning in explanation(status, "usb")


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("/dev/video0: Device or resource busy", "busy"),
        ("Cannot open video device /dev/video0: Permission denied", "denied"),
        ("ioctl(VIDIOC_STREAMON): No space left on device", "bandwidth"),
        ("ioctl(VIDIOC_STREAMON): Protocol error", "wedged"),
        ("ioctl(VIDIOC_DQBUF): Input/output error", "wedged"),
        ("ioctl(VIDIOC_S_PARM): Connection timed out", "wedged"),
        ("ioctl(VIDIOC_DQBUF): No such device", "gone"),
        ("Cannot find a proper format for codec 'mjpeg'", "format"),
        ("something new", ""),
    ],
)
def test_a_usb_cameras_failure_has_a_cause_for_programs(said: str, cause: str) -> None:
    status = PublisherStatus(why="ffmpeg ended: exit code 1", said=(said,))
    assert explained(status, "usb").cause == cause


def test_a_camera_that_stays_silent_over_a_restart_is_wedged() -> None:
    once = PublisherStatus(why="no new frame for 5 s", failures=1)
    again = PublisherStatus(why="no new frame for 5 s", failures=2)
    assert explained(once, "usb").cause == "silent"
    assert explained(again, "usb").cause == "wedged"
    assert explained(again, "ffmpeg").cause == "silent"


def test_a_full_bus_is_answered_by_what_would_need_less_of_it() -> None:
    full = PublisherStatus(said=("ioctl(VIDIOC_STREAMON): No space left on device",))
    assert "has MJPEG" in explained(full, "usb", is_compressed=False).words
    assert "has MJPEG" not in explained(full, "usb", is_compressed=True).words


def test_a_node_that_is_gone_is_a_camera_that_is_gone() -> None:
    status = parse_status("state gone\nwhy /dev/video0 is gone\nfailures 0\n")
    assert explained(status, "usb").cause == "gone"


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        ("rtsp://10.0.0.9/x: Connection refused", "refuses the connection"),
        ("film.mp4: No such file or directory", "does not exist"),
        ("method DESCRIBE failed: 401 Unauthorized", "another user or password"),
        ("Failed to resolve hostname nas.local", "cannot be reached"),
    ],
)
def test_a_configured_inputs_failure_speaks_of_that_input(said: str, meaning: str) -> None:
    assert meaning in explanation(PublisherStatus(why="x", said=(said,)), "ffmpeg")


def test_a_silent_camera_is_said_to_be_silent() -> None:
    status = PublisherStatus(why="no new frame for 10 s")
    assert explanation(status, "usb") == "the camera sends no pictures: plug it in again"


def test_what_is_not_known_is_quoted() -> None:
    status = PublisherStatus(why="ffmpeg ended: exit code 8", said=("a", "something new"))
    assert explanation(status, "usb") == "ffmpeg ended: exit code 8 (something new)"


def test_a_cameras_password_in_its_url_is_not_repeated() -> None:
    said = "Error opening input file rtsp://me:p@ss@cam/1."
    told = explanation(PublisherStatus(why="ffmpeg ended", said=(said,)), "ffmpeg")
    assert told == "ffmpeg ended (Error opening input file rtsp://***@cam/1.)"


def test_a_status_is_read_back_and_nonsense_is_not_fatal() -> None:
    text = (
        "tag abc\nstate waiting\npid 12\nffmpeg 13\nfailures 3\n"
        "why it ended\nsaid one\nsaid two  words\n"
    )
    assert parse_status(text) == PublisherStatus(
        tag="abc",
        state="waiting",
        pid=12,
        ffmpeg=13,
        failures=3,
        why="it ended",
        said=("one", "two  words"),
    )
    assert parse_status("pid x\n\0\n\n") == PublisherStatus()
