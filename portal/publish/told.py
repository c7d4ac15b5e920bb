"""What MediaMTX was last told to run on one path."""

from __future__ import annotations

import time

from portal.mediamtx.client import MediaMtxClient
from portal.publish.watching import PublisherWatch


class ToldPath:
    """The only one who tells it. Calls raise `MediaServerError`; what it then runs is not known,
    and the next `tell` asks."""

    def __init__(self, client: MediaMtxClient, name: str, watch: PublisherWatch) -> None:
        self._client = client
        self._name = name
        self._watch = watch
        # The generation, and the line, "" for no path.
        self._told: tuple[int, str] | None = None
        self._told_at = 0.0

    @property
    def is_absent(self) -> bool:
        """So MediaMTX confirmed."""
        return self._told is not None and self._told[1] == ""

    @property
    def since_told_s(self) -> float:
        return time.monotonic() - self._told_at

    async def tell(self, generation: int, line: str) -> None:
        """Make the path run `line`; none for "". One that runs it already is left in peace: it may
        be older than this daemon."""
        if self._told == (generation, line):
            return
        self._told = None  # MediaMTX may do it and answer too late
        settings = await self._client.path_settings(self._name)
        if not line:
            if settings is not None:
                await self._client.delete_path(self._name)
        elif settings is None or settings.get("runOnInit") != line:
            self._watch.forget()
            await self._client.set_path(self._name, {"runOnInit": line, "runOnInitRestart": True})
        self._told = (generation, line)
        self._told_at = time.monotonic()

    def was_forgotten(self) -> None:
        """By MediaMTX: it is told again."""
        self._told = None

    async def take_away(self) -> None:
        """The next `tell` starts a publisher anew."""
        self._told = None
        await self._client.delete_path(self._name)

    async def end(self) -> None:
        """Its publisher, whatever state it is in."""
        self._watch.end()
        await self.take_away()
