"""What is made of advertisements: boxes for the directory, a fault when one bears our name, one
log line for each that is left out."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from portal.config import Config
from portal.errors import PeerError
from portal.model import Peer
from portal.peers import untrusted
from portal.peers.advertisement import instance_of, peer_from
from portal.peers.directory import PeerDirectory
from portal.peers.interfaces import Interface
from portal.state import StateBoard

log = logging.getLogger(__name__)

FAULT_SAME_NAME = "site.name"

_LOGGED_MAX = 100


class Sightings:
    """Keyed by the service's full name, which is unique on a network."""

    def __init__(
        self, config: Config, state: StateBoard, directory: PeerDirectory, *, instance: str
    ) -> None:
        self._own_name = config.site.name
        self._state = state
        self._directory = directory
        self._instance = instance
        self._boxes: dict[str, Peer] = {}
        self._namesakes: dict[str, str] = {}  # key → address
        self._complained: set[str] = set()

    def saw(
        self,
        key: str,
        txt: Mapping[bytes, bytes | None],
        *,
        port: int | None,
        addresses: Sequence[str],
        ours: Sequence[Interface],
        keep_address: bool,
    ) -> None:
        """An advertisement, new or repeated, right or wrong. Our own is passed over."""
        if instance_of(txt) == self._instance:
            return
        former = self._boxes.get(key)
        keep = former.address if former is not None and keep_address else ""
        try:
            peer = peer_from(txt, port=port, addresses=addresses, ours=ours, keep=keep)
        except PeerError as exc:
            self.complain(key, f"{untrusted.shown(key)} is left out: {exc}")
            return
        if peer.name == self._own_name:
            self._forget_box(key)
            self._namesakes[key] = peer.address
            self._show_namesakes()
            return
        if self._namesakes.pop(key, None) is not None:
            self._show_namesakes()
        if not self._directory.saw(key, peer):
            self.complain("full", f"{peer.name} is left out: too many sites")
            return
        self._boxes[key] = peer
        if former is None:
            log.info("%s seen on the network at %s", peer.name, peer.address)

    def gone(self, key: str) -> None:
        self._forget_box(key)
        if self._namesakes.pop(key, None) is not None:
            self._show_namesakes()

    def complain(self, about: str, message: str) -> None:
        """One log line for each thing that is wrong out there, and not without end."""
        if about not in self._complained and len(self._complained) < _LOGGED_MAX:
            self._complained.add(about)
            log.warning("%s", message)

    def _forget_box(self, key: str) -> None:
        peer = self._boxes.pop(key, None)
        if peer is not None:
            log.info("%s is gone from the network", peer.name)
            self._directory.gone(key)

    def _show_namesakes(self) -> None:
        if not self._namesakes:
            self._state.clear_fault(FAULT_SAME_NAME)
            return
        others = ", ".join(sorted(self._namesakes.values()))
        self._state.raise_fault(
            FAULT_SAME_NAME,
            f'another box on the network, at {others}, is also named "{self._own_name}"',
            remedy="give each its own site.name in portal.toml",
        )
