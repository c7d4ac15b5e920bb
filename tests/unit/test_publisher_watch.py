"""What is believed of a publisher's status."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import NoReturn

import pytest

from portal.publish.watching import PublisherWatch


def test_what_an_older_publisher_wrote_is_forgotten_though_the_disk_became_read_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(_path: Path, **_options: bool) -> NoReturn:
        raise OSError(errno.EROFS, "Read-only file system")

    status = tmp_path / "publisher.cam"
    status.write_text("state healthy\npid 4711\n")
    watch = PublisherWatch(status)
    assert watch.read() is not None
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", read_only)
        watch.forget()
    assert watch.read() is None  # else each new publisher would be taken for the dead one
    (tmp_path / "partial").write_text("state starting\npid 4712\n")
    (tmp_path / "partial").replace(status)
    found = watch.read()
    assert found is not None
    assert found.pid == 4712
