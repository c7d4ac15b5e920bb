"""A publisher of sound that hangs together with its ffmpeg is replaced: nobody else would."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from portal.mediamtx.client import PathInfo
from portal.publish import sound_service, watching
from portal.words import MicrophoneState
from tests.unit.test_muting import muted_by
from tests.unit.test_publishing import SlowMediaMtx, until


class HungMicrophone(SlowMediaMtx):
    """Its publisher hangs; `received`: bytes on a path that is ready, None for one that is not."""

    def __init__(self, received: int | None) -> None:
        super().__init__()
        self._received = received
        self.publishers = 0

    async def path(self, name: str) -> PathInfo | None:
        if self.settings is None:
            return None
        return PathInfo(name=name, ready=self._received is not None, received=self._received)

    async def set_path(self, name: str, settings: Mapping[str, Any]) -> None:
        await super().set_path(name, settings)
        self.publishers += 1


@pytest.fixture(autouse=True)
def shortly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "DRY_S", 0.3)
    monkeypatch.setattr(sound_service, "_POLL_ON_S", 0.05)


async def test_of_whose_microphone_nothing_arrives_gets_another_publisher(tmp_path: Path) -> None:
    client = HungMicrophone(received=4711)
    async with muted_by(client, tmp_path) as state:
        state.update(muted=False)
        await until(lambda: client.publishers > 1)


async def test_a_publisher_of_sound_that_says_nothing_more_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sound_service, "tag", lambda _argv: "abc")
    client = HungMicrophone(received=None)
    async with muted_by(client, tmp_path) as state:
        state.update(muted=False)
        await until(lambda: client.publishers > 0)
        said = f"tag abc\nstate sending\npid {os.getpid()}\n"
        (tmp_path / "publisher.sound").write_text(said)
        await until(lambda: client.publishers > 1)
        assert state.snapshot.microphone is MicrophoneState.OFF
