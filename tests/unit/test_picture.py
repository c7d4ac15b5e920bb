"""When is the picture looked at, and when does a person hear of it?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from portal.config import Config
from portal.model import CameraStatus, Fault, MediaServerStatus, SiteStatus, Snapshot
from portal.picture import FAULT, Pace, PictureCheck
from portal.state import StateBoard
from portal.verdict import ProbeResult
from portal.words import CameraState, PictureState

PACE = Pace(settle_s=3, spacing_s=15, routine_s=600, looks_before_fault=2)


class Clock:
    """Time that passes only when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    async def sleep(self, delay: float) -> None:
        woken = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.now + delay, woken))
        if delay <= 0:
            woken.set_result(None)
        await woken

    async def pass_(self, seconds: float) -> None:
        end = self.now + seconds
        while True:
            await _settle()
            due = min((at for at, woken in self._sleepers if not woken.done()), default=end + 1)
            if due > end:
                break
            self.now = max(self.now, due)
            for at, woken in self._sleepers:
                if at <= self.now and not woken.done():
                    woken.set_result(None)
        self.now = end


async def _settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


class Bench:
    """A picture check with a scripted probe."""

    def __init__(self, result: ProbeResult) -> None:
        self.clock = Clock()
        self.state = StateBoard(
            Snapshot(site=SiteStatus(name="a", title="A", version="0", started_at=0))
        )
        self.result = result
        self.looked_at: list[float] = []
        self.urls: set[str] = set()
        self.takes_forever = False
        self.abandoned = 0
        self.check = PictureCheck(
            Config(),
            self.state,
            look=self._look,
            pace=PACE,
            sleep=self.clock.sleep,
            monotonic=lambda: self.clock.now,
        )

    async def _look(self, url: str) -> ProbeResult:
        self.looked_at.append(self.clock.now)
        self.urls.add(url)
        if self.takes_forever:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.abandoned += 1
                raise
        return self.result

    async def camera(self, state: CameraState) -> None:
        self.state.update(camera=CameraStatus(state=state, since=self.clock.now))
        await _settle()

    def fault(self) -> Fault | None:
        return next((f for f in self.state.snapshot.faults if f.key == FAULT), None)

    @property
    def picture(self) -> PictureState:
        return self.state.snapshot.picture.state


LIVE = ProbeResult(url="u", state=PictureState.LIVE, fps=30.0, width=1280, height=720, frames=60)
FROZEN = ProbeResult(
    url="u", state=PictureState.STALLED, reason="frozen: nothing moves", remedy="replug it"
)


@asynccontextmanager
async def _bench(result: ProbeResult = LIVE) -> AsyncIterator[Bench]:
    bench = Bench(result)
    task = asyncio.create_task(bench.check.run())
    try:
        await _settle()
        yield bench
        assert not task.done(), "run() never returns"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_without_a_camera_nobody_looks_and_the_picture_is_absent() -> None:
    async with _bench() as bench:
        await bench.clock.pass_(3600)
        assert bench.looked_at == []
        assert bench.picture is PictureState.ABSENT


async def test_a_camera_that_became_live_is_looked_at_once_after_a_few_seconds() -> None:
    async with _bench() as bench:
        await bench.camera(CameraState.STARTING)
        await bench.camera(CameraState.LIVE)
        assert bench.picture is PictureState.UNKNOWN
        await bench.clock.pass_(60)
        assert bench.looked_at == [1003]
        assert bench.urls == {Config().whep_url}
        seen = bench.state.snapshot.picture
        assert (seen.state, seen.fps, seen.width, seen.height) == (
            PictureState.LIVE,
            30.0,
            1280,
            720,
        )
        assert bench.fault() is None


async def test_while_all_is_well_it_looks_every_ten_minutes_at_most() -> None:
    async with _bench() as bench:
        await bench.camera(CameraState.LIVE)
        await bench.clock.pass_(1801)
        assert bench.looked_at == [1003, 1603, 2203]


async def test_a_new_media_server_is_looked_at_again() -> None:
    async with _bench() as bench:
        await bench.camera(CameraState.LIVE)
        await bench.clock.pass_(100)
        bench.state.update(media_server=MediaServerStatus(generation=2))
        await bench.clock.pass_(100)
        assert bench.looked_at == [1003, 1103]


async def test_a_camera_that_flaps_is_not_looked_at_each_time() -> None:
    async with _bench() as bench:
        for _ in range(30):
            await bench.camera(CameraState.LIVE)
            await bench.clock.pass_(4)
            await bench.camera(CameraState.ABSENT)
            await bench.clock.pass_(1)
        assert len(bench.looked_at) <= 30 * 5 / PACE.spacing_s + 1
        assert all(
            b - a >= PACE.spacing_s
            for a, b in zip(bench.looked_at, bench.looked_at[1:], strict=False)
        )


async def test_one_bad_look_is_no_fault_and_the_second_is() -> None:
    async with _bench(FROZEN) as bench:
        await bench.camera(CameraState.LIVE)
        await bench.clock.pass_(4)
        assert bench.picture is PictureState.STALLED
        assert bench.fault() is None
        await bench.clock.pass_(20)
        fault = bench.fault()
        assert fault is not None
        assert "frozen" in fault.message
        assert fault.remedy == "replug it"


async def test_a_bad_picture_is_looked_at_less_and_less_often() -> None:
    async with _bench(FROZEN) as bench:
        await bench.camera(CameraState.LIVE)
        await bench.clock.pass_(3600)
        gaps = [b - a for a, b in zip(bench.looked_at, bench.looked_at[1:], strict=False)]
        assert gaps[0] < gaps[1] < gaps[2]
        assert len(bench.looked_at) < 15


async def test_the_fault_goes_when_the_picture_moves_again() -> None:
    async with _bench(FROZEN) as bench:
        await bench.camera(CameraState.LIVE)
        await bench.clock.pass_(30)
        assert bench.fault() is not None
        bench.result = LIVE
        await bench.clock.pass_(60)
        assert bench.fault() is None
        assert bench.picture is PictureState.LIVE


async def test_the_fault_goes_when_the_camera_is_pulled() -> None:
    async with _bench(FROZEN) as bench:
        await bench.camera(CameraState.LIVE)
        await bench.clock.pass_(30)
        await bench.camera(CameraState.ABSENT)
        assert bench.fault() is None
        assert bench.picture is PictureState.ABSENT


async def test_a_paused_camera_is_a_paused_picture() -> None:
    async with _bench() as bench:
        await bench.camera(CameraState.PAUSED)
        await bench.clock.pass_(60)
        assert bench.picture is PictureState.PAUSED
        assert bench.looked_at == []


async def test_a_camera_that_goes_during_a_look_ends_that_look() -> None:
    async with _bench() as bench:
        bench.takes_forever = True
        await bench.camera(CameraState.LIVE)
        await bench.clock.pass_(4)
        assert bench.abandoned == 0
        await bench.camera(CameraState.ABSENT)
        assert bench.abandoned == 1
        assert bench.picture is PictureState.ABSENT


async def test_a_probe_that_does_not_work_leaves_the_picture_unknown() -> None:
    broken = msgspec.structs.replace(
        FROZEN, state=PictureState.UNKNOWN, reason="the probe failed: no module"
    )
    async with _bench(broken) as bench:
        await bench.camera(CameraState.LIVE)
        await bench.clock.pass_(30)
        assert bench.picture is PictureState.UNKNOWN
        fault = bench.fault()
        assert fault is not None
        assert "cannot be checked" in fault.message
