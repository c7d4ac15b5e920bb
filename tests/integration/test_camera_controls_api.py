"""Cameras and their controls by HTTP and by `portal cameras`, against a served box."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientSession
from click.testing import CliRunner, Result

from portal.cli import cli
from portal.config import Config, SiteSection
from portal.model import CameraStatus
from portal.web.app import make_local_app, make_public_app
from tests.fakes.controlled_cameras import DOOR, TEST_PICTURE, Bench, bench
from tests.fakes.v4l2_device import BRIGHTNESS, FakeControls
from tests.integration.web_server import served

__all__ = ["bench"]  # a fixture


class Box:
    """A served box with one camera and a test picture; its API, and its command line."""

    def __init__(self, base: str, http: ClientSession, device: FakeControls, config: Path) -> None:
        self.base = f"{base}/api/v1/cameras"
        self.http = http
        self.device = device
        self._config = config

    async def ask(self, method: str, path: str = "", **how: Any) -> tuple[int, Any]:
        async with self.http.request(method, self.base + path, **how) as answer:
            return answer.status, await answer.json()

    async def portal(self, *arguments: str) -> Result:
        command = ["--config", str(self._config), "cameras", *arguments]
        return await asyncio.to_thread(CliRunner().invoke, cli, command)


def written(tmp_path: Path, address: str) -> Path:
    path = tmp_path / "portal.toml"
    path.write_text(
        f'[site]\nname = "dublin"\naddress = "{address}"\n'
        '[[cameras]]\nname = "bars"\nsource = "pattern"\n'
    )
    return path


@asynccontextmanager
async def box_at(address: str, bench: Bench, tmp_path: Path) -> AsyncIterator[Box]:
    config = Config(site=SiteSection(name="dublin", address=address))
    device = FakeControls()
    bench.plug(DOOR, device)
    bench.plug(TEST_PICTURE, device)
    bench.state.update(camera=CameraStatus(camera=DOOR))
    app = make_local_app(config, bench.state, controls=bench.controls)
    async with served(app, address) as base, ClientSession() as http:
        yield Box(base, http, device, written(tmp_path, address))


@pytest_asyncio.fixture
async def box(loopback: str, bench: Bench, tmp_path: Path) -> AsyncIterator[Box]:
    async with box_at(loopback, bench, tmp_path) as made:
        yield made


async def test_every_camera_is_listed_with_what_it_can_and_who_is_published(box: Box) -> None:
    status, (door, bars) = await box.ask("GET")
    assert status == 200
    assert (door["id"], door["published"], bars["published"]) == ("door", True, False)
    assert door["formats"] == [
        {"pixel_format": "MJPG", "width": 640, "height": 480, "rates": [30.0]}
    ]
    by_name = {control["name"]: control for control in door["controls"]}
    assert by_name["brightness"]["value"] == 128
    assert by_name["focus_absolute"]["inactive"] is True
    assert by_name["power_line_frequency"]["menu"][1] == {"value": 1, "label": "50 Hz"}
    assert bars["controls"] == []


async def test_several_controls_are_set_and_reset_and_each_answer_tells_all(box: Box) -> None:
    wishes = {"brightness": 10, "power_line_frequency": "50 Hz", "white_balance_automatic": False}
    status, controls = await box.ask("PATCH", "/door/controls", json=wishes)
    assert status == 200
    assert box.device.values[BRIGHTNESS] == 10
    values = {control["name"]: control["value"] for control in controls}
    assert (values["brightness"], values["power_line_frequency"]) == (10, 1)
    assert (await box.ask("GET", "/door/controls")) == (200, controls)

    status, _ = await box.ask("DELETE", "/door/controls/brightness")
    assert (status, box.device.values[BRIGHTNESS]) == (200, 128)
    _, (door, _) = await box.ask("GET")
    assert door["kept"] == {"power_line_frequency": 1, "white_balance_automatic": 0}

    assert (await box.ask("DELETE", "/door/controls"))[0] == 200
    assert box.device.values == FakeControls().values


@pytest.mark.parametrize(
    ("method", "path", "how", "expected", "words"),
    [
        ("PATCH", "/door/controls", {"json": {"brightness": 256}}, 400, "brightness cannot be 256"),
        ("PATCH", "/door/controls", {"json": {"brightness": 1.5}}, 400, "Expected"),
        ("PATCH", "/door/controls", {"json": {"zoom": 2}}, 400, "no control 'zoom'"),
        ("PATCH", "/door/controls", {"json": {"focus_absolute": 5}}, 400, "is locked"),
        ("PATCH", "/door/controls", {"json": [1]}, 400, "Expected"),
        ("PATCH", "/door/controls", {"data": "brightness=1"}, 415, "not application/json"),
        ("PATCH", "/window/controls", {"json": {}}, 404, "no camera 'window'"),
        ("PATCH", "/pattern-test/controls", {"json": {"x": 1}}, 400, "test is no device"),
        ("GET", "/window/controls", {}, 404, "no camera 'window'"),
        ("DELETE", "/door/controls/zoom", {}, 400, "no control 'zoom'"),
    ],
)
async def test_a_refusal_says_why_and_changes_nothing(
    box: Box, *, method: str, path: str, how: dict[str, Any], expected: int, words: str
) -> None:
    status, answer = await box.ask(method, path, **how)
    assert status == expected
    assert words in answer["error"]
    assert box.device.writes == []


async def test_a_foreign_page_may_not_set_a_camera(box: Box) -> None:
    status, _ = await box.ask(
        "PATCH",
        "/door/controls",
        json={"brightness": 1},
        headers={"Origin": "https://evil.example"},
    )
    assert status == 403
    assert box.device.writes == []


async def test_a_camera_that_cannot_be_asked_is_listed_with_the_reason(
    box: Box, bench: Bench
) -> None:
    del bench.devices[DOOR.device]
    _, (door, _) = await box.ask("GET")
    assert door["problem"] == "/dev/video0 is gone"
    assert door["remedy"] == "plug the camera in again"
    status, answer = await box.ask("GET", "/door/controls")
    assert (status, answer["error"]) == (503, "/dev/video0 is gone")


async def test_only_the_box_itself_may_ask(loopback: str, bench: Bench) -> None:
    config = Config(site=SiteSection(name="dublin", address=loopback))
    async with (
        served(make_public_app(config, bench.state), loopback, 8443) as base,
        ClientSession() as http,
        http.get(f"{base}/api/v1/cameras") as answer,
    ):
        assert answer.status == 404


async def test_the_command_line_lists_sets_and_resets(box: Box) -> None:
    listed = await box.portal()
    assert listed.exit_code == 0, listed.output
    assert "Door  [door]  /dev/video0  published" in listed.output
    assert "MJPG 640x480 at 30 fps" in listed.output
    assert "brightness = 128: 0 to 255 (default 128)" in listed.output
    assert "power_line_frequency = 2 (60 Hz): 0 (Disabled), 1 (50 Hz), 2 (60 Hz)" in listed.output
    assert "focus_absolute = 0: 0 to 250 in steps of 5 (default 0)  (an automatic mode" in (
        listed.output
    )
    as_json = await box.portal("--json")
    assert json.loads(as_json.stdout) == (await box.ask("GET"))[1]

    done = await box.portal("set", "door", "brightness=10", "white_balance_automatic=off")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [
        "brightness = 10: 0 to 255 (default 128)",
        "white_balance_automatic = off: on or off (default on)",
    ]
    assert box.device.values[BRIGHTNESS] == 10
    assert "(kept)" in (await box.portal()).output

    done = await box.portal("reset", "door", "brightness")
    assert done.stdout == "brightness = 128: 0 to 255 (default 128)\n"
    assert (await box.portal("reset", "door")).exit_code == 0
    assert box.device.values == FakeControls().values


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("set", "door", "brightness=300"), 1, "brightness cannot be 300; it takes 0 to 255"),
        (("set", "window", "brightness=3"), 1, "no camera 'window' is plugged in"),
        (("set", "door", "brightness"), 2, "is not NAME=VALUE"),
        (("set", "door"), 2, "Missing argument"),
        (("reset", "door", "zoom"), 1, "no control 'zoom'"),
    ],
)
async def test_the_command_line_says_what_is_wrong(
    box: Box, arguments: tuple[str, ...], code: int, words: str
) -> None:
    result = await box.portal(*arguments)
    assert result.exit_code == code
    assert words in result.output


async def test_without_a_portal_cameras_are_listed_but_not_set(
    loopback: str, tmp_path: Path, state_dir: Path
) -> None:
    config = written(tmp_path, loopback)
    listed = await asyncio.to_thread(
        CliRunner().invoke, cli, ["--config", str(config), "cameras", "--json"]
    )
    assert json.loads(listed.stdout)[0]["source"] == "pattern"
    refused = await asyncio.to_thread(
        CliRunner().invoke, cli, ["--config", str(config), "cameras", "set", "door", "brightness=1"]
    )
    assert refused.exit_code == 1
    assert "no portal runs here" in refused.output
    assert [*state_dir.iterdir()] == []
