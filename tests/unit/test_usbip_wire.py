"""The lab's webcam speaks USB/IP as Linux's virtual host controller expects it."""

from __future__ import annotations

import struct

import pytest

from tests.lab.uvc import wire


def submit(
    *, number: int = 7, is_in: bool = True, endpoint: int = 0, length: int = 18, packets: int = 0
) -> bytes:
    setup = struct.pack("<BBHHH", 0x80, 6, 0x0100, 0, length)
    head = struct.pack(">5I", 1, number, 0x10002, int(is_in), endpoint)
    return head + struct.pack(">IiiII", 0x200, length, 0, packets, 0) + setup


def test_a_request_for_a_descriptor_is_read() -> None:
    request = wire.parse_header(submit())
    assert isinstance(request, wire.Submit)
    assert (request.number, request.is_in, request.endpoint, request.length) == (7, True, 0, 18)
    assert request.bytes_following == 0
    setup = request.control
    assert (setup.request_type, setup.request, setup.value, setup.length) == (0x80, 6, 0x0100, 18)


def test_what_the_kernel_writes_follows_its_header() -> None:
    request = wire.parse_header(submit(is_in=False, length=26))
    assert isinstance(request, wire.Submit)
    assert request.bytes_following == 26


def test_an_answer_says_how_much_it_carries_and_never_more_than_was_asked() -> None:
    request = wire.parse_header(submit(length=4))
    assert isinstance(request, wire.Submit)
    sent = wire.answer(request, b"abcdef")
    assert len(sent) == wire.HEADER_BYTES + 4
    assert struct.unpack_from(">5Iii", sent) == (3, 7, 0, 0, 0, 0, 4)
    assert sent[wire.HEADER_BYTES :] == b"abcd"


def test_an_answer_to_something_written_says_that_all_was_taken() -> None:
    request = wire.parse_header(submit(is_in=False, length=26))
    assert isinstance(request, wire.Submit)
    sent = wire.answer(request)
    assert len(sent) == wire.HEADER_BYTES
    assert struct.unpack_from(">5Iii", sent)[-2:] == (0, 26)


def test_a_fault_carries_its_number_and_nothing_else() -> None:
    request = wire.parse_header(submit())
    assert isinstance(request, wire.Submit)
    sent = wire.answer(request, status=wire.EPROTO)
    assert struct.unpack_from(">5Iii", sent)[-2:] == (-71, 0)
    assert len(sent) == wire.HEADER_BYTES


@pytest.mark.parametrize(("was_pending", "status"), [(True, -104), (False, 0)])
def test_a_request_taken_back_is_confirmed(was_pending: bool, status: int) -> None:
    header = struct.pack(">5II", 2, 9, 0x10002, 0, 0, 7).ljust(wire.HEADER_BYTES, b"\0")
    request = wire.parse_header(header)
    assert request == wire.Unlink(number=9, victim=7)
    sent = wire.unlinked(request, was_pending=was_pending)
    assert struct.unpack_from(">5Ii", sent) == (4, 9, 0, 0, 0, status)
    assert len(sent) == wire.HEADER_BYTES


def test_what_is_no_request_is_refused() -> None:
    with pytest.raises(wire.WireError, match="command 3"):
        wire.parse_header(struct.pack(">I", 3).ljust(wire.HEADER_BYTES, b"\0"))


def test_each_packet_of_an_isochronous_transfer_is_answered_packed() -> None:
    request = wire.parse_header(submit(endpoint=1, length=3000, packets=3))
    assert isinstance(request, wire.Submit)
    assert request.bytes_following == 3 * 16
    listed = b"".join(struct.pack(">IIIi", 1000 * place, 1000, 0, 0) for place in range(3))
    request = wire.with_packets(request, listed)
    assert request.packets == ((0, 1000), (1000, 1000), (2000, 1000))

    sent = wire.answer_packets(request, [b"abc", b"de"])
    assert struct.unpack_from(">5Iiiiii", sent) == (3, 7, 0, 0, 0, 0, 5, 0, 3, 0)
    assert sent[wire.HEADER_BYTES :][:5] == b"abcde"
    told = [*struct.iter_unpack(">IIIi", sent[wire.HEADER_BYTES + 5 :])]
    assert told == [(0, 1000, 3, 0), (1000, 1000, 2, 0), (2000, 1000, 0, 0)]

    failed = wire.answer_packets(request, [], status=wire.EPROTO)
    assert struct.unpack_from(">5Iiiiii", failed)[5:] == (-71, 0, 0, 3, 3)
