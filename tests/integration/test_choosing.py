"""A person says which camera is the site's own, by the API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientSession

from portal.model import Camera
from portal.state import StateBoard
from portal.web.app import make_local_app, make_public_app
from tests.integration.web_server import board_of, config_at, served

LEFT = Camera(id="left", name="Left", source="usb")
RIGHT = Camera(id="right", name="Right", source="usb")
SPARE = Camera(id="spare", name="Spare", source="usb", rank=1)


class Site:
    def __init__(self, state: StateBoard, url: str, http: ClientSession) -> None:
        self.state = state
        self._url = url
        self._http = http

    async def choose(self, wish: Any) -> tuple[int, dict[str, Any]]:
        url = f"{self._url}/api/v1/cameras/choose"
        async with self._http.post(url, json=wish) as answer:
            return answer.status, await answer.json()


@asynccontextmanager
async def site_at(loopback: str) -> AsyncIterator[Site]:
    config = config_at(loopback)
    state = board_of(config)
    state.update(cameras=(LEFT, RIGHT, SPARE), chosen="left")
    async with (
        served(make_local_app(config, state), loopback) as base,
        ClientSession() as http,
    ):
        yield Site(state, base, http)


async def test_a_present_camera_is_chosen_and_the_choice_taken_back(loopback: str) -> None:
    async with site_at(loopback) as site:
        assert await site.choose({"id": "right"}) == (200, {"id": "right"})
        assert site.state.snapshot.chosen == "right"
        assert await site.choose({"id": None}) == (200, {"id": None})
        assert site.state.snapshot.chosen == ""


async def test_what_is_not_there_or_not_preferred_cannot_be_chosen(loopback: str) -> None:
    async with site_at(loopback) as site:
        status, fault = await site.choose({"id": "other"})
        assert (status, fault["error"]) == (404, "no such camera is plugged in")
        status, fault = await site.choose({"id": "spare"})
        assert (status, fault["error"]) == (
            409,
            "the configuration prefers another camera to Spare",
        )
        wishes: list[Any] = [{}, {"id": 7}, {"id": ""}, {"id": "left", "more": 1}, []]
        for wish in wishes:
            status, fault = await site.choose(wish)
            assert status == 400, wish
            assert fault["remedy"]
        assert site.state.snapshot.chosen == "left"


async def test_others_on_the_network_cannot_choose(loopback: str) -> None:
    config = config_at(loopback)
    state = board_of(config)
    async with (
        served(make_public_app(config, state), loopback, 8443) as base,
        ClientSession() as http,
        http.post(f"{base}/api/v1/cameras/choose", json={"id": None}) as answer,
    ):
        assert answer.status in {404, 405}
