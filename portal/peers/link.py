"""Holds the link to the peer that is shown, and writes what becomes of it to `state.link`.

The link is a WebSocket that we open to the peer's `/link`: it tells us about its camera at once,
and a ping every second tells how far away it is and whether it is still there. The peer opens one
of its own to us (`portal.web.link`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import Any, Never

import aiohttp
import msgspec

from portal.backoff import Backoff
from portal.config import Config
from portal.errors import PeerError
from portal.model import Peer, PeerAnswer, RemoteSite
from portal.peers import messages
from portal.peers.clock import Sample
from portal.peers.conversation import (
    DEFAULT_TIMING,
    Conversation,
    LinkTiming,
    SameNameError,
    client_session,
    title_of,
)
from portal.peers.directory import PeerDirectory
from portal.state import StateBoard
from portal.words import LinkState

log = logging.getLogger(__name__)

FAULT_SAME_NAME = "site.name.link"
FAULT_OTHER_NAME = "peers.name"


class PeerLink:
    """The only writer of `state.link`. Passes `state.asks.ask` on, and keeps the answer there."""

    def __init__(
        self,
        config: Config,
        state: StateBoard,
        directory: PeerDirectory,
        *,
        timing: LinkTiming = DEFAULT_TIMING,
    ) -> None:
        self._searches = config.discovery.enabled
        self._state = state
        self._directory = directory
        self._timing = timing
        self._backoff = Backoff()

    async def run(self) -> Never:
        """Never returns; what the peer does wrong is a state, with its reason in words."""
        async with client_session() as session:
            while True:
                peer = self._directory.shown
                if peer is None:
                    await self._search()
                else:
                    await self._attend(session, peer)

    async def _search(self) -> None:
        self._show(
            state=LinkState.SEARCHING,
            peer=None,
            remote=None,
            detail="looking for another site on the network"
            if self._searches
            else "no other site is configured, and discovery is off",
        )
        self._backoff.reset()
        await self._directory.changed.wait()

    async def _attend(self, session: aiohttp.ClientSession, peer: Peer) -> None:
        """One connection to `peer`, for as long as it holds, and the pause after it."""
        former = self._state.snapshot.link.peer
        if former is None or former.name != peer.name:
            self._backoff.reset()
            self._show(
                state=LinkState.CONNECTING,
                peer=peer,
                remote=None,
                detail=f"calling {title_of(peer)} at {peer.address}",
            )
        fault = await self._talk_until_it_moves(session, peer)
        if fault is None:
            self._backoff.reset()
            self._lose(f"{title_of(peer)} is no longer at {peer.address}")
            return
        self._lose(str(fault))
        if isinstance(fault, SameNameError):
            self._state.raise_fault(FAULT_SAME_NAME, fault.message, remedy=fault.remedy)
        self._directory.doubt(peer)
        if self._state.snapshot.link.state is LinkState.CONNECTING:
            self._directory.demote(peer)
        await self._pause(peer)

    async def _talk_until_it_moves(
        self, session: aiohttp.ClientSession, peer: Peer
    ) -> PeerError | None:
        """Why the connection ended; None when there is another peer, or address, to call."""
        conversation = Conversation(
            peer,
            messages.hello_of(self._state.snapshot),
            timing=self._timing,
            on_status=self._heard,
            on_clock=self._measured,
            on_answer=self._answered,
        )
        talk = asyncio.create_task(conversation.run(session), name=f"link to {peer.name}")
        moved = asyncio.create_task(self._until_it_moves(peer), name=f"where is {peer.name}")
        asking = asyncio.create_task(self._pass_on(conversation), name=f"asks of {peer.name}")
        try:
            await asyncio.wait({talk, moved}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (talk, moved, asking):
                task.cancel()
            await asyncio.gather(talk, moved, asking, return_exceptions=True)
        if talk.cancelled():
            return None
        fault = talk.exception()
        if isinstance(fault, PeerError):
            return fault
        raise fault or RuntimeError("a conversation ended without a reason")

    async def _pass_on(self, conversation: Conversation) -> None:
        """What is asked while nobody listens is forgotten."""
        ask = self._state.snapshot.asks.ask
        while True:
            now = await self._state.wait_for(lambda now, seen=ask: now.asks.ask != seen)  # type: ignore[misc]
            ask = now.asks.ask
            if ask is not None and now.link.state is LinkState.UP:
                conversation.ask(messages.Ask(step=ask.step, reason=ask.reason))

    async def _until_it_moves(self, peer: Peer) -> None:
        while _same_end(self._directory.shown, peer):
            changed = self._directory.changed
            self._show(peer=self._directory.shown)
            await changed.wait()

    async def _pause(self, peer: Peer) -> None:
        """Cut short when the peer is heard on the network, or another one is to be called."""
        news = self._directory.news
        await asyncio.sleep(self._timing.min_pause_s)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._backoff.next()):
                while self._directory.news == news and _same_end(self._directory.shown, peer):
                    changed = self._directory.changed
                    self._show(peer=self._directory.shown)
                    await changed.wait()

    # What becomes of it

    def _heard(self, remote: RemoteSite) -> None:
        if self._state.snapshot.link.state is not LinkState.UP:
            self._backoff.reset()
            self._state.clear_fault(FAULT_SAME_NAME)
            self._check_name(remote)
        self._show(state=LinkState.UP, remote=remote, detail="")

    def _check_name(self, remote: RemoteSite) -> None:
        peer = self._state.snapshot.link.peer
        if peer is None or peer.name == remote.name:
            self._state.clear_fault(FAULT_OTHER_NAME)
            return
        self._state.raise_fault(
            FAULT_OTHER_NAME,
            f'the box at {peer.address} is named "{remote.name}", not "{peer.name}"',
            remedy="correct the name or the address in [[peers]]",
        )

    def _measured(self, best: Sample) -> None:
        """Rounded to 0.1 ms, so that what reads the state is not woken by noise."""
        self._show(rtt_s=round(best.rtt_s, 4), clock_offset_s=round(best.offset_s, 4))

    def _answered(self, answer: messages.Answer) -> None:
        asks = self._state.snapshot.asks
        peer = self._state.snapshot.link.peer
        told = PeerAnswer(
            peer=peer.name if peer else "",
            step=answer.step,
            accepted=answer.accepted,
            reason=answer.reason,
            number=asks.answer.number + 1 if asks.answer else 1,
            picture=answer.picture,
        )
        self._state.update(asks=msgspec.structs.replace(asks, answer=told))

    def _lose(self, detail: str) -> None:
        """Lost if it was up since it was found, else still connecting."""
        state = self._state.snapshot.link.state
        if state is LinkState.UP:
            state = LinkState.LOST
        self._show(state=state, detail=detail, rtt_s=None, clock_offset_s=None)

    def _show(self, **changes: Any) -> None:
        before = self._state.snapshot.link
        now = msgspec.structs.replace(before, others=self._directory.others, **changes)
        if now.state is not before.state or not before.since:
            now = msgspec.structs.replace(now, since=time.time())
            who = f" with {now.peer.name}" if now.peer else ""
            log.info("link%s is %s%s", who, now.state, f": {now.detail}" if now.detail else "")
        self._state.update(link=now)


def _same_end(one: Peer | None, other: Peer) -> bool:
    return one is not None and (one.name, one.address, one.link_port) == (
        other.name,
        other.address,
        other.link_port,
    )
