"""What ffmpeg is asked for to be heard, and what its complaints mean."""

from __future__ import annotations

from itertools import pairwise

import pytest

from portal.config import MicrophoneSection, VideoSection, parse_config
from portal.errors import ConfigError
from portal.model import Camera
from portal.publish.encoder import encoder_argv
from portal.publish.explain import PublisherStatus
from portal.publish.sound import SoundSource, sound_argv, sound_explanation, sound_source

URL = "rtsp://127.0.0.1:8554/cam/sound"
WITH_EAR = Camera(id="c", name="C920", source="usb", microphone="hw:CARD=C920")


def argv_of(source: SoundSource, *, bitrate_kbps: int = 48) -> list[str]:
    microphone = MicrophoneSection(enabled=True, bitrate_kbps=bitrate_kbps)
    return sound_argv(source, microphone=microphone, ffmpeg="/usr/bin/ffmpeg", rtsp_url=URL)


def test_a_cameras_own_microphone_is_heard_unless_another_is_named() -> None:
    camera = SoundSource(device="hw:CARD=C920")
    assert sound_source(MicrophoneSection(), WITH_EAR) == camera
    assert sound_source(MicrophoneSection(device="default"), WITH_EAR) == SoundSource(
        device="default"
    )
    network = ("-i", "rtsp://10.0.0.7/stream")
    assert sound_source(MicrophoneSection(input=network), WITH_EAR) == SoundSource(input=network)
    assert sound_source(MicrophoneSection(), Camera(id="p", name="p", source="pattern")) is None


@pytest.mark.parametrize(
    ("device", "opened"),
    [
        ("hw:CARD=C920,DEV=0", "plughw:CARD=C920,DEV=0"),
        ("plughw:1,0", "plughw:1,0"),
        ("default", "default"),
    ],
)
def test_alsa_converts_what_the_hardware_cannot(device: str, opened: str) -> None:
    argv = argv_of(SoundSource(device=device))
    options = dict(pairwise(argv))
    assert (options["-f"], options["-i"]) == ("rtsp", opened)
    assert argv[argv.index("-f") + 1] == "alsa"


def test_sound_is_opus_of_short_frames_without_a_picture() -> None:
    argv = argv_of(SoundSource(device="default"), bitrate_kbps=32)
    options = dict(pairwise(argv))
    assert options["-c:a"] == "libopus"
    assert options["-application"] == "lowdelay"
    assert options["-frame_duration"] == "10"
    assert options["-b:a"] == "32k"
    assert "-vn" in argv
    assert argv[-1] == URL


def test_a_graph_is_held_to_real_time_and_a_network_camera_is_not() -> None:
    assert "-re" in argv_of(SoundSource(input=("-f", "lavfi", "-i", "sine")))
    assert "-re" not in argv_of(SoundSource(input=("-i", "rtsp://10.0.0.7/stream")))


def test_the_pictures_command_does_not_know_of_sound() -> None:
    argv = encoder_argv(
        WITH_EAR, video=VideoSection(), title="Dublin", ffmpeg="ffmpeg", rtsp_url=URL
    )
    assert "-an" in argv
    assert not any("C920" in argument for argument in argv)


@pytest.mark.parametrize(
    ("device", "card"),
    [
        ("hw:CARD=C920,DEV=0", "C920"),
        ("plughw:CARD=Device", "Device"),
        ("hw:1,0", "1"),
        ("hw:Loopback,1", "Loopback"),
        ("default", ""),
        ("pulse", ""),
    ],
)
def test_a_devices_card_is_known_by_its_name(device: str, card: str) -> None:
    assert SoundSource(device=device).card == card


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        ("[alsa] cannot open audio device plughw:X (Device or resource busy)", "another program"),
        ("[alsa] cannot open audio device plughw:X (Permission denied)", "group audio"),
        ("[alsa] cannot open audio device plughw:X (No such file or directory)", "plug it in"),
        ("Unknown input format: 'alsa'", "cannot read ALSA"),
        ("Stream map '0:a:0' matches no streams.", "has no sound"),
        ("something else", "exit code 1"),
    ],
)
def test_ffmpegs_words_are_said_for_people(said: str, meaning: str) -> None:
    status = PublisherStatus(why="ffmpeg ended: exit code 1", said=(said,))
    assert meaning in sound_explanation(status)


def test_two_sources_of_sound_and_an_input_without_one_are_mistakes() -> None:
    with pytest.raises(ConfigError, match=r"microphone\.device"):
        parse_config('[microphone]\ndevice = "hw:1"\ninput = ["-i", "x"]\n')
    with pytest.raises(ConfigError, match=r"microphone\.input"):
        parse_config('[microphone]\ninput = ["-f", "lavfi"]\n')
