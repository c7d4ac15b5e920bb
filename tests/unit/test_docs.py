"""The documentation tells the truth."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from portal.config import (
    CameraSection,
    Config,
    PeerSection,
    QuietSection,
    Section,
    parse_config,
)

_DOCS = Path(__file__).parents[2] / "docs"
_CONFIGURATION = (_DOCS / "configuration.md").read_text(encoding="utf-8")


def sections() -> dict[str, type[Section]]:
    lists: dict[str, type[Section]] = {
        "[[cameras]]": CameraSection,
        "[[peers]]": PeerSection,
        "[[quiet_hours]]": QuietSection,
    }
    single: dict[str, type[Section]] = {
        f"[{field.name}]": field.type
        for field in msgspec.structs.fields(Config)
        if isinstance(field.type, type) and issubclass(field.type, Section)
    }
    return lists | single


@pytest.mark.parametrize("heading", sections())
def test_each_key_is_documented_and_each_documented_key_exists(heading: str) -> None:
    chapter = _CONFIGURATION.split(f"## `{heading}`")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]+) \|", chapter, flags=re.MULTILINE)
    documented = {key for row in rows for key in re.findall(r"`(\w+)`", row)}
    assert documented == {field.name for field in msgspec.structs.fields(sections()[heading])}


def test_the_example_is_a_good_configuration() -> None:
    example = re.findall(r"```toml\n(.*?)```", _CONFIGURATION, flags=re.DOTALL)[0]
    assert parse_config(example).peers[0].name == "new-york"


def test_links_between_documents_lead_somewhere() -> None:
    root = _DOCS.parent
    for page in [root / "README.md", *_DOCS.rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
