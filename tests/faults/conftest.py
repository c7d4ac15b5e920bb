"""One world for all faults of a module: what one leaves behind, the next would meet."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.faults.world import World, world


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    """The world's processes come and go; leaks.py counts them."""
    return iter([None])


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """Each process of the world has one of asyncio's, that waits for its end."""
    return iter([None])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sites(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder: Path = tmp_path_factory.mktemp("world")
    async with world(folder) as whole:
        yield whole
