"""A name that was once known stays known when DNS goes away."""

from __future__ import annotations

import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from portal.peers.resolver import LastAnswerResolver


class Dns(AbstractResolver):
    """Knows what `names` says."""

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if host not in self.names:
            raise OSError("Temporary failure in name resolution")
        return [
            ResolveResult(
                hostname=host, host=self.names[host], port=port, family=family, proto=0, flags=0
            )
        ]

    async def close(self) -> None:
        pass


async def test_the_last_answer_serves_while_dns_gives_none_and_a_new_one_replaces_it() -> None:
    dns = Dns({"ny.example.org": "192.0.2.1"})
    resolver = LastAnswerResolver(dns)

    async def address() -> str:
        return (await resolver.resolve("ny.example.org", 8443))[0]["host"]

    assert await address() == "192.0.2.1"
    dns.names = {}
    assert await address() == "192.0.2.1"
    dns.names = {"ny.example.org": "192.0.2.2"}
    assert await address() == "192.0.2.2"


async def test_a_name_that_was_never_known_is_an_error() -> None:
    with pytest.raises(OSError, match="name resolution"):
        await LastAnswerResolver(Dns({})).resolve("ny.example.org", 8443)
