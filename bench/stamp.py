"""The clock that the source draws into each frame: 64 black or white cells, 16 to a row.

48 bits of microseconds since the epoch (the low 48), then their CRC-16, most significant first.
`page_probe.js` reads the same layout back from the picture.
"""

from __future__ import annotations

import binascii

import numpy as np
from numpy.typing import NDArray

COLUMNS = 16
ROWS = 4
CELL_PX = 20  # survives 600 kbit/s at 720p, where 8x8 blocks are smeared
WIDTH_PX = COLUMNS * CELL_PX
HEIGHT_PX = ROWS * CELL_PX
BLACK, WHITE = 16, 235  # video range
_MASK = (1 << 48) - 1


def encode(micros: int) -> NDArray[np.uint8]:
    """The luma of the stamp, `HEIGHT_PX` by `WIDTH_PX`."""
    payload = (micros & _MASK).to_bytes(6, "big")
    word = payload + binascii.crc_hqx(payload, 0xFFFF).to_bytes(2, "big")
    bits = np.unpackbits(np.frombuffer(word, dtype=np.uint8)).reshape(ROWS, COLUMNS)
    cells = np.where(bits == 1, WHITE, BLACK).astype(np.uint8)
    return np.repeat(np.repeat(cells, CELL_PX, axis=0), CELL_PX, axis=1)


def decode(luma: NDArray[np.uint8]) -> int | None:
    """The low 48 bits of the microseconds in a stamp's luma, or None where the check fails."""
    middle = CELL_PX // 2
    cells = luma[middle::CELL_PX, middle::CELL_PX][:ROWS, :COLUMNS]
    word = np.packbits(cells > (BLACK + WHITE) // 2).tobytes()
    if binascii.crc_hqx(word[:6], 0xFFFF) != int.from_bytes(word[6:], "big"):
        return None
    return int.from_bytes(word[:6], "big")
