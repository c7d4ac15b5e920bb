"""Which boxes are known, and which one of them the screen shows.

Discovery and the link meet here. Configured peers come first and the first of them is shown;
without any, the first box seen on the network is shown for as long as it lives.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from portal.config import Config
from portal.model import Peer

# A network with more boxes than this is somebody's joke, or an attack.
SEEN_MAX = 32


class PeerDirectory:
    """One per daemon, used on the event loop's thread only."""

    def __init__(self, config: Config) -> None:
        self._own_name = config.site.name
        self._configured = tuple(
            Peer(
                name=peer.name,
                title=peer.title,
                address=peer.address,
                link_port=peer.link_port,
                whep_port=peer.whep_port,
            )
            for peer in config.peers
        )
        self._seen: dict[str, Peer] = {}
        self._leaving: set[str] = set()
        self._changed = asyncio.Event()
        self.news = 0  # grows when the box that is shown was heard of: a reason to try it again
        self.on_doubt: Callable[[str], None] | None = None

    @property
    def shown(self) -> Peer | None:
        if self._configured:
            return self._configured[0]
        return next(iter(self._seen.values()), None)

    @property
    def others(self) -> tuple[Peer, ...]:
        """Everything else, configured first. A configured box that is also seen is listed once."""
        if not self._configured:
            return tuple(self._seen.values())[1:]
        names = {peer.name for peer in self._configured}
        seen = (peer for peer in self._seen.values() if peer.name not in names)
        return (*self._configured[1:], *seen)

    def saw(self, key: str, peer: Peer) -> bool:
        """A box on the network, new or changed; `key` tells one start of it from the next.
        False when it is left out because too many are known or it bears our name."""
        if peer.name == self._own_name:
            return False
        if key not in self._seen:
            # The same box after a restart takes the place of its former self.
            former = next((k for k in self._seen if self._is_former_self(k, peer)), None)
            if former is not None:
                self._seen = {key if k == former else k: p for k, p in self._seen.items()}
                self._leaving.discard(former)
            elif len(self._seen) >= SEEN_MAX:
                return False
        self._leaving.discard(key)
        self._seen[key] = peer
        self.heard(key)
        self._wake()
        return True

    def heard(self, key: str) -> None:
        """It announced itself, perhaps with nothing new: a reason to try the link again now."""
        shown, seen = self.shown, self._seen.get(key)
        if shown is not None and seen is not None and shown.name == seen.name:
            self.news += 1
            self._wake()

    def leaving(self, key: str) -> None:
        """It said goodbye: kept for the moment, in case it only restarts."""
        if key in self._seen:
            self._leaving.add(key)

    def gone(self, key: str) -> None:
        self._leaving.discard(key)
        if self._seen.pop(key, None) is not None:
            self._wake()

    def demote(self, peer: Peer) -> None:
        """What is shown cannot be used: let the next one on the network have its turn."""
        if not self._configured and len(self._seen) > 1:
            key = next(iter(self._seen))
            if _same_box(self._seen[key], peer):
                self._seen[key] = self._seen.pop(key)
                self._wake()

    def doubt(self, peer: Peer) -> None:
        """The link lost `peer`: whoever looks at the network may ask whether it is still there."""
        for key, seen in self._seen.items():
            if self.on_doubt is not None and seen.name == peer.name:
                self.on_doubt(key)

    def _is_former_self(self, key: str, peer: Peer) -> bool:
        seen = self._seen[key]
        return _same_box(seen, peer) or (key in self._leaving and seen.name == peer.name)

    @property
    def changed(self) -> asyncio.Event:
        """Set at the next change. Take it before reading, wait on it after."""
        return self._changed

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


def _same_box(one: Peer, other: Peer) -> bool:
    return (one.name, one.address, one.link_port) == (other.name, other.address, other.link_port)
