"""The services of a test, for as long as it needs them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def running(*services: Callable[[], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Each service's `run()` as a task, cancelled at the end: what a crash leaves stays."""
    tasks = [asyncio.create_task(service()) for service in services]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result
