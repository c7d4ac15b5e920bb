"""A real V4L2 device's formats and controls: told as v4l2-ctl tells them, set, and set again."""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from portal.model import PIXEL_FORMATS
from tests.lab.controls_api import ControlsApi, controls_api
from tests.lab.guest_site import GuestSite

# The machine boots, and imports take seconds under emulation on a loaded host.
pytestmark = pytest.mark.timeout(400)

PORTAL = "/opt/portal/bin/portal"


@pytest_asyncio.fixture
async def api(site: GuestSite) -> AsyncIterator[ControlsApi]:
    async with controls_api(site) as made:
        yield made


async def plugged(site: GuestSite) -> str:
    """The id of the camera, once it is there."""
    await site.plug()
    state = await site.until("a camera", lambda now: bool(now["cameras"]), within_s=60)
    return str(state["cameras"][0]["id"])


async def on_the_device(site: GuestSite, *names: str) -> dict[str, int]:
    said = await site.run(f"v4l2-ctl -d /dev/video0 --get-ctrl {','.join(names)}")
    return {name: int(value) for name, value in re.findall(r"(\w+): (-?\d+)", said)}


async def until_device(site: GuestSite, **wanted: int) -> None:
    deadline = time.monotonic() + 30
    while (now := await on_the_device(site, *wanted)) != wanted:
        assert time.monotonic() < deadline, now


async def test_what_is_set_on_a_camera_is_set_again_when_it_is_plugged_in_again(
    site: GuestSite, api: ControlsApi
) -> None:
    camera = await plugged(site)
    status, controls = await api.set(
        camera, brightness=10, gain=33, gain_automatic=False, menu="Menu Item 4"
    )
    assert status == 200, controls
    wanted = {"brightness": 10, "gain": 33, "gain_automatic": 0, "menu": 4}
    assert {one["name"]: one["value"] for one in controls}.items() >= wanted.items()
    assert await on_the_device(site, *wanted) == wanted

    said = await site.run(f"{PORTAL} cameras set {camera} contrast=20", timeout_s=60)
    assert "contrast = 20: 0 to 255 (default 128)" in said

    await site.pull()
    await site.until("no camera", lambda now: not now["cameras"], within_s=30)
    assert await plugged(site) == camera
    await until_device(site, **wanted, contrast=20)
    assert not (await site.state())["faults"]

    status, _ = await api.reset(camera)
    assert status == 200
    assert await on_the_device(site, "brightness", "gain_automatic", "contrast", "menu") == {
        "brightness": 128,
        "gain_automatic": 1,
        "contrast": 128,
        "menu": 3,
    }
    assert (await api.cameras())[0]["kept"] == {}


async def test_a_value_that_the_camera_does_not_take_changes_nothing(
    site: GuestSite, api: ControlsApi
) -> None:
    camera = await plugged(site)
    before = await on_the_device(site, "brightness", "contrast")
    for body, words in (
        ({"contrast": 1, "brightness": 256}, "brightness cannot be 256"),
        ({"contrast": 1, "menu": 2}, "menu cannot be 2"),
        ({"contrast": 1, "zoom": 2}, "no control 'zoom'"),
    ):
        status, answer = await api.set(camera, **body)
        assert (status, words in answer["error"]) == (400, True), answer
    status, answer = await api.set(camera, gain=33)
    assert status == 400
    assert "gain is locked" in answer["error"]
    assert await on_the_device(site, "brightness", "contrast") == before


@pytest.mark.parametrize("kind", ["single-planar", "multiplanar"])
async def test_formats_and_controls_are_told_as_v4l2_ctl_tells_them(
    site: GuestSite, api: ControlsApi, kind: str
) -> None:
    await site.run("modprobe -r vivid")
    await site.run(f"modprobe vivid multiplanar={2 if kind == 'multiplanar' else 1}")
    await plugged(site)
    (listed,) = json.loads(await site.run(f"{PORTAL} cameras --json", timeout_s=60))
    (told,) = await api.cameras()
    assert {**told, "published": listed["published"], "controls": []} == {**listed, "controls": []}

    shown = await site.run("v4l2-ctl -d /dev/video0 --list-formats-ext")
    assert ("Multiplanar" in shown) == (kind == "multiplanar")
    assert {
        (form["pixel_format"], form["width"], form["height"]): {
            round(rate, 3) for rate in form["rates"]
        }
        for form in listed["formats"]
    } == formats_in(shown)

    controls = {one["name"]: one for one in listed["controls"]}
    shown = await site.run("v4l2-ctl -d /dev/video0 --list-ctrls-menus")
    assert controls.keys() == controls_in(shown).keys()
    for name, (kind_of, low, high) in controls_in(shown).items():
        assert controls[name]["kind"] == kind_of, name
        if kind_of == "int":
            assert (controls[name]["minimum"], controls[name]["maximum"]) == (low, high), name
    assert [entry["label"] for entry in controls["menu"]["menu"]] == [
        "Menu Item 1",
        "Menu Item 3",
        "Menu Item 4",
    ]
    assert controls["boolean"]["value"] == 1
    assert controls["gain"]["inactive"]
    assert controls["read_only_integer_32_bits"]["read_only"]


@pytest.mark.parametrize(
    ("user", "words"),
    [("portal", r"/dev/video0 is in use by v4l2-ctl \(pid \d+\)"), ("root", "sudo fuser -v")],
)
async def test_who_holds_a_busy_camera_is_named_and_its_end_brings_the_picture(
    site: GuestSite, api: ControlsApi, user: str, words: str
) -> None:
    await api.pause(paused=True)
    await plugged(site)
    await site.run(
        f"systemd-run --unit=holder --collect --property=User={user}"
        " --property=SupplementaryGroups=video"
        " v4l2-ctl -d /dev/video0 --stream-mmap --stream-count=1000000"
    )
    try:
        await site.run("until journalctl --unit holder | grep -q fps; do sleep 0.2; done")
        await api.pause(paused=False)
        await site.until(
            "who holds it is named",
            lambda now: bool(re.search(words, now["camera"]["detail"])),
            within_s=150,
        )
    finally:
        await site.run("systemctl stop holder.service")
    await site.until("live", lambda now: now["camera"]["state"] == "live", within_s=120)


def formats_in(shown: str) -> dict[tuple[str, int, int], set[float]]:
    """Of what v4l2-ctl prints, those that the encoder can take."""
    found: dict[tuple[str, int, int], set[float]] = {}
    name, size = "", (0, 0)
    for line in shown.splitlines():
        if match := re.search(r"\[\d+\]: '(....)'", line):
            name = match[1].strip()
        elif match := re.search(r"Size: Discrete (\d+)x(\d+)", line):
            size = (int(match[1]), int(match[2]))
        elif (match := re.search(r"\((\d+\.\d+) fps\)", line)) and name in PIXEL_FORMATS:
            found.setdefault((name, *size), set()).add(float(match[1]))
    return found


def controls_in(shown: str) -> dict[str, tuple[str, int, int]]:
    """Name → kind, minimum, maximum; of the kinds that a person can set."""
    kinds = {
        "int": "int",
        "int64": "int",
        "bool": "bool",
        "menu": "menu",
        "intmenu": "menu",
        "button": "button",
    }
    found = {}
    for name, kind, rest in re.findall(r"^ *(\w+) 0x[0-9a-f]{8} \((\w+)\) *:(.*)$", shown, re.M):
        if kind in kinds:
            numbers = {key: int(value) for key, value in re.findall(r"(min|max)=(-?\d+)", rest)}
            found[name] = (kinds[kind], numbers.get("min", 0), numbers.get("max", 0))
    return found
