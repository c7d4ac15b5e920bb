"""`/whep/peer`, `/whep/sound`, `/whep/self`, `/whep/camera/<id>`: WHEP for the pages of this box,
forwarded to the one who has the picture. Only signalling passes here; the media goes straight to
the browser.

`sound` is the other site's, which comes on a path of its own.
`camera/<id>` is one of this site's cameras that is not published; asking for it starts it.

Contract: draft-ietf-wish-whep. POST an offer → 201, answer, `Location: /whep/<target>/<id>`;
PATCH that with candidates, DELETE it in the end. Faults are JSON `{"error", "remedy"}`:
400 no SDP, 404 no peer, no picture, no sound or no such session, 413, 415, 502 unreachable or
nonsense, 504 slow.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from aiohttp import encode_basic_auth, web
from yarl import URL

from portal.config import Config
from portal.mediamtx.credentials import PREVIEW_USER
from portal.mediamtx.settings import PREVIEW_PATHS
from portal.state import StateBoard
from portal.web.faults import RequestError
from portal.web.sdp import FRAGMENT_TYPE, MAX_BYTES, OFFER_TYPE, is_fragment, is_session_description
from portal.web.whep_client import Exchange, WhepClient, nonsense, open_client
from portal.web.whep_sessions import WhepSession, WhepSessions

# Told to the page as the server told them: its ICE servers and the version of the session.
_PASSED_ON = ("ETag", "Link", "Accept-Patch")
_MAX_PASSED_ON = 16
_TARGETS = rf"peer|sound|self|{PREVIEW_PATHS}[A-Za-z0-9._-]{{1,128}}"
_PEER_PATHS = {"peer": "/cam/whep", "sound": "/cam/sound/whep"}
# MediaMTX answers when the camera has started, or says after 8 s that it has not.
_PREVIEW_TIMEOUT_S = 10.0
# Refusals that are about what the page sent. Everything else unexpected is the server's mistake.
_REFUSALS = frozenset({400, 405, 406, 409, 412, 415, 422, 428})


class Target(msgspec.Struct, frozen=True):
    """Whom to ask: `word` is the one in our address, `who` names it to people."""

    word: str
    who: str
    endpoint: URL
    headers: dict[str, str] = {}
    timeout_s: float | None = None


class WhepForwarder:
    """One per app; `lifespan` is its `cleanup_ctx`. Closing leaves sessions running: a restart of
    the daemon must not stop a picture."""

    def __init__(self, config: Config, state: StateBoard, *, preview_password: str = "") -> None:
        self._config = config
        self._preview_password = preview_password
        self._state = state
        self._client: WhepClient | None = None
        self._asking: set[asyncio.Task[Any]] = set()
        self.sessions = WhepSessions()
        self.offers: Counter[tuple[str, int]] = Counter()  # (target, status answered)

    def add_routes(self, app: web.Application) -> None:
        endpoint = f"/whep/{{target:{_TARGETS}}}"
        resource = f"{endpoint}/{{id}}"
        app.router.add_route("OPTIONS", endpoint, self.on_options)
        app.router.add_post(endpoint, self.on_offer)
        app.router.add_patch(resource, self.on_candidates)
        app.router.add_delete(resource, self.on_delete)
        app.cleanup_ctx.append(self.lifespan)
        app.on_shutdown.append(self.give_up)

    async def lifespan(self, _app: web.Application) -> AsyncIterator[None]:
        async with open_client() as self._client:
            yield
        self._client = None

    async def give_up(self, _app: web.Application) -> None:
        """At shutdown, end what still waits for an answer: aiohttp lets a request run on whose page
        went away, and a peer that is switched off costs it seconds."""
        asking = list(self._asking)
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    async def on_options(self, request: web.Request) -> web.Response:
        target = self._target(request.match_info["target"])
        reply = await self._ask("OPTIONS", target.endpoint, who=target.who, headers=target.headers)
        if reply.status not in {200, 204}:
            raise _refusal(target.who, reply)
        return _answer(204, reply, extra={"Accept-Post": OFFER_TYPE})

    async def on_offer(self, request: web.Request) -> web.Response:
        word = request.match_info["target"]
        try:
            response = await self._offer(request, word)
        except RequestError as fault:
            self.offers[_kind(word), fault.status] += 1
            raise
        self.offers[_kind(word), response.status] += 1
        return response

    async def _offer(self, request: web.Request, word: str) -> web.Response:
        offer = await _body(request, OFFER_TYPE)
        if not is_session_description(offer):
            raise RequestError(
                400, "the offer is not SDP", remedy="send what RTCPeerConnection.createOffer() made"
            )
        target = self._target(word)
        reply = await self._ask(
            "POST",
            target.endpoint,
            who=target.who,
            body=offer,
            headers={"Content-Type": OFFER_TYPE, **target.headers},
            timeout_s=target.timeout_s,
        )
        if reply.status != 201:
            raise _refusal(target.who, reply)
        if reply.content_type != OFFER_TYPE or not is_session_description(reply.body):
            raise nonsense(target.who, "its answer is not SDP")
        resource = session_resource(target.endpoint, reply.headers.get("Location", ""))
        if resource is None:
            raise nonsense(target.who, "it names no session")
        session_id = self.sessions.open(target=_kind(word), who=target.who, resource=resource)
        return _answer(201, reply, extra={"Location": f"/whep/{word}/{session_id}"})

    async def on_candidates(self, request: web.Request) -> web.Response:
        session_id, session = self._session(request)
        fragment = await _body(request, FRAGMENT_TYPE)
        if not is_fragment(fragment):
            raise RequestError(
                400, "the fragment is not SDP", remedy="send a=candidate lines (RFC 8840)"
            )
        headers = {"Content-Type": FRAGMENT_TYPE}
        if "If-Match" in request.headers:
            headers["If-Match"] = request.headers["If-Match"]
        reply = await self._ask(
            "PATCH", session.resource, who=session.who, body=fragment, headers=headers
        )
        if reply.status == 404:
            self.sessions.forget(session_id)
            raise _no_session()
        if reply.status == 200 and reply.body:  # an ICE restart: the server's new credentials
            if reply.content_type != FRAGMENT_TYPE or not is_fragment(reply.body):
                raise nonsense(session.who, "its fragment is not SDP")
            return _answer(200, reply)
        if reply.status not in {200, 204}:
            raise _refusal(session.who, reply)
        return _answer(204, reply)

    async def on_delete(self, request: web.Request) -> web.Response:
        session_id, session = self._session(request)
        self.sessions.forget(session_id)
        reply = await self._ask("DELETE", session.resource, who=session.who)
        if reply.status not in {200, 202, 204, 404}:
            raise _refusal(session.who, reply)
        return web.Response(status=200)

    def _target(self, word: str) -> Target:
        if word == "self":
            return Target(word, "this site's media server", URL(self._config.whep_url))
        if word.startswith(PREVIEW_PATHS):
            return self._preview(word)
        peer = self._state.snapshot.link.peer
        if peer is None or not peer.address:
            raise RequestError(
                404,
                "no other site is known yet",
                remedy="switch the other box on, or name it under [[peers]]",
            )
        who = (peer.title or peer.name)[:64]
        try:
            endpoint = URL.build(
                scheme="http", host=peer.address, port=peer.whep_port, path=_PEER_PATHS[word]
            )
        except ValueError as exc:
            raise nonsense(who, f"{peer.address[:64]!r} is no address") from exc
        return Target(word, who, endpoint)

    def _preview(self, word: str) -> Target:
        snapshot = self._state.snapshot
        camera_id = word.removeprefix(PREVIEW_PATHS)
        if camera_id not in {camera.id for camera in snapshot.cameras}:
            raise RequestError(
                404, "no such camera is plugged in", remedy="take an id from `cameras` of the state"
            )
        login = encode_basic_auth(PREVIEW_USER, self._preview_password)
        elected = snapshot.elected
        if elected is not None and elected.id == camera_id:
            return Target(word, "this site's media server", URL(self._config.whep_url))
        return Target(
            word,
            "this site's media server",
            URL(self._config.whep_url).with_path(f"/{word}/whep"),
            headers={"Authorization": login},
            timeout_s=_PREVIEW_TIMEOUT_S,
        )

    def _session(self, request: web.Request) -> tuple[str, WhepSession]:
        session_id = request.match_info["id"]
        session = self.sessions.find(_kind(request.match_info["target"]), session_id)
        if session is None:
            raise _no_session()
        return session_id, session

    async def _ask(
        self,
        method: str,
        url: URL,
        *,
        who: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Exchange:
        assert self._client is not None  # noqa: S101 - requests come between start and cleanup
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a handler runs in one
        self._asking.add(task)
        try:
            return await self._client.ask(
                method, url, who=who, body=body, headers=headers, timeout_s=timeout_s
            )
        finally:
            self._asking.discard(task)


def _kind(word: str) -> str:
    """For the metrics: all previews are one."""
    return word.partition("/")[0]


async def _body(request: web.Request, content_type: str) -> bytes:
    if request.content_type != content_type:
        raise RequestError(
            415,
            f"{request.content_type[:100]!r} is not {content_type}",
            remedy=f"send Content-Type: {content_type}",
        )
    if (request.content_length or 0) > MAX_BYTES:
        raise web.HTTPRequestEntityTooLarge(MAX_BYTES, request.content_length or 0)
    return await request.read()  # without a length: the app's client_max_size bounds it


def session_resource(endpoint: URL, location: str) -> URL | None:
    """Where the session is. Of the Location only path and query count: the server that answered
    keeps its session, whatever name it gives itself, and cannot send us to a third one."""
    if not location or len(location) > 1000:
        return None
    try:
        joined = endpoint.join(URL(location))
        if joined.scheme not in {"http", "https"} or joined.raw_path == "/":
            return None
        return endpoint.origin().join(URL(joined.raw_path_qs, encoded=True))
    except ValueError:
        return None


def _answer(status: int, reply: Exchange, extra: dict[str, str] | None = None) -> web.Response:
    body = b"" if status == 204 else reply.body
    response = web.Response(status=status, body=body, headers=extra)
    if body:
        response.content_type = reply.content_type
    for name in _PASSED_ON:
        for value in reply.headers.getall(name, ())[:_MAX_PASSED_ON]:
            response.headers.add(name, value)
    return response


def _no_session() -> RequestError:
    return RequestError(404, "there is no such session", remedy="open a new one with POST")


def _refusal(who: str, reply: Exchange) -> RequestError:
    # MediaMTX says 400 of a path that its daemon has not added yet.
    if reply.status == 404 or "is not configured" in _said(reply):
        return RequestError(
            404, f"{who} has no picture just now", remedy="check the camera there; try again soon"
        )
    if reply.status in {401, 403}:
        return RequestError(502, f"{who} does not let this site see", remedy="pair the two again")
    if reply.status in _REFUSALS:
        return RequestError(
            reply.status, f"{who} refuses the request: {_said(reply)}", remedy="reload the page"
        )
    return nonsense(who, f"status {reply.status}: {_said(reply)}")


def _said(reply: Exchange) -> str:
    """MediaMTX explains itself as `{"error": "…"}`. Untrusted: bounded, one line, printable."""
    try:
        said = msgspec.json.decode(reply.body, type=dict[str, str | None]).get("error") or ""
    except (msgspec.MsgspecError, UnicodeDecodeError):
        said = ""
    return "".join(char for char in said[:200] if char.isprintable()) or "no reason given"
