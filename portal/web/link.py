"""The other end of a peer's link: `/link`, where a peer reads our camera's state as it changes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from portal.config import Config
from portal.errors import PeerError
from portal.model import PeerAsk
from portal.peers import messages
from portal.peers.conversation import REMEDY_SAME_NAME
from portal.peers.link import FAULT_SAME_NAME
from portal.state import StateBoard

log = logging.getLogger(__name__)

# One peer, its reconnection before the old socket is known to be dead, and the third site.
MAX_LINKS = 8
_HELLO_WITHIN_S = 3.0
_PING_WITHIN_S = 10.0  # peers ping every second
_MESSAGES_PER_S = 100
# Of all peers together; more are not even answered.
_ASK_EVERY_S = 0.5
# A refused namesake tries again within 6 s: this long without it, and the name is ours alone.
_SAME_NAME_S = 15.0


def add_link_routes(app: web.Application, config: Config, state: StateBoard) -> None:
    """Serve `/link`. At shutdown each peer is told that we are going."""
    server = _LinkServer(config, state)
    app.router.add_get("/link", server.handle)
    app.on_shutdown.append(server.shut_down)


class _LinkServer:
    def __init__(self, config: Config, state: StateBoard) -> None:
        self._name = config.site.name
        self._state = state
        self._asked_at = 0.0
        self._sockets: set[web.WebSocketResponse] = set()
        self._namesake_timer: asyncio.TimerHandle | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self._admit(request)
        socket = web.WebSocketResponse(timeout=0.5, max_msg_size=messages.MAX_BYTES, compress=False)
        self._sockets.add(socket)
        try:
            await socket.prepare(request)
            await self._serve(socket, request.remote or "an unknown address")
        except TimeoutError:
            await socket.close(code=messages.CLOSE_SILENT, message=b"silent")
        except PeerError as exc:
            reason = str(exc).encode()[:120]  # a control frame carries at most 125 bytes
            await socket.close(code=messages.CLOSE_NONSENSE, message=reason)
        except (ConnectionError, RuntimeError):
            # It went away while we spoke; aiohttp says RuntimeError when it did so before.
            pass
        finally:
            self._sockets.discard(socket)
        # aiohttp takes a socket that never opened for a bug of ours.
        return socket if socket.prepared else web.Response(status=408)

    def _admit(self, request: web.Request) -> None:
        """Who may read our state. The check of the peer's certificate belongs here, once pairing
        has exchanged it. A page in a browser, which always says its origin, never may."""
        if "Origin" in request.headers:
            raise web.HTTPForbidden(text="this address is for the other site, not for pages\n")
        if len(self._sockets) >= MAX_LINKS:
            raise web.HTTPServiceUnavailable(text="too many links are open\n")

    async def _serve(self, socket: web.WebSocketResponse, remote: str) -> None:
        async with asyncio.timeout(_HELLO_WITHIN_S):
            hello = await _receive(socket)
        if hello is _CLOSED:
            return
        if not isinstance(hello, messages.Hello):
            raise messages.NonsenseError("the first message must be hello")
        if hello.name == self._name:
            self._refuse_namesake(remote)
            await socket.close(code=messages.CLOSE_SAME_NAME, message=b"same name")
            return
        teller = asyncio.create_task(self._tell(socket, hello.name), name=f"tell {hello.name}")
        try:
            await self._answer(socket, hello.name)
        finally:
            teller.cancel()
            await asyncio.gather(teller, return_exceptions=True)

    async def _tell(self, socket: web.WebSocketResponse, peer: str) -> None:
        """Hello, then our camera's state now and on each change, and what becomes of its asks."""
        told: messages.Status | None = None
        answered = self._state.snapshot.asks.answered
        with contextlib.suppress(ConnectionError, RuntimeError):  # `_answer` sees it too
            await socket.send_str(messages.encode(messages.hello_of(self._state.snapshot)))
            async for snapshot in self._state.subscribe():
                status = messages.status_of(snapshot)
                if status != told:
                    await socket.send_str(messages.encode(status))
                    told = status
                answer = snapshot.asks.answered
                if answer is not None and answer != answered and answer.peer == peer:
                    said = messages.Answer(
                        step=answer.step,
                        accepted=answer.accepted,
                        reason=answer.reason,
                        picture=answer.picture,
                    )
                    await socket.send_str(messages.encode(said))
                answered = answer

    async def _answer(self, socket: web.WebSocketResponse, peer: str) -> None:
        budget = messages.Budget(_MESSAGES_PER_S)
        while True:
            async with asyncio.timeout(_PING_WITHIN_S):
                message = await _receive(socket)
            if message is _CLOSED:
                return
            budget.spend()
            if isinstance(message, messages.Ping):
                received = time.time()
                pong = messages.Pong(sent=message.sent, received=received, answered=time.time())
                await socket.send_str(messages.encode(pong))
            elif isinstance(message, messages.Ask):
                self._note(peer, message)

    def _note(self, peer: str, ask: messages.Ask) -> None:
        """For whoever decides about it: see `portal.healing.answering`."""
        if time.monotonic() - self._asked_at < _ASK_EVERY_S:
            return
        self._asked_at = time.monotonic()
        asks = self._state.snapshot.asks
        number = asks.asked.number + 1 if asks.asked else 1
        asked = PeerAsk(peer=peer, step=ask.step, reason=ask.reason, number=number)
        self._state.update(asks=msgspec.structs.replace(asks, asked=asked))

    def _refuse_namesake(self, remote: str) -> None:
        self._state.raise_fault(
            FAULT_SAME_NAME,
            f'the box at {remote} is also named "{self._name}"',
            remedy=REMEDY_SAME_NAME,
        )
        if self._namesake_timer is not None:
            self._namesake_timer.cancel()
        self._namesake_timer = asyncio.get_running_loop().call_later(
            _SAME_NAME_S, self._state.clear_fault, FAULT_SAME_NAME
        )

    async def shut_down(self, _app: web.Application) -> None:
        if self._namesake_timer is not None:
            self._namesake_timer.cancel()
        await asyncio.gather(
            *(
                socket.close(code=WSCloseCode.GOING_AWAY, message=b"shutting down")
                for socket in self._sockets
                if socket.prepared
            ),
            return_exceptions=True,
        )


class _Closed:
    """The peer went away."""


_CLOSED = _Closed()


async def _receive(socket: web.WebSocketResponse) -> messages.Message | _Closed | None:
    """The next message. Raises `NonsenseError`."""
    frame = await socket.receive()
    if frame.type is WSMsgType.TEXT:
        return messages.decode(frame.data)
    if frame.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED):
        return _CLOSED
    raise messages.NonsenseError("it sends binary data, or too much at once")
