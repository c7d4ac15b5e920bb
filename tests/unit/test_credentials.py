"""MediaMTX's passwords are made once, and nobody else reads them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from portal.errors import MediaServerError
from portal.mediamtx.credentials import CREDENTIALS_NAME, credentials_of


@pytest.fixture(autouse=True)
def generous_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def test_a_state_directory_has_its_own_passwords_and_keeps_them(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.mkdir()
    second.mkdir()
    made = credentials_of(first)
    other = credentials_of(second)
    assert credentials_of(first) == made
    assert len({made.api, made.publish, other.api, other.publish}) == 4


def test_only_the_owner_reads_them_and_nothing_else_is_left(tmp_path: Path) -> None:
    credentials_of(tmp_path)
    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_daemon_and_a_unit_that_start_at_once_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: credentials_of(tmp_path), range(8)))
    assert made == {credentials_of(tmp_path)}


@pytest.mark.parametrize("text", ["", "{", '{"api": "", "publish": ""}', '{"api": "x"}', "[1]"])
def test_a_file_that_a_power_cut_spoilt_is_made_anew(tmp_path: Path, text: str) -> None:
    path = tmp_path / CREDENTIALS_NAME
    path.write_text(text)
    made = credentials_of(tmp_path)
    assert len(made.api) >= 40
    assert credentials_of(tmp_path) == made
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_state_directory_that_cannot_be_used_is_named_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / CREDENTIALS_NAME).mkdir()
    with pytest.raises(MediaServerError, match=rf"{CREDENTIALS_NAME} cannot be used") as caught:
        credentials_of(tmp_path)
    assert caught.value.remedy


def test_they_are_not_printed_by_accident(tmp_path: Path) -> None:
    made = credentials_of(tmp_path)
    assert made.api not in f"{made} {made!r}"
