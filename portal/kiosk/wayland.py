"""Does a compositor still answer? The smallest possible Wayland client asks it."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from pathlib import Path

# wl_display is object 1; its request 0 is `sync`, which makes a callback that is answered at once.
# A message: object, then size and opcode in one word, then arguments, in the machine's byte order.
_DISPLAY, _SYNC, _CALLBACK = 1, 0, 2
_REQUEST = struct.pack("=III", _DISPLAY, 12 << 16 | _SYNC, _CALLBACK)


async def answers(socket: Path, *, within_s: float) -> bool:
    """Whether the compositor behind `socket` answers a round trip."""
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(within_s):
            reader, writer = await asyncio.open_unix_connection(socket)
            writer.write(_REQUEST)
            await reader.readexactly(12)
    except (TimeoutError, OSError, asyncio.IncompleteReadError):
        return False
    else:
        return True
    finally:
        if writer is not None:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
