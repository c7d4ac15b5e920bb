"""A frame as the payloads of the video class: each request of the kernel takes one. Pure."""

from __future__ import annotations

from collections.abc import Iterator

_HEADER_BYTES = 2
_END_OF_HEADER, _END_OF_FRAME = 0x80, 0x02


def payloads(frame: bytes, *, frame_id: int, payload_bytes: int) -> Iterator[bytes]:
    """`frame_id` alternates between 0 and 1 from frame to frame."""
    step = payload_bytes - _HEADER_BYTES
    for start in range(0, max(len(frame), 1), step):
        is_last = start + step >= len(frame)
        flags = _END_OF_HEADER | frame_id | (_END_OF_FRAME if is_last else 0)
        yield bytes([_HEADER_BYTES, flags]) + frame[start : start + step]
