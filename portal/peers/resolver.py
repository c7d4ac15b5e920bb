"""Names to addresses; by the last answer where DNS gives none."""

from __future__ import annotations

import logging
import socket

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

log = logging.getLogger(__name__)

_REMEMBERED = 64  # names: a box has one peer, and perhaps a camera or two


class LastAnswerResolver(AbstractResolver):
    """As the system resolves; what it once resolved stays known while the process lives."""

    def __init__(self, resolver: AbstractResolver | None = None) -> None:
        self._resolver = resolver or ThreadedResolver()
        self._answers: dict[tuple[str, int, int], list[ResolveResult]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Raises `OSError` for a name that was never known."""
        key = (host, port, family)
        try:
            found = await self._resolver.resolve(host, port, family)
        except OSError as exc:
            if key not in self._answers:
                raise
            log.info("%s is not known to DNS (%s): taking its last address", host, exc)
            return self._answers[key]
        if len(self._answers) >= _REMEMBERED:
            self._answers.clear()
        self._answers[key] = found
        return found

    async def close(self) -> None:
        await self._resolver.close()
