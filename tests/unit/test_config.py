"""A configuration file is understood, or refused in one line that says what to change."""

from __future__ import annotations

from pathlib import Path

import pytest

from portal.config import load_config, parse_config
from portal.errors import ConfigError


def test_an_empty_file_suits_a_bare_box() -> None:
    config = parse_config("")
    assert config.video.width == 1280
    assert config.cameras == ()
    assert config.whep_url == "http://127.0.0.1:8889/cam/whep"
    assert not config.is_exposed


def test_two_sites_share_a_machine_by_their_loopback_addresses() -> None:
    config = parse_config('[site]\nname = "new-york"\naddress = "127.0.0.2"')
    assert config.title == "New York"
    assert config.loopback == "127.0.0.2"
    assert config.kiosk_url == "http://127.0.0.2:8080/kiosk/"


def test_a_box_on_the_network_keeps_its_inner_ports_on_loopback() -> None:
    config = parse_config('[site]\naddress = "0.0.0.0"')
    assert config.is_exposed
    assert config.api_url == "http://127.0.0.1:9997"
    assert config.whep_url == "http://127.0.0.1:8889/cam/whep"


def test_an_ipv6_address_stands_in_brackets_in_each_url() -> None:
    config = parse_config('[site]\naddress = "::1"')
    assert config.kiosk_url == "http://[::1]:8080/kiosk/"
    assert config.api_url == "http://[::1]:9997"
    assert config.rtsp_url == "rtsp://[::1]:8554/cam"
    assert config.whep_url == "http://[::1]:8889/cam/whep"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[video]\nwidht = 640", 'video.widht: unknown key; did you mean "width"?'),
        ("[vido]\nwidth = 640", 'vido: unknown key; did you mean "video"?'),
        ('[[cameras]]\nname = "a"\nsorce = "usb"', "cameras[0].sorce: unknown key; did you mean"),
        ('[video]\nwidth = "wide"', "video.width: 'wide' cannot be used: expected int"),
        ("[video]\nfps = 500", "video.fps: 500 cannot be used: expected int <= 60"),
        ("[video]\nwidth = 641", "video.width: 641 cannot be used"),
        ('[kiosk]\nlatency = "fast"', "kiosk.latency: 'fast' cannot be used"),
        ('[[cameras]]\nsource = "usb"', "cameras[0].name: is missing"),
        ('[[cameras]]\nname = "a"\n[[cameras]]\nname = "a"', "cameras[1].name: 'a' is used twice"),
        ('[[cameras]]\nname = "a"\nsource = "ffmpeg"', "cameras[0].input: [] names no input"),
        ('[[cameras]]\nname = "a"\nsource = "pattern"\nmatch = "x"', "cameras[0].match: is for"),
        ('[site]\nname = "New York"', "site.name: 'New York' is not a DNS label"),
        ('[site]\naddress = "eth0"', "site.address: 'eth0' is not an IP address"),
        (
            '[[peers]]\nname = "x"\naddress = "http://x/"',
            "peers[0].address: 'http://x/' is neither",
        ),
        ('[[peers]]\nname = "x"\naddress = "x\\n"', "peers[0].address: 'x\\n' is neither"),
        ('[site]\nname = "x"\n[[peers]]\nname = "x"\naddress = "1.2.3.4"', "peers[0].name: 'x' is"),
        ("[ports]\nadmin = 8080", "ports.admin: 8080 is already ports.kiosk"),
        ("[video\n", "portal.toml is not valid TOML"),
    ],
)
def test_a_mistake_is_named_with_key_and_value(text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(text)
    assert str(caught.value).startswith(expected)
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        load_config(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_config(tmp_path)
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_config(binary)


@pytest.mark.parametrize("key", ["KEY_PAUSE", "119", "BTN_0", "KEY_F13"])
def test_a_button_is_named_as_evdev_names_it_or_numbered(key: str) -> None:
    assert parse_config(f'[button]\nkey = "{key}"').button.key == key


def test_a_key_that_nobody_knows_is_named_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"button\.key: 'KEY_PUASE'.*did you mean \"KEY_PAUSE\""):
        parse_config('[button]\nkey = "KEY_PUASE"')
