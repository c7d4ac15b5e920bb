"""Which box is shown, and which are listed."""

from __future__ import annotations

from portal.config import Config, PeerSection, SiteSection
from portal.model import Peer
from portal.peers.directory import SEEN_MAX, PeerDirectory


def config(*peers: str) -> Config:
    return Config(
        site=SiteSection(name="dublin"),
        peers=tuple(PeerSection(name=name, address=f"{name}.example") for name in peers),
    )


def seen(name: str, address: str = "10.0.0.2") -> Peer:
    return Peer(name=name, address=address, origin="zeroconf")


def names(directory: PeerDirectory) -> tuple[str, list[str]]:
    shown = directory.shown
    return shown.name if shown else "", [peer.name for peer in directory.others]


def test_the_first_configured_box_is_shown_whoever_else_is_seen() -> None:
    directory = PeerDirectory(config("new-york", "boston"))
    directory.saw("1", seen("cork"))
    directory.saw("2", seen("new-york"))
    assert names(directory) == ("new-york", ["boston", "cork"])


def test_without_a_configured_box_the_first_seen_is_shown_while_it_lives() -> None:
    directory = PeerDirectory(config())
    assert names(directory) == ("", [])
    directory.saw("1", seen("new-york", "10.0.0.2"))
    directory.saw("2", seen("boston", "10.0.0.3"))
    directory.saw("1", seen("new-york", "10.0.0.9"))
    assert names(directory) == ("new-york", ["boston"])
    directory.gone("1")
    directory.saw("3", seen("new-york", "10.0.0.2"))
    assert names(directory) == ("boston", ["new-york"])


def test_a_box_that_restarts_keeps_its_place() -> None:
    directory = PeerDirectory(config())
    directory.saw("1", seen("new-york"))
    directory.saw("2", seen("boston", "10.0.0.3"))
    directory.saw("1 again", seen("new-york"))  # it crashed: no goodbye
    assert names(directory) == ("new-york", ["boston"])
    directory.leaving("1 again")
    directory.saw("1 elsewhere", seen("new-york", "10.0.0.7"))
    assert names(directory) == ("new-york", ["boston"])
    directory.gone("1 again")
    assert names(directory) == ("new-york", ["boston"])


def test_a_box_with_our_own_name_is_never_a_peer() -> None:
    directory = PeerDirectory(config())
    assert not directory.saw("1", seen("dublin"))
    assert directory.shown is None


def test_no_more_boxes_are_kept_than_anybody_has() -> None:
    directory = PeerDirectory(config())
    for number in range(2 * SEEN_MAX):
        directory.saw(str(number), seen(f"site-{number}", f"10.0.0.{number}"))
    assert len(directory.others) == SEEN_MAX - 1


def test_news_of_the_box_that_is_shown_is_a_reason_to_try_again() -> None:
    directory = PeerDirectory(config("new-york"))
    changed = directory.changed
    directory.saw("1", seen("boston"))
    assert directory.news == 0
    assert changed.is_set()
    directory.saw("2", seen("new-york", "10.0.0.3"))
    directory.heard("2")
    assert directory.news == 2
    directory.heard("unknown")
    assert directory.news == 2


def test_a_box_that_cannot_be_linked_lets_the_next_have_its_turn() -> None:
    directory = PeerDirectory(config())
    directory.saw("1", seen("new-york"))
    directory.demote(seen("new-york"))
    assert names(directory) == ("new-york", [])
    directory.saw("2", seen("boston"))
    directory.demote(seen("new-york"))
    assert names(directory) == ("boston", ["new-york"])


def test_a_lost_box_is_doubted_under_the_names_it_was_seen_by() -> None:
    directory = PeerDirectory(config("new-york"))
    doubted: list[str] = []
    directory.saw("1", seen("new-york"))
    directory.doubt(seen("new-york"))
    directory.on_doubt = doubted.append
    directory.doubt(seen("new-york"))
    directory.doubt(seen("boston"))
    assert doubted == ["1"]
