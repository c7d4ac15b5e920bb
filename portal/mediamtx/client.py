"""MediaMTX's control API v3, as much of it as a portal uses. Every failure is one error type."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import aiohttp
import msgspec

from portal.errors import MediaServerError
from portal.mediamtx.credentials import API_USER

_Shape = TypeVar("_Shape")


class NoAnswerError(MediaServerError):
    """Nobody answers: it is starting, ending or hung. (A refusal is a plain `MediaServerError`.)"""


class PathInfo(msgspec.Struct, frozen=True):
    """A path at this moment. `ready`: somebody publishes and readers may come, since `since`.
    `received`: bytes from the publisher."""

    name: str
    ready: bool = False
    since: str | None = msgspec.field(name="readyTime", default=None)
    received: int | None = msgspec.field(name="bytesReceived", default=None)


class WebRtcSession(msgspec.Struct, frozen=True, rename="camel"):
    """One reader (`state` "read") or publisher by WebRTC."""

    id: str
    path: str
    state: str
    remote_addr: str = ""
    peer_connection_established: bool = False


class _PathList(msgspec.Struct, frozen=True):
    items: tuple[PathInfo, ...] = ()


class _SettingsList(msgspec.Struct, frozen=True):
    items: tuple[dict[str, Any], ...] = ()


class _SessionList(msgspec.Struct, frozen=True):
    items: tuple[WebRtcSession, ...] = ()


class MediaMtxClient:
    """Open it with `async with`. Each call raises `MediaServerError` when MediaMTX does not
    answer within `timeout_s`, or refuses."""

    def __init__(self, base_url: str, password: str, *, timeout_s: float = 2.0) -> None:
        self._base_url = f"{base_url}/v3"
        self._headers = {"Authorization": aiohttp.encode_basic_auth(API_USER, password)}
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=self._timeout, headers=self._headers)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def paths(self) -> tuple[PathInfo, ...]:
        """All paths; the cheapest proof that MediaMTX is alive."""
        return (_decoded(await self._call("GET", "paths/list"), _PathList)).items

    async def path(self, name: str) -> PathInfo | None:
        """None when there is no such path."""
        found = await self._call("GET", f"paths/get/{quote(name)}", absent_is_none=True)
        return None if found is None else _decoded(found, PathInfo)

    async def path_settings(self, name: str) -> dict[str, Any] | None:
        """A path's settings, defaults included; None when it was not added."""
        found = await self._call("GET", f"config/paths/get/{quote(name)}", absent_is_none=True)
        return None if found is None else _decoded(found, dict[str, Any])

    async def configured_paths(self) -> dict[str, dict[str, Any]]:
        """The settings of every path that was added."""
        found = await self._call("GET", "config/paths/list?itemsPerPage=1000")
        return {one["name"]: one for one in _decoded(found, _SettingsList).items}

    async def set_path(self, name: str, settings: Mapping[str, Any]) -> None:
        """Add the path, or replace its settings: its publisher is started anew if they differ."""
        await self._call("POST", f"config/paths/replace/{quote(name)}", json=settings)

    async def delete_path(self, name: str) -> None:
        """Its publisher and readers are ended. A path that is not there is fine."""
        await self._call("DELETE", f"config/paths/delete/{quote(name)}", absent_is_none=True)

    async def webrtc_sessions(self) -> tuple[WebRtcSession, ...]:
        return (_decoded(await self._call("GET", "webrtcsessions/list"), _SessionList)).items

    async def _call(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | None = None,
        absent_is_none: bool = False,
    ) -> bytes | None:
        if self._session is None:
            raise RuntimeError("the client is not open")
        url = f"{self._base_url}/{path}"
        try:
            async with self._session.request(method, url, json=json) as answer:
                body = await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            reason = str(exc) or "no answer in time"
            raise NoAnswerError(f"MediaMTX does not answer at {url}: {reason}") from exc
        if answer.status == 404 and absent_is_none:
            return None
        if answer.status != 200:
            raise MediaServerError(
                f"MediaMTX refuses {method} {url}: {answer.status} {_reason(body)}"
            )
        return body


def _decoded(body: bytes | None, shape: type[_Shape]) -> _Shape:
    try:
        return msgspec.json.decode(body or b"", type=shape)
    except (msgspec.DecodeError, msgspec.ValidationError) as exc:
        raise MediaServerError(f"MediaMTX answers with what it never did before: {exc}") from exc


def _reason(body: bytes) -> str:
    """From {"error": "…"}; a stranger on that port may answer anything."""
    try:
        return str(msgspec.json.decode(body, type=dict[str, Any]).get("error", ""))[:200]
    except msgspec.DecodeError:
        return body[:100].decode(errors="replace")
