"""Whom the doctor looks at: a configuration, its state directory, and the daemon if it runs."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import msgspec

from portal.bounded import body_of
from portal.config import Config
from portal.model import Peer, Snapshot, Value

_ANSWER_S = 1.0  # the daemon answers in a few milliseconds
_MAX_SNAPSHOT = 1024 * 1024


class Subject(Value, frozen=True):
    """`daemon` is the snapshot of the portal that runs with this configuration, if one does."""

    config: Config
    state_dir: Path
    daemon: Snapshot | None = None

    @property
    def peer(self) -> Peer | None:
        """The other site: the one shown by the daemon, else the first one configured."""
        if self.daemon is not None and self.daemon.link.peer is not None:
            return self.daemon.link.peer
        for peer in self.config.peers:
            return Peer(
                name=peer.name,
                title=peer.title,
                address=peer.address,
                link_port=peer.link_port,
                whep_port=peer.whep_port,
            )
        return None


async def meet(config: Config, state_dir: Path) -> Subject:
    """Ask the daemon for its snapshot. None or a stranger on its port: a subject without one."""
    url = config.kiosk_url.removesuffix("/kiosk/") + "/api/v1/state"
    daemon: Snapshot | None = None
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_ANSWER_S)) as http,
            http.get(url, allow_redirects=False) as response,
        ):
            if response.status == 200:
                body = await body_of(response, _MAX_SNAPSHOT)
                daemon = msgspec.json.decode(body, type=Snapshot)
    except (aiohttp.ClientError, TimeoutError, ValueError):
        daemon = None
    return Subject(config=config, state_dir=state_dir, daemon=daemon)
