"""The command line says what it means and ends with the right code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from portal.cli import cli


def test_each_command_explains_itself() -> None:
    runner = CliRunner()
    for command in (
        ["--help"],
        ["run", "--help"],
        ["demo", "--help"],
        ["cameras", "--help"],
        ["doctor", "--help"],
        ["config", "check", "--help"],
        ["media-server", "install", "--help"],
    ):
        result = runner.invoke(cli, command)
        assert result.exit_code == 0
        assert "Usage:" in result.output


def test_a_good_configuration_is_told_in_words_and_as_json(tmp_path: Path) -> None:
    path = tmp_path / "portal.toml"
    path.write_text('[site]\nname = "dublin"\n')
    told = CliRunner().invoke(cli, ["config", "check", str(path)])
    assert told.exit_code == 0
    assert "is good: site 'dublin', title 'Dublin'" in told.output
    shown = CliRunner().invoke(cli, ["config", "check", "--json", str(path)])
    assert json.loads(shown.output)["video"]["width"] == 1280


def test_a_missing_file_is_an_error_only_when_it_was_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORTAL_CONFIG", str(tmp_path / "absent.toml"))
    assert CliRunner().invoke(cli, ["config", "check"]).exit_code == 2
    named = CliRunner().invoke(cli, ["--config", str(tmp_path / "x.toml"), "cameras"])
    assert named.exit_code == 2
    assert "does not exist" in named.output


def test_configured_test_pictures_are_listed_as_cameras(tmp_path: Path) -> None:
    path = tmp_path / "portal.toml"
    path.write_text('[[cameras]]\nname = "bars"\nsource = "pattern"\n')
    result = CliRunner().invoke(cli, ["--config", str(path), "cameras", "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)[0]["source"] == "pattern"


def test_an_unknown_command_is_wrong_usage() -> None:
    assert CliRunner().invoke(cli, ["fly"]).exit_code == 2
