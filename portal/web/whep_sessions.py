"""The WHEP sessions opened for this box's pages: our opaque id → the resource at the server."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

import msgspec
from yarl import URL

# One screen and a few pages have one or two each. A page that died without DELETE leaves its entry,
# while MediaMTX ends the session itself: what falls out of the table is nearly always such a one.
MAX_SESSIONS = 64
# A screen may show one session for days; forgetting it costs a 404 to its DELETE, nothing else.
MAX_AGE_S = 7 * 24 * 3600.0


class WhepSession(msgspec.Struct, frozen=True, kw_only=True):
    """`target` is the word in our address ("peer", "self"), `who` the one asked, for people."""

    target: str
    who: str
    resource: URL
    opened_at: float


class WhepSessions:
    """Bounded: the oldest makes room."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sessions: dict[str, WhepSession] = {}  # in order of opening

    def open(self, *, target: str, who: str, resource: URL) -> str:
        self._forget_expired()
        while len(self._sessions) >= MAX_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        session_id = secrets.token_urlsafe(16)
        self._sessions[session_id] = WhepSession(
            target=target, who=who, resource=resource, opened_at=self._clock()
        )
        return session_id

    def find(self, target: str, session_id: str) -> WhepSession | None:
        self._forget_expired()
        session = self._sessions.get(session_id)
        return session if session is not None and session.target == target else None

    def forget(self, session_id: str) -> None:
        self._sessions.pop(session_id, None)

    def count(self, target: str) -> int:
        self._forget_expired()
        return sum(session.target == target for session in self._sessions.values())

    def _forget_expired(self) -> None:
        horizon = self._clock() - MAX_AGE_S
        while self._sessions:
            first = next(iter(self._sessions))
            if self._sessions[first].opened_at > horizon:
                return
            del self._sessions[first]
