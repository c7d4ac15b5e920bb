"""What a box says of itself on the network, and what is believed of what others say."""

from __future__ import annotations

from ipaddress import ip_interface

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.config import Config, SiteSection
from portal.errors import PeerError
from portal.model import Peer, SiteStatus, Snapshot
from portal.peers.advertisement import instance_of, peer_from, properties, service_label
from portal.peers.directory import PeerDirectory
from portal.peers.sightings import Sightings
from portal.state import StateBoard

OURS = (ip_interface("10.0.0.1/24"), ip_interface("172.17.0.1/16"))


def txt(**values: str | bytes) -> dict[bytes, bytes | None]:
    base: dict[str, str | bytes] = {"name": "new-york", "title": "New York", "version": "1.0"}
    return {
        key.encode(): value if isinstance(value, bytes) else value.encode()
        for key, value in (base | values).items()
    }


def read(
    values: dict[bytes, bytes | None], *addresses: str, port: int | None = 8443, keep: str = ""
) -> Peer:
    return peer_from(values, port=port, addresses=addresses or ("10.0.0.2",), ours=OURS, keep=keep)


@given(st.text(max_size=64))
def test_what_we_advertise_is_read_as_it_was_meant(title: str) -> None:
    config = Config(site=SiteSection(name="new-york", title=title))
    ours = properties(config, "0123456789abcdef")
    assert all(len(f"{key}={value}".encode()) <= 255 for key, value in ours.items())
    wire = {key.encode(): value.encode() for key, value in ours.items()}
    peer = read(dict(wire))
    assert (peer.name, peer.link_port, peer.whep_port) == ("new-york", 8443, 8889)
    assert instance_of(dict(wire)) == "0123456789abcdef"


def test_the_instance_name_fits_a_label_even_for_the_longest_site_name() -> None:
    config = Config(site=SiteSection(name="a" * 63))
    assert len(service_label(config, "0" * 16)) <= 63


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (txt(name=""), "not a site name"),
        (txt(name="../etc/passwd"), "not a site name"),
        (txt(name="dublin\n"), "not a site name"),
        (txt(title="x" * 65), "over 64"),
        (txt(title="\x1b[31mred"), "not printable"),
        (txt(title="\u202eevil"), "not printable"),
        (txt(title=b"\xff\xfe"), "not UTF-8"),
        (txt(version="9" * 33), "over 32"),
        (txt(port="0"), "not a port"),
        (txt(port="65536"), "not a port"),
        (txt(port="٣"), "not a port"),
        (txt(whep="-1"), "not a port"),
    ],
)
def test_an_advertisement_that_is_wrong_is_refused_with_the_reason(
    values: dict[bytes, bytes | None], reason: str
) -> None:
    with pytest.raises(PeerError, match=reason):
        read(values)


@given(st.dictionaries(st.binary(max_size=20), st.none() | st.binary(max_size=255)))
def test_any_record_is_read_or_refused(values: dict[bytes, bytes | None]) -> None:
    for record in (values, txt() | values):
        refusal = ""
        try:
            read(record)
        except PeerError as exc:
            refusal = str(exc)
        assert refusal.isprintable()


def test_a_box_without_a_port_in_its_text_is_called_at_its_service_port() -> None:
    assert read(txt(), port=9443).link_port == 9443
    assert read(txt(port="1234", whep="5678"), port=9443).whep_port == 5678
    with pytest.raises(PeerError, match="no port"):
        read(txt(), port=None)


@pytest.mark.parametrize(
    ("addresses", "keep", "chosen"),
    [
        (("10.0.0.3", "10.0.0.2"), "", "10.0.0.3"),  # newest first
        (("10.0.0.3", "10.0.0.2"), "10.0.0.2", "10.0.0.2"),  # in use, and still its own
        (("10.0.0.3",), "10.0.0.2", "10.0.0.3"),
        (("192.168.9.9", "10.0.0.2"), "", "10.0.0.2"),  # on a network that we share
        (("172.17.0.1", "192.168.9.9"), "", "192.168.9.9"),  # its containers' bridge, like ours
        (("127.0.0.1", "10.0.0.2"), "", "10.0.0.2"),
    ],
)
def test_the_address_is_one_that_can_be_reached_from_here(
    addresses: tuple[str, ...], keep: str, chosen: str
) -> None:
    assert read(txt(), *addresses, keep=keep).address == chosen


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "224.0.0.251"])
def test_a_box_that_names_only_impossible_addresses_is_refused(address: str) -> None:
    with pytest.raises(PeerError, match="none of its addresses"):
        read(txt(), address)


def test_a_loopback_site_calls_only_its_own_machine() -> None:
    ours = (ip_interface("127.0.0.1/8"),)
    addresses = ("10.0.0.2", "127.0.0.2")
    assert peer_from(txt(), port=1, addresses=addresses, ours=ours).address == "127.0.0.2"


# What becomes of them


class Board:
    def __init__(self) -> None:
        config = Config(site=SiteSection(name="dublin"))
        self.state = StateBoard(
            Snapshot(site=SiteStatus(name="dublin", title="", version="", started_at=0))
        )
        self.directory = PeerDirectory(config)
        self.sightings = Sightings(config, self.state, self.directory, instance="own")

    def saw(self, key: str, address: str = "10.0.0.2", **values: str) -> None:
        self.sightings.saw(
            key, txt(**values), port=8443, addresses=(address,), ours=OURS, keep_address=True
        )


def test_our_own_advertisement_is_passed_over_even_under_another_name() -> None:
    board = Board()
    board.saw("a", name="dublin", id="own")
    board.saw("b", name="new-york", id="own")
    assert board.directory.shown is None
    assert board.state.snapshot.faults == ()


def test_a_namesake_is_a_fault_until_it_is_renamed_or_gone() -> None:
    board = Board()
    board.saw("a", "10.0.0.7", name="dublin", id="other")
    board.saw("b", "10.0.0.8", name="dublin", id="third")
    assert "10.0.0.7, 10.0.0.8" in board.state.snapshot.faults[0].message
    board.saw("a", "10.0.0.7", name="cork", id="other")
    assert "10.0.0.7" not in board.state.snapshot.faults[0].message
    assert board.directory.shown is not None
    board.sightings.gone("b")
    assert board.state.snapshot.faults == ()
    board.saw("a", "10.0.0.7", name="dublin", id="other")
    assert board.directory.shown is None


def test_each_wrong_advertisement_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    board = Board()
    for _ in range(5):
        board.saw("evil\x1b[31m._portal._tcp.local.", name="Not A Label")
    assert len(caplog.records) == 1
    assert "Not A Label" in caplog.text
    assert "\x1b[31m" not in caplog.records[0].getMessage()
    for number in range(1000):
        board.saw(f"flood {number}", name="-")
    assert len(caplog.records) <= 100
