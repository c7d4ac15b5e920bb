"""The image's packages come from where this machine gets its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.apt_sources import debian_sources


def test_both_ways_of_writing_sources_are_read_and_others_left_out(tmp_path: Path) -> None:
    (tmp_path / "sources.list").write_text(
        "# deb http://old.example bookworm main\n"
        "deb [arch=amd64 signed-by=/k.gpg] http://one.example/debian bookworm main contrib\n"
        "deb-src http://one.example/debian bookworm main\n"
        "deb http://other.example/tool stable main\n"
    )
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d" / "debian.sources").write_text(
        "Types: deb\n"
        "# a comment\n"
        "URIs: http://two.example/debian\n"
        "Suites: bookworm-updates\n bookworm-security\n"
        "Components: main\n"
        "\n"
        "Types: deb\n"
        "URIs: http://off.example/debian\n"
        "Suites: bookworm\n"
        "Components: main\n"
        "Enabled: no\n"
    )
    assert debian_sources("bookworm", etc_apt=tmp_path) == (
        "deb http://one.example/debian bookworm main",
        "deb http://two.example/debian bookworm-updates main",
        "deb http://two.example/debian bookworm-security main",
    )


def test_a_machine_without_such_a_source_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="names no source of Debian bookworm"):
        debian_sources("bookworm", etc_apt=tmp_path)
