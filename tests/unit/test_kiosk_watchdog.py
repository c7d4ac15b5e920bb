"""What the watchdog of the screen decides, with a clock that the test turns."""

from __future__ import annotations

import asyncio
import os
import types
from collections.abc import Callable
from typing import Any, cast

import pytest

from portal.errors import KioskError
from portal.kiosk import watchdog as module
from portal.kiosk.browser import Browser
from portal.kiosk.following import Followed, Word
from portal.kiosk.ladder import Ladder, Step
from portal.kiosk.watchdog import Watchdog
from portal.process import ChildProcess

_URL = "http://127.0.0.1:8080/kiosk/"
_SPLASH = "data:text/html,splash"
_WELL = {"href": _URL, "painted": True, "splash": False, "state": "live", "live": True}


class Clock(Followed):
    """Each wait of a second passes at once. `script` runs what happens at which second."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.script: dict[int, Callable[[], None]] = {}

    async def changed(self, within_s: float) -> None:
        self.now += within_s
        await asyncio.sleep(0)
        happen = self.script.pop(int(self.now), None)
        if happen is not None:
            happen()


class FakeBrowser(Browser):
    """Answers what the test says, and notes what was asked of it."""

    def __init__(self) -> None:  # nothing of a real one
        self.crashes = 0
        self.done: list[str] = []
        self.seen: dict[str, Any] | type[Exception] = dict(_WELL)
        self.is_answering = True
        self.weight_mb = 400.0

    async def evaluate(self, expression: str, *, within_s: float) -> Any:  # noqa: ARG002 - a fake's clock stands
        self.done.append("dark") if expression.endswith("(true)") else None
        if isinstance(self.seen, dict):
            return self.seen
        raise self.seen("in a test")

    async def answers(self, *, within_s: float) -> bool:  # noqa: ARG002 - as above
        return self.is_answering

    async def show(self, url: str) -> None:
        self.done.append(f"show {url}")

    async def renew(self, url: str) -> None:
        self.done.append(f"renew {url}")

    async def end_processes(self, kind: str) -> int:
        self.done.append(f"end {kind}")
        return 1

    def memory_mb(self) -> float:
        return self.weight_mb


class ScriptEndsError(Exception):
    """The script's end."""


class Scene:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock, self.browser, self.ladder = Clock(), FakeBrowser(), Ladder()
        self.watchdog = Watchdog(
            url=_URL, splash=_SPLASH, followed=self.clock, ladder=self.ladder, memory_mb=1000
        )
        self.clock.hear(Word())
        self.watchdog.choose_url()

        async def sleep(seconds: float) -> None:
            self.clock.now += seconds

        monkeypatch.setattr(module, "time", types.SimpleNamespace(monotonic=lambda: self.clock.now))
        monkeypatch.setattr(
            module,
            "asyncio",
            types.SimpleNamespace(sleep=sleep, to_thread=_at_once),
        )
        monkeypatch.setattr(module, "is_any_screen_there", lambda: True)

    async def run(self, seconds: int) -> Step | None:
        """What the watchdog leaves to others within that time."""

        def end() -> None:
            raise ScriptEndsError

        self.clock.script[int(self.clock.now) + seconds] = end
        try:
            return await self.watchdog.watch(self.browser, None)
        except ScriptEndsError:
            return None


async def _at_once(function: Callable[[], float]) -> float:
    return function()


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(monkeypatch)


async def test_a_good_picture_is_never_touched(scene: Scene) -> None:
    assert await scene.run(3600) is None
    assert scene.browser.done == []
    assert not scene.ladder.counts


async def test_a_page_survives_its_daemon(scene: Scene) -> None:
    scene.clock.script[5] = scene.clock.lose
    assert await scene.run(600) is None
    assert scene.browser.done == []


async def test_a_lost_page_without_a_daemon_becomes_the_splash_and_then_the_page(
    scene: Scene,
) -> None:
    scene.browser.seen = {**_WELL, "href": "chrome-error://chromewebdata/", "state": ""}
    scene.clock.lose()
    assert await scene.run(12) is None
    assert scene.browser.done == [f"show {_SPLASH}"]
    scene.browser.seen = {**_WELL, "href": _SPLASH, "state": "", "splash": True}
    scene.clock.hear(Word())
    assert await scene.run(5) is None
    assert scene.browser.done == [f"show {_SPLASH}", f"show {_URL}"]
    assert not scene.ladder.counts, "nothing was broken"


async def test_a_page_that_is_not_ours_climbs_to_the_browser(scene: Scene) -> None:
    scene.browser.seen = {**_WELL, "state": ""}
    assert await scene.run(120) is Step.BROWSER
    assert scene.browser.done == [f"show {_URL}", f"show {_URL}", f"renew {_URL}"]


async def test_a_page_whose_scripts_never_ran_is_loaded_again(scene: Scene) -> None:
    scene.browser.seen = {**_WELL, "state": "opening"}
    assert await scene.run(17) is None
    assert scene.browser.done == [f"show {_URL}"]


async def test_a_crashed_page_is_loaded_again_at_once(scene: Scene) -> None:
    scene.browser.crashes = 0

    def crash() -> None:
        scene.browser.crashes = 1

    scene.clock.script[3] = crash
    assert await scene.run(10) is None
    assert scene.browser.done == [f"show {_URL}"]
    assert scene.ladder.counts == {Step.PAGE: 1}


@pytest.mark.parametrize(("is_answering", "step"), [(True, Step.RENDERER), (False, Step.BROWSER)])
async def test_a_page_without_an_answer_is_told_from_a_browser_without_one(
    is_answering: bool, step: Step, scene: Scene
) -> None:
    scene.browser.seen = TimeoutError
    scene.browser.is_answering = is_answering
    await scene.run(3)
    assert next(iter(scene.ladder.counts)) is step


async def test_a_page_between_two_documents_is_no_trouble(scene: Scene) -> None:
    scene.browser.seen = KioskError
    assert await scene.run(5) is None
    assert not scene.ladder.counts


async def test_a_page_that_is_not_painted_costs_the_gpu_process_but_not_while_it_is_dark(
    scene: Scene,
) -> None:
    scene.browser.seen = {**_WELL, "painted": False}
    scene.clock.hear(Word(display_on=False))
    assert await scene.run(60) is None
    assert scene.browser.done == []
    scene.clock.hear(Word(display_on=True))
    assert await scene.run(7) is None
    assert scene.browser.done == ["end GPU"]


async def test_a_heavy_browser_gets_a_new_renderer_first(scene: Scene) -> None:
    scene.browser.weight_mb = 1600
    assert await scene.run(75) is None
    assert scene.browser.done == [f"renew {_URL}"]


async def test_only_orders_that_are_new_are_obeyed(scene: Scene) -> None:
    scene.clock.hear(Word(browser_restarts=7, compositor_restarts=2))
    assert await scene.run(10) is None
    scene.clock.script[int(scene.clock.now) + 2] = lambda: scene.clock.hear(
        Word(browser_restarts=8, compositor_restarts=2)
    )
    assert await scene.run(10) is Step.BROWSER
    scene.clock.hear(Word())  # of a daemon that was started anew
    assert await scene.run(10) is None
    scene.clock.hear(Word(compositor_restarts=1))
    assert await scene.run(10) is Step.COMPOSITOR


async def test_a_browser_that_is_new_is_not_started_again_for_an_order_of_before(
    scene: Scene,
) -> None:
    """The daemon missed the page while its browser was being started again."""
    assert await scene.run(5) is None
    scene.clock.hear(Word(browser_restarts=1))
    assert await scene.run(10) is None
    scene.clock.hear(Word(browser_restarts=1, compositor_restarts=1))
    assert await scene.run(10) is Step.COMPOSITOR


async def test_a_browser_that_ended_leaves_its_number_to_others(scene: Scene) -> None:
    """Whatever process has it by now is not the browser's to end."""
    ended = types.SimpleNamespace(pid=os.getpid(), returncode=-9)
    scene.browser._process = cast("ChildProcess", ended)
    assert scene.browser._tree() == []


async def test_a_screen_that_nothing_else_makes_dark_is_covered(scene: Scene) -> None:
    scene.watchdog.covers_in_black = True
    assert await scene.run(5) is None
    assert "dark" not in scene.browser.done
    scene.clock.hear(Word(display_on=False))
    assert await scene.run(5) is None
    assert "dark" in scene.browser.done


async def test_a_compositor_that_missed_three_round_trips_is_started_again(scene: Scene) -> None:
    asked = 0

    async def never() -> bool:
        nonlocal asked
        asked += 1
        return False

    assert await scene.watchdog.watch(scene.browser, never) is Step.COMPOSITOR
    assert asked == 3
