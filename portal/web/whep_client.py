"""One exchange with a WHEP server that may be slow, gone or hostile: bounded and translated."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import msgspec
from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

import portal
from portal.bounded import TooLargeError, body_of
from portal.peers.resolver import LastAnswerResolver
from portal.web.faults import RequestError
from portal.web.sdp import MAX_BYTES

# A LAN answers in milliseconds, another continent in 0.3 s. MediaMTX gathers ICE candidates before
# it answers an offer (measured under 20 ms on loopback) and holds a refused login for 2 s.
_TIMEOUT = ClientTimeout(total=6.0, sock_connect=3.0)
# MediaMTX closes an idle connection after 10 s: never reuse one about as old.
_KEEPALIVE_S = 5.0


class Exchange(msgspec.Struct, frozen=True):
    """What the server answered; the body is at most `MAX_BYTES`."""

    status: int
    headers: CIMultiDictProxy[str]
    content_type: str
    body: bytes


class WhepClient:
    """Made by `open_client`. Raises `RequestError` 502 or 504, never a library's own errors."""

    def __init__(self, session: ClientSession) -> None:
        self._session = session

    async def ask(
        self,
        method: str,
        url: URL,
        *,
        who: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Exchange:
        timeout = _TIMEOUT if timeout_s is None else ClientTimeout(total=timeout_s)
        try:
            # No redirect is followed: it could lead to a server that only this box can reach.
            async with self._session.request(
                method, url, data=body, headers=headers, allow_redirects=False, timeout=timeout
            ) as response:
                body = await body_of(response, MAX_BYTES)
                return Exchange(response.status, response.headers, response.content_type, body)
        except TooLargeError as exc:
            raise nonsense(who, "it sends more than 64 KiB") from exc
        except TimeoutError as exc:
            raise RequestError(
                504,
                f"{who} does not answer in time",
                remedy="check that it is switched on and that the network between is well",
            ) from exc
        except OSError as exc:  # aiohttp's connection errors are OSErrors too
            reason = exc.strerror or type(exc).__name__
            raise RequestError(
                502,
                f"{who} cannot be reached at {url.host}:{url.port}: {reason}",
                remedy="check its address, its power and its network",
            ) from exc
        except (ClientError, ValueError) as exc:
            raise nonsense(who, f"{type(exc).__name__} at {url.host}:{url.port}") from exc


def nonsense(who: str, what: str) -> RequestError:
    return RequestError(
        502,
        f"{who} gives no sensible answer: {what}",
        remedy="check that its address and its whep_port lead to a portal, and update both boxes",
    )


@asynccontextmanager
async def open_client() -> AsyncIterator[WhepClient]:
    """One per app: it keeps connections, so that the PATCH after a POST needs no new one."""
    async with ClientSession(
        connector=TCPConnector(
            keepalive_timeout=_KEEPALIVE_S,
            limit=32,
            limit_per_host=16,
            resolver=LastAnswerResolver(),
        ),
        cookie_jar=DummyCookieJar(),
        timeout=_TIMEOUT,
        # Compressed answers would have to be bounded twice; SDP is small.
        auto_decompress=False,
        headers=CIMultiDict(
            {"Accept-Encoding": "identity", "User-Agent": f"portal/{portal.__version__}"}
        ),
    ) as session:
        yield WhepClient(session)
