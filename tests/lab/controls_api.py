"""The box's own API of cameras and controls, asked from outside the machine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from tests.lab.guest_site import GuestSite


class ControlsApi:
    """Made by `controls_api`."""

    def __init__(self, site: GuestSite, http: aiohttp.ClientSession) -> None:
        self._api = f"http://{site.address}:8080/api/v1"
        self._http = http

    async def cameras(self) -> list[dict[str, Any]]:
        async with self._http.get(f"{self._api}/cameras") as answer:
            assert answer.status == 200, await answer.text()
            found: list[dict[str, Any]] = await answer.json()
            return found

    async def set(self, camera_id: str, **wishes: Any) -> tuple[int, Any]:
        address = f"{self._api}/cameras/{camera_id}/controls"
        async with self._http.patch(address, json=wishes) as answer:
            return answer.status, await answer.json()

    async def reset(self, camera_id: str) -> tuple[int, Any]:
        async with self._http.delete(f"{self._api}/cameras/{camera_id}/controls") as answer:
            return answer.status, await answer.json()

    async def pause(self, *, paused: bool) -> None:
        async with self._http.post(f"{self._api}/camera", json={"paused": paused}) as answer:
            assert answer.status == 200, await answer.text()


@asynccontextmanager
async def controls_api(site: GuestSite) -> AsyncIterator[ControlsApi]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as http:
        yield ControlsApi(site, http)
