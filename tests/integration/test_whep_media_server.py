"""An offer through this box to the other site's real MediaMTX: opened, trickled, really closed."""

from __future__ import annotations

import re

from aiohttp import ClientSession

from portal.web.app import make_local_app
from tests.integration.streams import MOVING, publishing
from tests.integration.web_server import (
    CANDIDATE,
    OFFER,
    board_of,
    config_at,
    linked_to,
    media_server,
    served,
    until_ready,
    until_sessions,
)

SDP = {"Content-Type": "application/sdp"}
FRAGMENT = {"Content-Type": "application/trickle-ice-sdpfrag"}


async def test_a_session_at_the_other_site_is_opened_fed_and_really_closed(
    loopback: str, other_loopback: str
) -> None:
    config = config_at(loopback)
    state = board_of(config)
    state.update(link=linked_to(other_loopback))
    async with (
        media_server(other_loopback) as there,
        served(make_local_app(config, state), loopback) as base,
        ClientSession() as http,
    ):
        whep = f"{base}/whep/peer"
        async with http.post(whep, data=OFFER, headers=SDP) as answer:
            assert answer.status == 404
            assert "New York has no picture just now" in (await answer.json())["error"]
        async with publishing(other_loopback, MOVING):
            await until_ready(there)
            async with http.post(whep, data=OFFER, headers=SDP) as answer:
                assert answer.status == 201
                assert answer.content_type == "application/sdp"
                text = await answer.text()
                # Media comes straight from the other site.
                assert re.search(rf"a=candidate:.* {re.escape(other_loopback)} 8189 ", text)
                assert "a=sendonly" in text
                session = base + answer.headers["Location"]
                match = {"If-Match": answer.headers["ETag"]}
            await until_sessions(there, 1)
            async with http.patch(session, data=CANDIDATE, headers={**FRAGMENT, **match}) as answer:
                assert answer.status == 204
            async with http.options(whep) as answer:
                assert answer.status == 204
            async with http.delete(session) as answer:
                assert answer.status == 200
            await until_sessions(there, 0)
            async with http.patch(session, data=CANDIDATE, headers=FRAGMENT) as answer:
                assert answer.status == 404
            no_medium = OFFER.replace("m=video", "m=banana")
            async with http.post(whep, data=no_medium, headers=SDP) as answer:
                assert answer.status == 400
                assert "New York refuses the request" in (await answer.json())["error"]


async def test_a_session_ended_by_the_other_site_is_gone_here(
    loopback: str, other_loopback: str
) -> None:
    config = config_at(loopback)
    state = board_of(config)
    state.update(link=linked_to(other_loopback))
    async with (
        served(make_local_app(config, state), loopback) as base,
        ClientSession() as http,
    ):
        async with media_server(other_loopback) as there, publishing(other_loopback, MOVING):
            await until_ready(there)
            async with http.post(f"{base}/whep/peer", data=OFFER, headers=SDP) as answer:
                session = base + answer.headers["Location"]
        async with http.patch(session, data=CANDIDATE, headers=FRAGMENT) as answer:
            assert answer.status == 502
        async with media_server(other_loopback):
            async with http.patch(session, data=CANDIDATE, headers=FRAGMENT) as answer:
                assert answer.status == 404
            async with http.delete(session) as answer:
                assert answer.status == 404
