"""The way into the machine: one command a connection, run by the guest's `lab-agent`."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from dataclasses import dataclass

AGENT_PORT = 2300
USB_PORT = 2301  # where the guest's `lab-usb` plugs in what connects


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a command in the guest said. `code` is None when it was ended for taking too long."""

    code: int | None
    stdout: str
    stderr: str


def ask(
    address: str,
    argv: Sequence[str],
    *,
    timeout_s: float,
    stdin: str = "",
    patience_s: float = 10.0,
) -> Result:
    """Run `argv` as root. The answer may take `patience_s` longer than the command. Raises
    `OSError`, or `ValueError` for an answer that is none."""
    request = {"argv": list(argv), "timeout_s": timeout_s, "stdin": stdin}
    with socket.create_connection((address, AGENT_PORT), timeout=timeout_s + patience_s) as conn:
        conn.sendall(json.dumps(request).encode() + b"\n")
        with conn.makefile("rb") as answer:
            line = answer.readline()
    if not line:
        raise ConnectionResetError("closed without an answer")
    return Result(**json.loads(line))
