"""How the screen's programs are started and what is read of their words."""

from __future__ import annotations

import types
from pathlib import Path

import msgspec
import pytest

from portal.config import KioskSection
from portal.errors import KioskError
from portal.kiosk import outputs
from portal.kiosk.cec import cec_commands
from portal.kiosk.compositors import announced, choose_compositor, launch_of
from portal.kiosk.connectors import Connector, is_any_screen_there, read_connectors
from portal.kiosk.flags import screen_flags
from portal.kiosk.following import Word
from portal.kiosk.outputs import Output, Outputs, changes, parse_outputs
from portal.kiosk.splash import splash_url
from portal.model import SiteStatus, Snapshot

# Debian 12's, shortened; the later ones say the same with more lines.
_RANDR = """HDMI-A-1 "LG Electronics LG TV 0x01010101 (HDMI-A-1)"
  Physical size: 1600x900 mm
  Enabled: yes
  Modes:
    3840x2160 px, 30.000000 Hz (preferred)
    1920x1080 px, 60.000000 Hz (current)
    1920x1080 px, 59.939999 Hz
  Position: 0,0
  Transform: normal
  Scale: 1.000000
HDMI-A-2 "Some other"
  Enabled: no
  Modes:
    1280x720 px, 60.000000 Hz (preferred)
"""


def test_what_wlr_randr_prints_is_read() -> None:
    assert parse_outputs(_RANDR) == (
        Output(name="HDMI-A-1", is_on=True, mode="1920x1080@60", transform="normal"),
        Output(name="HDMI-A-2"),
    )
    assert parse_outputs("") == ()


@pytest.mark.parametrize(
    ("kiosk", "is_wanted", "words"),
    [
        (KioskSection(), True, []),
        (KioskSection(mode="1920x1080"), True, []),
        (KioskSection(mode="1920x1080@60"), True, []),
        (KioskSection(mode="1920x1080@50"), True, ["--mode", "1920x1080@50"]),
        (KioskSection(rotate=90), True, ["--transform", "90"]),
        (KioskSection(), False, ["--off"]),
        (KioskSection(output="HDMI-A-2"), True, ["--off"]),
    ],
)
def test_only_what_differs_is_changed(
    kiosk: KioskSection, is_wanted: bool, words: list[str]
) -> None:
    output = Output(name="HDMI-A-1", is_on=True, mode="1920x1080@60")
    assert changes(output, kiosk, is_wanted=is_wanted) == words


def test_an_output_that_came_back_is_switched_on_as_the_settings_say() -> None:
    kiosk = KioskSection(rotate=270, mode="1920x1080")
    assert changes(Output(name="HDMI-A-1"), kiosk, is_wanted=True) == [
        *("--on", "--transform", "270", "--mode", "1920x1080")
    ]
    assert changes(Output(name="HDMI-A-1"), kiosk, is_wanted=False) == []


class WakingScreen(Outputs):
    """Refuses the first time."""

    def __init__(self) -> None:
        super().__init__(KioskSection(), {})
        self.asked: list[tuple[str, ...]] = []

    async def _run(self, *arguments: str) -> str | None:
        if not arguments:
            return "HDMI-A-1 (a TV)\n  Enabled: no\n"
        self.asked.append(arguments)
        return "" if len(self.asked) > 1 else None


async def test_a_screen_that_refused_once_is_not_dark_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    monkeypatch.setattr(outputs, "time", types.SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(outputs, "shutil", types.SimpleNamespace(which=lambda _: "wlr-randr"))
    screen = WakingScreen()
    for _ in range(20):
        await screen.reconcile(is_wanted=True)
        now += 2
    assert screen.asked == [("--output", "HDMI-A-1", "--on")], "it is not pestered"
    for _ in range(20):
        await screen.reconcile(is_wanted=True)
        now += 2
    assert len(screen.asked) > 1


def test_the_first_compositor_that_is_installed_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(KioskError, match="apt-get install cage"):
        choose_compositor("auto")
    for name in ("weston", "labwc"):
        (tmp_path / name).touch(mode=0o755)
    assert choose_compositor("auto") == "labwc"
    assert choose_compositor("weston") == "weston"
    with pytest.raises(KioskError, match="the compositor cage is not installed"):
        choose_compositor("cage")


def test_cage_turns_the_screen_itself_only_where_it_can(tmp_path: Path) -> None:
    kiosk = KioskSection(rotate=270)
    old = launch_of("cage", kiosk, tmp_path, cage_help=" -r\t Rotate the output 90 degrees\n")
    assert old.argv.count("-r") == 3
    assert old.is_turned
    new = launch_of("cage", kiosk, tmp_path, cage_help=" -s\t Allow VT switching\n")
    assert "-r" not in new.argv
    assert not new.is_turned


def test_weston_is_told_of_each_connector(tmp_path: Path) -> None:
    kiosk = KioskSection(rotate=90, mode="1920x1080@60")
    ini = launch_of("weston", kiosk, tmp_path, outputs=("HDMI-A-1", "HDMI-A-2")).files["weston.ini"]
    section = "[output]\nname={}\nmode=1920x1080\ntransform=rotate-90\n"
    assert section.format("HDMI-A-1") in ini
    assert section.format("HDMI-A-2") in ini


def test_labwc_reads_only_our_settings(tmp_path: Path) -> None:
    launch = launch_of("labwc", KioskSection(), tmp_path)
    assert launch.argv[:3] == ("labwc", "-C", str(tmp_path))
    assert "rc.xml" in launch.files


def test_the_display_is_read_from_the_announcement_alone() -> None:
    assert announced("PORTAL-DISPLAY wayland-0") == "wayland-0"
    assert announced("PORTAL-DISPLAY ") == ""
    assert announced("00:00:00 [ERROR] something") == ""


def test_connectors_are_read_from_the_kernel(tmp_path: Path) -> None:
    for name, status in (("card0-HDMI-A-1", "disconnected"), ("card0-DP-1", "connected")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "status").write_text(status + "\n")
    assert read_connectors(tmp_path) == (
        Connector("DP-1", is_connected=True),
        Connector("HDMI-A-1", is_connected=False),
    )
    assert is_any_screen_there(tmp_path)
    (tmp_path / "card0-DP-1" / "status").write_text("disconnected\n")
    assert not is_any_screen_there(tmp_path)


def test_a_machine_that_cannot_tell_counts_as_having_a_screen(tmp_path: Path) -> None:
    assert is_any_screen_there(tmp_path)


def test_the_browser_keeps_its_sandbox_and_opens_no_port(tmp_path: Path) -> None:
    flags = screen_flags(tmp_path, platform="wayland", has_gpu=False)
    assert "--kiosk" in flags
    assert not [flag for flag in flags if "sandbox" in flag]
    assert not [flag for flag in flags if flag.startswith("--remote-debugging-port")]
    # Chromium takes only the last of each.
    names = [flag.partition("=")[0] for flag in flags]
    assert len(names) == len(set(names))


def test_hardware_decoding_is_asked_for_only_where_there_is_hardware(tmp_path: Path) -> None:
    with_gpu = screen_flags(tmp_path, platform="wayland", has_gpu=True)
    without = screen_flags(tmp_path, platform="wayland", has_gpu=False)
    assert "VaapiVideoDecoder" in " ".join(with_gpu)
    assert "VaapiVideoDecoder" not in " ".join(without)


def test_a_window_on_a_desk_is_no_kiosk(tmp_path: Path) -> None:
    flags = screen_flags(tmp_path, platform="x11", is_kiosk=False, has_gpu=False)
    assert "--kiosk" not in flags
    assert "--ozone-platform=x11" in flags


def test_the_daemons_snapshot_is_understood() -> None:
    site = SiteStatus(name="dublin", title="Dublin", version="1", started_at=0)
    snapshot = Snapshot(site=site, display_on=False, browser_restarts=2, compositor_restarts=1)
    word = msgspec.json.decode(msgspec.json.encode(snapshot), type=Word)
    assert word == Word(display_on=False, browser_restarts=2, compositor_restarts=1)


def test_a_tv_is_woken_and_sent_to_standby() -> None:
    assert cec_commands(Path("/dev/cec0"), is_wanted=True)[-1][-1] == "--image-view-on"
    assert cec_commands(Path("/dev/cec0"), is_wanted=False)[-1][-1] == "--standby"


def test_a_title_cannot_break_out_of_the_splash() -> None:
    assert "<script>" not in splash_url("<script>alert(1)</script>")
    assert "%3Cscript" not in splash_url("<script>alert(1)</script>")
