"""What must survive a power cut does, and what is broken is not lost."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import NoReturn

import msgspec
import pytest

from portal.errors import StoreError
from portal.store import Store


class Notes(msgspec.Struct, frozen=True):
    lines: tuple[str, ...] = ()


def test_what_was_saved_is_loaded_by_the_next_daemon(tmp_path: Path) -> None:
    Store(tmp_path).save("notes", Notes(lines=("São Paulo",)))
    assert Store(tmp_path).load("notes", Notes) == Notes(lines=("São Paulo",))


def test_a_new_box_starts_with_an_empty_document(tmp_path: Path) -> None:
    assert Store(tmp_path).load("notes", Notes) == Notes()


@pytest.mark.parametrize(
    "damage", [b"", b'{"lines": [', b'{"lines": 5}', b"\xff\xfe\x00", b"\0" * 99]
)
def test_a_damaged_document_is_kept_aside_and_does_not_stop_the_box(
    tmp_path: Path, damage: bytes
) -> None:
    (tmp_path / "notes.json").write_bytes(damage)
    assert Store(tmp_path).load("notes", Notes) == Notes()
    assert (tmp_path / "notes.json.broken").read_bytes() == damage


def test_a_failed_write_leaves_the_old_document_and_no_rubbish(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.save("notes", Notes(lines=("old",)))
    (tmp_path / "other.json").mkdir()
    with pytest.raises(StoreError, match=r"other\.json cannot be written"):
        store.save("other", Notes(lines=("new",)))
    assert store.load("notes", Notes) == Notes(lines=("old",))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.json", "other.json"]


def test_a_disk_that_becomes_read_only_while_it_is_written_to_is_a_fault_like_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_descriptor: int) -> NoReturn:
        raise OSError(errno.EIO, "Input/output error")

    def read_only(_path: Path, **_options: bool) -> NoReturn:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "fsync", broken)
    monkeypatch.setattr(Path, "unlink", read_only)
    with pytest.raises(StoreError, match=r"notes\.json cannot be written: Input/output error"):
        Store(tmp_path).save("notes", Notes())
