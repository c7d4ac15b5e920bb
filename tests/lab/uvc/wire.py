"""USB/IP after the import: what the kernel's virtual host controller asks, and the answers. Pure.

Big-endian headers of 48 bytes. The kernel matches answers by their number alone.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace

HEADER_BYTES = 48
_SUBMIT, _UNLINK, _RET_SUBMIT, _RET_UNLINK = 1, 2, 3, 4
_BASIC = struct.Struct(">5I")  # command, number, device, direction (1: in), endpoint
_SUBMIT_PART = struct.Struct(">IiiII8s")  # flags, length, start frame, packets, interval, setup
_PACKET = struct.Struct(
    ">IIIi"
)  # of an isochronous transfer: offset, length, actual length, status
_NOT_ISOCHRONOUS = {0, 0xFFFFFFFF}  # older and newer kernels' count of packets

# Linux's numbers, as `status` carries them.
EPIPE, EPROTO, ECONNRESET = -32, -71, -104


class WireError(ValueError):
    """What came is not USB/IP."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """A control request's first eight bytes."""

    request_type: int
    request: int
    value: int
    index: int
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """The kernel wants `length` bytes (`is_in`) or sends them: then they follow the header."""

    number: int
    is_in: bool
    endpoint: int
    length: int
    setup: bytes
    packet_count: int = 0
    packets: tuple[tuple[int, int], ...] = ()  # offset and length of each, once they are read

    @property
    def bytes_following(self) -> int:
        """What is written, then the list of packets."""
        return (0 if self.is_in else self.length) + self.packet_count * _PACKET.size

    @property
    def control(self) -> Setup:
        """What the setup bytes say, on endpoint 0."""
        kind, request, value, index, length = struct.unpack("<BBHHH", self.setup)
        return Setup(request_type=kind, request=request, value=value, index=index, length=length)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlink:
    """The kernel takes the request `victim` back."""

    number: int
    victim: int


def parse_header(header: bytes) -> Submit | Unlink:
    """Raises `WireError`."""
    command, number, _device, direction, endpoint = _BASIC.unpack_from(header)
    if command == _UNLINK:
        (victim,) = struct.unpack_from(">I", header, _BASIC.size)
        return Unlink(number=number, victim=victim)
    if command != _SUBMIT:
        raise WireError(f"command {command} is none that a kernel sends")
    _flags, length, _start, packets, _interval, setup = _SUBMIT_PART.unpack_from(
        header, _BASIC.size
    )
    return Submit(
        number=number,
        is_in=direction == 1,
        endpoint=endpoint,
        length=length,
        setup=setup,
        packet_count=0 if packets in _NOT_ISOCHRONOUS else packets,
    )


def with_packets(request: Submit, following: bytes) -> Submit:
    """What follows an isochronous request's header, understood."""
    found = _PACKET.iter_unpack(following[-request.packet_count * _PACKET.size :])
    return replace(request, packets=tuple((offset, length) for offset, length, _, _ in found))


def answer(request: Submit, data: bytes = b"", *, status: int = 0) -> bytes:
    """Of a request that is done: with what it reads, or everything taken that it wrote."""
    data = data[: request.length] if request.is_in else b""
    actual = 0 if status else (len(data) if request.is_in else request.length)
    return _padded(_RET_SUBMIT, request.number, struct.pack(">ii", status, actual)) + data


def answer_packets(request: Submit, payloads: Sequence[bytes], *, status: int = 0) -> bytes:
    """Of an isochronous request: a payload for each of its packets, nothing for what is left."""
    filled = [*payloads, *[b""] * (len(request.packets) - len(payloads))]
    data = b"".join(filled)
    told = b"".join(
        _PACKET.pack(offset, length, len(payload), status)
        for (offset, length), payload in zip(request.packets, filled, strict=True)
    )
    errors = len(request.packets) if status else 0
    head = struct.pack(">iiiii", status, len(data), 0, len(request.packets), errors)
    return _padded(_RET_SUBMIT, request.number, head) + data + told


def unlinked(request: Unlink, *, was_pending: bool) -> bytes:
    """The taken back request gets no answer of its own any more; 0 says that it had one."""
    status = ECONNRESET if was_pending else 0
    return _padded(_RET_UNLINK, request.number, struct.pack(">i", status))


def _padded(command: int, number: int, rest: bytes) -> bytes:
    return (_BASIC.pack(command, number, 0, 0, 0) + rest).ljust(HEADER_BYTES, b"\0")
