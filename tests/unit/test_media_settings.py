"""What MediaMTX is told differs from box to box as it should."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest

from portal.config import Config, parse_config
from portal.mediamtx.credentials import Credentials
from portal.mediamtx.settings import (
    DOLLAR_VARIABLE,
    PUBLISH_PASSWORD_VARIABLE,
    environment,
    fingerprint,
)
from portal.publish.command import in_one_line, publish_url, publisher_line
from portal.resources import mediamtx_yml

CREDENTIALS = Credentials(api="a" * 43, publish="p" * 43)


def site(address: str) -> Config:
    return parse_config(f'[site]\nname = "a"\naddress = "{address}"\n')


def test_a_site_on_a_loopback_address_keeps_everything_there() -> None:
    env = environment(site("127.0.0.2"), {}, CREDENTIALS)
    addresses = {key: value for key, value in env.items() if key.endswith("ADDRESS")}
    assert len(addresses) == 6
    assert all(value.startswith("127.0.0.2:") for value in addresses.values())
    assert env["MTX_WEBRTCIPSFROMINTERFACES"] == "no"
    assert env["MTX_WEBRTCADDITIONALHOSTS"] == "127.0.0.2"


@pytest.mark.parametrize("address", ["0.0.0.0", "::"])
def test_a_box_on_every_interface_offers_them_all_but_keeps_its_control_to_itself(
    address: str,
) -> None:
    env = environment(site(address), {}, CREDENTIALS)
    public = "[::]" if address == "::" else address
    assert env["MTX_WEBRTCADDRESS"] == f"{public}:8889"
    assert env["MTX_WEBRTCLOCALUDPADDRESS"] == f"{public}:8189"
    assert env["MTX_WEBRTCLOCALTCPADDRESS"] == f"{public}:8189"
    assert env["MTX_WEBRTCIPSFROMINTERFACES"] == "yes"
    assert env["MTX_WEBRTCADDITIONALHOSTS"] == ""
    assert env["MTX_APIADDRESS"] == "127.0.0.1:9997"
    assert env["MTX_RTSPADDRESS"] == "127.0.0.1:8554"


def test_a_box_on_one_address_offers_only_that() -> None:
    env = environment(site("192.168.1.5"), {}, CREDENTIALS)
    assert env["MTX_WEBRTCADDRESS"] == "192.168.1.5:8889"
    assert env["MTX_WEBRTCADDITIONALHOSTS"] == "192.168.1.5"
    assert env["MTX_APIADDRESS"] == "127.0.0.1:9997"


def test_what_is_inherited_passes_unless_it_contradicts() -> None:
    inherited = {"PATH": "/bin", "MTX_HLS": "yes", "MTX_APIADDRESS": ":9997"}
    env = environment(site("127.0.0.2"), inherited, CREDENTIALS)
    assert env["PATH"] == "/bin"
    assert env["MTX_HLS"] == "yes"
    assert env["MTX_APIADDRESS"] == "127.0.0.2:9997"


def test_each_variable_overrides_a_key_of_the_file() -> None:
    keys = re.findall(r"^(\w+):", mediamtx_yml().read_text(), re.MULTILINE)
    known = {f"MTX_{key.upper()}" for key in keys}
    env = environment(site("127.0.0.2"), {}, CREDENTIALS)
    ours = {re.sub(r"_\d.*", "", key) for key in env if key.startswith("MTX_")}
    assert ours - known == {"MTX_MOQ"}


def test_only_a_hash_of_the_password_that_is_worth_a_shell_reaches_mediamtx_and_its_hooks() -> None:
    env = environment(site("127.0.0.2"), {}, CREDENTIALS)
    assert not [value for value in env.values() if CREDENTIALS.api in value]
    passwords = [value for key, value in env.items() if key.endswith("_PASS")]
    known = [value.partition(":")[0] for value in passwords]
    assert known == ["sha256", CREDENTIALS.publish, "sha256"]


def test_the_line_that_mediamtx_is_told_holds_no_password() -> None:
    url = publish_url("rtsp://127.0.0.1:8554/cam")
    assert url == "rtsp://publisher:$PORTAL_PUBLISH_PASSWORD@127.0.0.1:8554/cam"
    assert environment(site("127.0.0.1"), {}, CREDENTIALS)[PUBLISH_PASSWORD_VARIABLE] == "p" * 43


def test_the_fingerprint_changes_with_program_file_and_settings(tmp_path: Path) -> None:
    binary, yml = tmp_path / "mediamtx", tmp_path / "mediamtx.yml"
    binary.write_text("1")
    yml.write_text("api: yes")
    env = {"MTX_API": "yes", "LANG": "C"}
    first = fingerprint(binary, yml, env)
    assert fingerprint(binary, yml, {**env, "LANG": "de"}) == first
    assert fingerprint(binary, yml, {**env, "MTX_API": "no"}) != first
    yml.write_text("api: no")
    second = fingerprint(binary, yml, env)
    assert second != first
    os.utime(binary, (1, 1))
    assert fingerprint(binary, yml, env) != second


def expanded(text: str) -> str:
    """Go's os.Expand with the one variable that we set."""
    return re.sub(
        r"\$(?:\{(\w+)\}|(\w+)|[*#$@!?-])",
        lambda found: "$" if (found[1] or found[2]) == DOLLAR_VARIABLE else "",
        text,
    )


@pytest.mark.parametrize(
    "argument", ["$HOME", "${HOME}", "$$", "a$", "it's $5", '"', "%d", "\\", "a b", "", "\n"]
)
def test_an_argument_survives_mediamtx_in_either_order_of_splitting_and_expanding(
    argument: str,
) -> None:
    line = in_one_line(["x", argument])
    assert shlex.split(expanded(line)) == ["x", argument]  # 1.12
    assert [expanded(part) for part in shlex.split(line)] == ["x", argument]  # 1.20


def test_the_same_command_makes_the_same_line() -> None:
    """A daemon that starts again must know the publisher of the one before."""
    lines = [publisher_line(["ffmpeg", "x"], parent=7, status=Path("/s")) for _ in range(2)]
    assert lines[0] == lines[1]
    assert publisher_line(["ffmpeg", "y"], parent=7, status=Path("/s")) != lines[0]
