"""Where the daemon works when it cannot write its state directory."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import NoReturn

import pytest

from portal.errors import ConfigError
from portal.mediamtx.record import RECORD_NAME
from portal.workplace import workplace


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "memory"
    path.mkdir()
    monkeypatch.setenv("RUNTIME_DIRECTORY", f"{path}:/run/other")
    return path


def refuse(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refused(_path: Path) -> NoReturn:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "touch", refused)


def test_a_directory_that_can_be_written_is_it(tmp_path: Path) -> None:
    place = workplace(tmp_path / "new")
    assert (place.path, place.fault) == (tmp_path / "new", "")


@pytest.mark.parametrize("number", [errno.EROFS, errno.ENOSPC, errno.EIO])
def test_a_disk_that_takes_nothing_is_replaced_by_memory_that_others_cannot_read(
    tmp_path: Path, memory: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    (tmp_path / RECORD_NAME).write_text("of the MediaMTX that runs")
    refuse(monkeypatch, number)
    place = workplace(tmp_path)
    assert place.path.parent == memory
    assert place.path.stat().st_mode & 0o777 == 0o700
    assert (place.path / RECORD_NAME).read_text() == "of the MediaMTX that runs"
    (tmp_path / RECORD_NAME).write_text("of one that its unit started since")
    assert (place.path / RECORD_NAME).read_text() == "of one that its unit started since"
    assert os.strerror(number) in place.fault
    assert workplace(tmp_path).path == place.path


def test_what_another_user_prepared_in_memory_is_not_used(
    tmp_path: Path, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "own"))
    (tmp_path / "own").mkdir()
    refuse(monkeypatch, errno.EROFS)
    place = workplace(tmp_path)
    place.path.chmod(0o777)
    assert workplace(tmp_path).path.parent == tmp_path / "own"
    assert place.path.parent == memory


def test_a_directory_of_somebody_else_is_a_mistake_of_the_configuration(
    tmp_path: Path, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, errno.EACCES)
    with pytest.raises(ConfigError, match="cannot be written: Permission denied"):
        workplace(tmp_path)
    assert not list(memory.iterdir())


def test_the_next_daemon_finds_the_mediamtx_that_was_started_from_memory(
    tmp_path: Path, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / RECORD_NAME).write_text("from before")
    refuse(monkeypatch, errno.EROFS)
    record = workplace(tmp_path).path / RECORD_NAME
    started = memory / "started"
    started.write_text("from memory")
    started.replace(record)
    assert (workplace(tmp_path).path / RECORD_NAME).read_text() == "from memory"
    assert (tmp_path / RECORD_NAME).read_text() == "from before"
