"""Removes what power cuts and crashes leave in the state directory: nobody else does."""

from __future__ import annotations

import contextlib
import re
import time
from pathlib import Path

from portal.publish.ending import has_publisher

# What is written whole or not at all has such a name until it is: documents, the record of
# MediaMTX.
_PARTIAL = re.compile(r"\.[a-z0-9-]+(\.json)?\.([a-z0-9_]{8}|\d+)")
# A publisher's status, or a part of it. Those of camera and microphone are always the same two.
_STATUS = re.compile(r"publisher\.(?!(cam|sound)$).+")
# Others than the daemon write, too: a publisher, MediaMTX's unit, the command line.
_MAY_BE_WRITTEN_S = 60.0


def remove_leftovers(state_dir: Path) -> None:
    """Blocking, some milliseconds. What cannot be removed stays."""
    with contextlib.suppress(OSError):
        for path in list(state_dir.iterdir()):
            is_status = _STATUS.fullmatch(path.name) is not None
            if is_status or _PARTIAL.fullmatch(path.name):
                with contextlib.suppress(OSError):
                    # Either way: it may have been written before the clock was set.
                    age_s = abs(time.time() - path.stat().st_mtime)
                    if age_s > _MAY_BE_WRITTEN_S and not (is_status and has_publisher(path)):
                        path.unlink()
