"""One connection to a peer, from opening to its end: what it says, how far away it is."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Never

import aiohttp
from yarl import URL

from portal.errors import PeerError
from portal.model import Peer, RemoteSite
from portal.peers import messages, untrusted
from portal.peers.clock import ClockFilter, Sample, sample
from portal.peers.resolver import LastAnswerResolver

REMEDY_SAME_NAME = "give each its own site.name in portal.toml, and check the peer's address"

# More in one second than any box has to say: a camera that flaps makes a handful.
_MESSAGES_PER_S = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkTiming:
    """Tests make these shorter."""

    connect_s: float = 3.0
    ping_s: float = 1.0
    silence_s: float = 3.0
    min_pause_s: float = 0.25  # between two attempts, whatever the network says


DEFAULT_TIMING = LinkTiming()


class SameNameError(PeerError):
    """The peer bears our own name."""


class RefusedError(PeerError):
    """What answers is not a site that we can talk to: trying again soon won't help."""


def client_session() -> aiohttp.ClientSession:
    """For links: keeps nothing, follows nobody elsewhere."""
    tracing = aiohttp.TraceConfig()
    tracing.on_request_redirect.append(_refuse_redirect)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(resolver=LastAnswerResolver()),
        cookie_jar=aiohttp.DummyCookieJar(),
        trace_configs=[tracing],
        trust_env=False,
    )


async def _refuse_redirect(*_args: object) -> None:
    raise RefusedError("it answers with a redirect, so it is not a portal")


async def open_socket(
    session: aiohttp.ClientSession, peer: Peer
) -> aiohttp.ClientWebSocketResponse:
    """The one place where a connection to a peer is made: TLS with the peer's pinned certificate
    belongs here (wss, `ssl=`), once pairing has exchanged it."""
    return await session.ws_connect(
        URL.build(scheme="http", host=peer.address, port=peer.link_port, path="/link"),
        max_msg_size=messages.MAX_BYTES,
        timeout=aiohttp.ClientWSTimeout(ws_close=0.5),
    )


class Conversation:
    """`run` ends with a `PeerError` that says why, in words for the screen."""

    def __init__(
        self,
        peer: Peer,
        hello: messages.Hello,
        *,
        timing: LinkTiming,
        on_status: Callable[[RemoteSite], None],
        on_clock: Callable[[Sample], None],
        on_answer: Callable[[messages.Answer], None] = lambda _: None,
    ) -> None:
        self._peer = peer
        self._hello = hello
        self._timing = timing
        self._on_status = on_status
        self._on_clock = on_clock
        self._on_answer = on_answer
        self._outbox: asyncio.Queue[messages.Ask] = asyncio.Queue(maxsize=8)
        self._clock = ClockFilter()
        self._asked: dict[float, None] = {}  # pings under way, by the time they were sent
        self._title = title_of(peer)

    async def run(self, session: aiohttp.ClientSession) -> Never:
        socket = await self._open(session)
        speakers = [
            asyncio.create_task(self._ping(socket), name=f"ping {self._peer.name}"),
            asyncio.create_task(self._send(socket), name=f"ask {self._peer.name}"),
        ]
        code = aiohttp.WSCloseCode.GOING_AWAY.value
        try:
            await self._listen(socket)
        except SameNameError:
            code = messages.CLOSE_SAME_NAME
            raise
        except RefusedError:
            code = messages.CLOSE_NONSENSE
            raise
        finally:
            for speaker in speakers:
                speaker.cancel()
            await asyncio.gather(*speakers, return_exceptions=True)
            with contextlib.suppress(aiohttp.ClientError, OSError):
                await socket.close(code=code)

    def ask(self, ask: messages.Ask) -> None:
        """Only of a peer that has told its status: before that, nobody listens."""
        with contextlib.suppress(asyncio.QueueFull):
            self._outbox.put_nowait(ask)

    async def _send(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        with contextlib.suppress(aiohttp.ClientError, OSError):  # `_listen` sees it too
            while True:
                await socket.send_str(messages.encode(await self._outbox.get()))

    async def _open(self, session: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse:
        where = f"{self._title} ({self._peer.address}, port {self._peer.link_port})"
        try:
            async with asyncio.timeout(self._timing.connect_s):
                return await open_socket(session, self._peer)
        except PeerError as exc:
            raise RefusedError(f"{where} is refused: {exc}") from exc
        except TimeoutError as exc:
            raise PeerError(f"{where} does not answer") from exc
        except aiohttp.WSServerHandshakeError as exc:
            answer = f"HTTP {exc.status}" if exc.status != 101 else "a wrong handshake"
            raise RefusedError(
                f"{where} is refused: it answers {answer}, so it is not a portal, or too full"
            ) from exc
        except aiohttp.ServerDisconnectedError as exc:
            raise PeerError(f"{where} hung up") from exc
        except (aiohttp.ClientOSError, OSError) as exc:
            reason = exc.strerror or type(exc).__name__
            raise PeerError(f"{where} cannot be reached: {reason}") from exc
        except (aiohttp.ClientError, ValueError) as exc:
            raise RefusedError(f"{where} is refused: it does not speak HTTP") from exc

    async def _ping(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        with contextlib.suppress(aiohttp.ClientError, OSError):  # `_listen` sees it too
            await socket.send_str(messages.encode(self._hello))
            while True:
                sent = time.time()
                self._asked[sent] = None
                if len(self._asked) > 8:
                    del self._asked[next(iter(self._asked))]
                await socket.send_str(messages.encode(messages.Ping(sent=sent)))
                await asyncio.sleep(self._timing.ping_s)

    async def _listen(self, socket: aiohttp.ClientWebSocketResponse) -> Never:
        remote: messages.Hello | None = None
        has_told = False
        introduced_by = time.monotonic() + self._timing.silence_s
        budget = messages.Budget(_MESSAGES_PER_S)
        while True:
            try:
                message = self._read(await socket.receive(timeout=self._timing.silence_s))
                budget.spend()
            except TimeoutError as exc:
                raise PeerError(
                    f"{self._title} has been silent for {self._timing.silence_s:g} s"
                ) from exc
            except messages.NonsenseError as exc:
                raise RefusedError(f"{self._title} is refused: {exc}") from exc
            match message:
                case messages.Hello():
                    self._check(message)
                    remote = message
                case messages.Status() if remote is not None:
                    self._on_status(messages.remote_site(remote, message))
                    has_told = True
                case messages.Pong() if message.sent in self._asked:
                    self._measure(message)
                case messages.Answer() if has_told:
                    self._on_answer(message)
                case messages.Pong() | None:
                    pass
                case _:
                    raise RefusedError(f"{self._title} is refused: it speaks out of turn")
            if not has_told and time.monotonic() > introduced_by:
                raise RefusedError(f"{self._title} is refused: it does not say who it is")

    def _read(self, frame: aiohttp.WSMessage) -> messages.Message | None:
        match frame.type:
            case aiohttp.WSMsgType.TEXT:
                return messages.decode(frame.data)
            case aiohttp.WSMsgType.CLOSE:
                raise self._closed(frame.data, str(frame.extra or ""))
            case aiohttp.WSMsgType.BINARY:
                raise messages.NonsenseError("it sends binary data")
            case aiohttp.WSMsgType.ERROR:
                raise messages.NonsenseError(
                    f"it breaks the protocol: {untrusted.cleaned(str(frame.data), 120)}"
                )
            case _:
                raise PeerError(f"the connection to {self._title} broke")

    def _closed(self, code: int, reason: str) -> PeerError:
        if code == messages.CLOSE_SAME_NAME:
            return self._same_name()
        if code == aiohttp.WSCloseCode.GOING_AWAY:
            return PeerError(f"{self._title} is shutting down")
        said = f": {untrusted.cleaned(reason, 80)}" if reason else ""
        return PeerError(f"{self._title} ended the link (code {code}{said})")

    def _check(self, hello: messages.Hello) -> None:
        if hello.protocol != messages.PROTOCOL:
            raise RefusedError(
                f"{self._title} speaks link protocol {hello.protocol}, this site "
                f"{messages.PROTOCOL}",
                remedy="update the older of the two boxes",
            )
        if hello.name == self._hello.name:
            raise self._same_name()

    def _same_name(self) -> SameNameError:
        return SameNameError(
            f'the box at {self._peer.address} is also named "{self._hello.name}"',
            remedy=REMEDY_SAME_NAME,
        )

    def _measure(self, pong: messages.Pong) -> None:
        del self._asked[pong.sent]
        self._clock.add(sample(pong.sent, pong.received, pong.answered, time.time()))
        if (best := self._clock.best) is not None:
            self._on_clock(best)


def title_of(peer: Peer) -> str:
    return peer.title or peer.name
