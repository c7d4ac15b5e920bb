"""One site asks the other for a step over a real link; the other decides what is reasonable."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import aiohttp
import msgspec
import pytest

from portal.config import HealingSection
from portal.healing.answering import Answering
from portal.model import CameraStatus, MediaServerStatus, PeerAnswer, PeerAsk
from portal.peers import messages
from portal.verdict import ProbeResult
from portal.words import CameraState, HealStep, LinkState, MediaServerState, PictureState
from tests.integration.test_link import SiteUnderTest

WAIT_S = 20.0


class Asked:
    """new-york, which is asked, and dublin, which asks. `found` is what new-york's own look finds,
    `now` its clock."""

    def __init__(self, asker: SiteUnderTest, asked: SiteUnderTest) -> None:
        self.asker = asker
        self.asked = asked
        self.found = PictureState.STALLED
        self.looks = 0
        self.now = 1000.0
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        answering = Answering(
            self.asked.config, self.asked.state, look=self._look, monotonic=lambda: self.now
        )
        self._tasks.append(asyncio.create_task(answering.run()))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _look(self, url: str) -> ProbeResult:
        self.looks += 1
        return ProbeResult(url=url, state=self.found)

    async def ask(self, step: HealStep = HealStep.PEER_PUBLISHER) -> PeerAnswer:
        """The answer, as the asker reads it."""
        state = self.asker.state
        before = state.snapshot.asks
        number = before.ask.number + 1 if before.ask else 1
        ask = PeerAsk(peer="new-york", step=step, reason="the same picture for 2 s", number=number)
        state.update(asks=msgspec.structs.replace(before, ask=ask))
        async with asyncio.timeout(WAIT_S):
            now = await state.wait_for(lambda now: now.asks.answer != before.answer)
        assert now.asks.answer is not None
        return now.asks.answer

    @property
    def restarts(self) -> tuple[int, int]:
        now = self.asked.state.snapshot
        return now.publisher_restarts, now.media_server_restarts


@pytest.fixture
async def sites(
    loopback: str, other_loopback: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Asked]:
    monkeypatch.setattr("portal.web.link._ASK_EVERY_S", 0.0)  # one test is about it
    dublin = SiteUnderTest("dublin", loopback, ("new-york", other_loopback))
    new_york = SiteUnderTest("new-york", other_loopback, ("dublin", loopback))
    asked = Asked(dublin, new_york)
    async with AsyncExitStack() as stack:
        for site in (dublin, new_york):
            stack.push_async_callback(site.close)
            await site.open_server()
            site.open_link()
        for site in (dublin, new_york):
            await site.until(lambda link: link.state is LinkState.UP)
        new_york.state.update(
            camera=CameraStatus(state=CameraState.LIVE),
            media_server=MediaServerStatus(state=MediaServerState.READY),
        )
        stack.push_async_callback(asked.close)
        asked.start()
        yield asked


async def test_a_publisher_is_started_again_when_the_other_site_asks(sites: Asked) -> None:
    answer = await sites.ask()
    assert answer.accepted
    assert sites.restarts == (1, 0)
    assert sites.looks == 0  # the screen there has seen enough: two seconds count
    asked = sites.asked.state.snapshot.asks.asked
    assert asked is not None
    assert (asked.peer, asked.reason) == ("dublin", "the same picture for 2 s")


async def test_who_asks_too_often_is_declined_with_the_reason(sites: Asked) -> None:
    for number in range(14):
        sites.now += 11
        answer = await sites.ask()
        assert answer.accepted is (number < 12)
    assert "again in 58 minutes" in answer.reason
    assert sites.restarts == (12, 0)
    assert sites.asked.state.snapshot.asks.declined == 2
    sites.now += 3600
    await sites.ask()
    sites.now += 5
    assert "again in 5 s" in (await sites.ask()).reason


async def test_a_picture_that_moves_is_disturbed_once_at_most(sites: Asked) -> None:
    sites.found = PictureState.LIVE
    assert (await sites.ask()).accepted
    sites.now += 12
    answer = await sites.ask()
    assert not answer.accepted
    assert answer.picture is PictureState.LIVE
    assert sites.restarts == (1, 0)


async def test_mediamtx_is_started_again_only_after_a_look(sites: Asked) -> None:
    assert (await sites.ask(HealStep.PEER_MEDIA_SERVER)).accepted
    assert sites.looks == 1
    assert sites.restarts == (0, 1)
    sites.now += 150
    sites.found = PictureState.LIVE
    for accepted in (False, False, True):  # who insists may see what we cannot
        assert (await sites.ask(HealStep.PEER_MEDIA_SERVER)).accepted is accepted
    assert sites.restarts == (0, 2)


@pytest.mark.parametrize("step", [HealStep.REBOOT, HealStep.BROWSER, HealStep.SESSION])
async def test_no_other_step_is_anothers_to_ask(sites: Asked, step: HealStep) -> None:
    answer = await sites.ask(step)
    assert "not for another site" in answer.reason
    assert sites.restarts == (0, 0)


async def test_a_paused_camera_is_left_alone(sites: Asked) -> None:
    sites.asked.state.update(paused=True)
    assert (await sites.ask()).reason == "the camera is paused"


async def test_a_box_may_refuse_it_all(sites: Asked) -> None:
    await sites.close()
    config = msgspec.structs.replace(sites.asked.config, healing=HealingSection(peer=False))
    sites.asked.config = config
    sites.start()
    assert "healing.peer" in (await sites.ask()).reason


async def test_a_stranger_who_asks_is_declined(sites: Asked) -> None:
    """The third site, whose screen nobody here shows."""
    hello = messages.Hello(name="boston", title="Boston", version="1")
    ask = messages.Ask(step=HealStep.PEER_PUBLISHER)
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"http://{sites.asked.address}:8443/link") as socket,
    ):
        await socket.send_str(messages.encode(hello))
        await socket.send_str(messages.encode(ask))
        async with asyncio.timeout(WAIT_S):
            while True:
                message = messages.decode(await socket.receive_str())
                if isinstance(message, messages.Answer):
                    break
    assert not message.accepted
    assert sites.restarts == (0, 0)


async def test_a_flood_of_asks_is_not_even_read(
    sites: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    hello = messages.Hello(name="dublin", title="Dublin", version="1")
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"http://{sites.asked.address}:8443/link") as socket,
    ):
        await socket.send_str(messages.encode(hello))
        for _ in range(90):
            ask = messages.Ask(step=HealStep.PEER_PUBLISHER)
            await socket.send_str(messages.encode(ask))
        await socket.send_str(messages.encode(messages.Ping(sent=1)))
        async with asyncio.timeout(WAIT_S):
            while not isinstance(messages.decode(await socket.receive_str()), messages.Pong):
                pass
    state = sites.asked.state
    async with asyncio.timeout(WAIT_S):
        await state.wait_for(lambda _: sites.restarts == (1, 0))
    asked = state.snapshot.asks.asked
    assert asked is not None
    # One each half a second: of 90 at once not many, though this machine may stall meanwhile.
    assert asked.number <= 10
