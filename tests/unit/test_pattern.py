"""The test picture's filter graph."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from portal.publish.pattern import FONT, escaped, pattern_graph


def graph(title: str) -> str:
    return pattern_graph(title, width=1280, height=720, fps=30)


def test_two_sites_look_different() -> None:
    def colours(title: str) -> set[str]:
        return set(re.findall(r"color=c=(0x\w+)", graph(title)))

    assert not colours("Dublin") & colours("New York")


def test_a_site_looks_the_same_each_time() -> None:
    assert graph("Dublin") == graph("Dublin")


def test_a_long_title_is_written_smaller() -> None:
    def size(title: str) -> int:
        return max(map(int, re.findall(r"fontsize=(\d+)", graph(title))))

    assert size("The observatory on the far side of the mountain") < size("Dublin")


def test_the_font_comes_with_its_licence() -> None:
    assert FONT.stat().st_size < 150_000
    assert "SIL Open Font License" in (FONT.parent / "OFL.txt").read_text()


def unescaped(text: str, specials: str) -> tuple[str, str]:
    """What ffmpeg's av_get_token reads up to the first bare special, and what is left."""
    out, rest = "", text
    while rest and rest[0] not in specials:
        assert rest[0] != "'", "an open quote"
        step = 2 if rest[0] == "\\" else 1
        out += rest[step - 1 : step]
        rest = rest[step:]
    return out, rest


@given(st.text())
def test_ffmpeg_reads_an_escaped_value_as_it_was(value: str) -> None:
    once, rest = unescaped(escaped(value), "[],;")
    assert not rest
    assert unescaped(once, ":") == (value, "")
