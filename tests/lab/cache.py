"""`.cache/lab/`: what is built once and kept until its recipe changes."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
CACHE = CHECKOUT / ".cache" / "lab"


def cached(kind: str, key: str, build: Callable[[Path], None]) -> Path:
    """The folder `kind-key`, made by `build(folder)` if it isn't there; older ones of the kind
    are removed. A build that fails leaves nothing; two runs at once build once."""
    folder = CACHE / f"{kind}-{key[:16]}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{kind}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():
            return folder
        # Two checkouts' worth of builds never pile up: an image is over a gigabyte.
        for old in CACHE.glob(f"{kind}-*"):
            shutil.rmtree(old)
        building = CACHE / f"building-{kind}"
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir()
        started = time.monotonic()
        print(f"lab: building the {kind} …", flush=True)
        build(building)
        building.rename(folder)
        print(f"lab: {kind} built in {time.monotonic() - started:.0f} s", flush=True)
    return folder


def digest(parts: Iterable[str | bytes | Path]) -> str:
    """One hash over texts, and over files (their names, modes and contents) and folders."""
    total = hashlib.sha256()

    def add(data: bytes) -> None:
        total.update(len(data).to_bytes(8, "big") + data)

    for part in parts:
        if isinstance(part, Path):
            for path in sorted(part.rglob("*")) if part.is_dir() else [part]:
                if "__pycache__" in path.parts or path.suffix == ".pyc":
                    continue
                add(path.relative_to(part.parent).as_posix().encode())
                if path.is_symlink():
                    add(str(path.readlink()).encode())
                elif path.is_file():
                    add(f"{path.stat().st_mode:o}".encode())
                    add(path.read_bytes())
        else:
            add(part.encode() if isinstance(part, str) else part)
    return total.hexdigest()
