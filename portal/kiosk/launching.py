"""How the kiosk's children are started: none outlives it; the browser finds its pipes."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

# dash takes only single digits in redirections.
_MOVE = 'exec "${@:3}" 3<&"$1"- 4>&"$2"-'


def dies_with_us() -> list[str]:
    """Words before a command that ends with this process, however that one ends."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []


def with_pipes(argv: Sequence[str], reads: int, writes: int) -> list[str]:
    """`argv` with the inherited descriptor `reads` as 3 and `writes` as 4."""
    return ["bash", "-c", _MOVE, "bash", str(reads), str(writes), *argv]
