"""Finds the other boxes on the network, and is found by them. The only module with zeroconf in it.

Multicast DNS forgets a box that vanishes only when its records expire, which takes minutes (and
this library keeps a pointer for at least 19). So whoever has been quiet for a while is asked, and
whoever doesn't answer is dropped: RFC 6762 10.4, reconfirmation.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Never

from zeroconf import (  # type: ignore[attr-defined]  # DNS* are there, but not in its __all__
    DNSOutgoing,
    DNSPointer,
    DNSQuestion,
    IPVersion,
    RecordUpdate,
    RecordUpdateListener,
    ServiceStateChange,
    Zeroconf,
)
from zeroconf import Error as ZeroconfError
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from portal.backoff import Backoff
from portal.config import Config
from portal.peers import untrusted
from portal.peers.advertisement import SERVICE_TYPE, properties, service_label
from portal.peers.directory import SEEN_MAX, PeerDirectory
from portal.peers.interfaces import Interface, InterfaceWatch, site_interfaces
from portal.peers.sightings import Sightings
from portal.state import StateBoard

log = logging.getLogger(__name__)

FAULT = "discovery"

_QUERY, _SRV, _IN = 0, 33, 1  # RFC 1035 4.1.1, RFC 2782, RFC 1035 3.2.4

# For other programs' caches; ours asks. RFC 6762 10 recommends 120 s for what depends on a host.
_TTL_S = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoveryTiming:
    """Tests make these shorter."""

    quiet_s: float = 20.0  # unheard for this long: asked
    ask_every_s: float = 1.0  # a responder may stay silent to a question repeated within a second
    asks: int = 3
    settle_s: float = 0.3  # after an interface signal
    linger_s: float = 5.0  # after a goodbye: a restart takes about two seconds
    # The former addresses of a box expire a second after the new ones came (RFC 6762 10.2).
    second_look_s: float = 1.3


class _Ear(RecordUpdateListener):
    """Notes when each instance was last heard. Goodbyes don't count."""

    def __init__(self, on_announced: Callable[[str], None]) -> None:
        self.heard: dict[str, float] = {}
        self._on_announced = on_announced

    def async_update_records(self, _zc: Zeroconf, now: float, records: list[RecordUpdate]) -> None:
        for update in records:
            record = update.new
            if record.is_expired(now):
                continue
            if isinstance(record, DNSPointer):
                if record.alias in self.heard:
                    self.heard[record.alias] = time.monotonic()
                    self._on_announced(record.alias)
            elif record.name in self.heard:
                self.heard[record.name] = time.monotonic()


class Discovery:
    """Advertises the site, keeps the directory true to the network, shows a fault in the state.

    `service_type` differs from the real one only where tests must not meet each other's sites.
    """

    def __init__(
        self,
        config: Config,
        state: StateBoard,
        directory: PeerDirectory,
        *,
        service_type: str = SERVICE_TYPE,
        timing: DiscoveryTiming = DiscoveryTiming(),
    ) -> None:
        self._config = config
        self._state = state
        self._directory = directory
        self._type = service_type
        self._timing = timing
        self._instance = secrets.token_hex(8)
        self._own = f"{service_label(config, self._instance)}.{service_type}"
        self._sightings = Sightings(config, state, directory, instance=self._instance)
        self._ear = _Ear(directory.heard)
        self._interfaces: tuple[Interface, ...] = ()
        self._goodbyes: dict[str, asyncio.TimerHandle] = {}
        self._errands: dict[tuple[str, str], asyncio.Task[None]] = {}

    async def run(self) -> Never:
        """Never returns. What the network or the machine refuses is a fault, tried again."""
        while not self._config.discovery.enabled:
            await asyncio.Event().wait()
        backoff = Backoff(first_s=1.0, cap_s=30.0)
        while True:
            try:
                with InterfaceWatch() as watch:
                    await self._serve(watch)
            except (OSError, ZeroconfError) as exc:
                reason = untrusted.cleaned(str(exc) or type(exc).__name__, 200)
                self._state.raise_fault(
                    FAULT,
                    f"other sites cannot be looked for on the network: {reason}",
                    remedy="name the other site in [[peers]], or free UDP port 5353",
                )
                await asyncio.sleep(backoff.next())

    async def _serve(self, watch: InterfaceWatch) -> Never:
        self._interfaces = site_interfaces(self._config)
        zeroconf = AsyncZeroconf(
            interfaces=[str(interface.ip) for interface in self._interfaces],
            ip_version=self._ip_version(),
        )
        browser: AsyncServiceBrowser | None = None
        try:
            self._zeroconf = zeroconf.zeroconf
            self._zeroconf.async_add_listener(self._ear, None)
            info = self._advertisement()
            # The instance's name is random: nobody to probe for (RFC 6762 8.1 asks for it
            # where a name could be taken), and the announcement goes out 0.5 s earlier.
            announced = await zeroconf.async_register_service(info, cooperating_responders=True)
            browser = self._browse()
            await announced
            self._state.clear_fault(FAULT)
            self._directory.on_doubt = self._doubt
            while True:
                if await self._until_interfaces_change(watch):
                    await browser.async_cancel()
                    await self._move(zeroconf)
                    browser = self._browse()
                    for name in list(self._ear.heard):
                        self._ask(name)
        finally:
            self._directory.on_doubt = None
            await self._close(zeroconf, browser)

    async def _until_interfaces_change(self, watch: InterfaceWatch) -> bool:
        """Asks the quiet ones meanwhile. True when our addresses differ from before."""
        try:
            async with asyncio.timeout(self._timing.quiet_s / 2):
                await watch.changed(settle_s=self._timing.settle_s)
        except TimeoutError:
            self._ask_the_quiet()
            return False
        return site_interfaces(self._config) != self._interfaces

    async def _move(self, zeroconf: AsyncZeroconf) -> None:
        """Take the addresses as they are now, and say so on the network."""
        before, self._interfaces = self._interfaces, site_interfaces(self._config)
        addresses = [str(interface.ip) for interface in self._interfaces]
        log.info("this site's addresses are now: %s", ", ".join(addresses) or "none")
        info = self._advertisement()
        self._zeroconf.registry.async_update(info)
        await zeroconf.async_update_interfaces(addresses)  # announces on what is new
        if not set(self._interfaces) - set(before):
            await (await zeroconf.async_update_service(info))

    async def _close(self, zeroconf: AsyncZeroconf, browser: AsyncServiceBrowser | None) -> None:
        tasks = list(self._errands.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for timer in self._goodbyes.values():
            timer.cancel()
        self._goodbyes.clear()
        if browser is not None:
            await browser.async_cancel()
        # Three goodbyes, an eighth of a second apart.
        with contextlib.suppress(OSError, ZeroconfError, TimeoutError):
            async with asyncio.timeout(2.0):
                await zeroconf.async_close()

    def _ip_version(self) -> IPVersion:
        return IPVersion.V6Only if ":" in self._config.site.address else IPVersion.V4Only

    def _advertisement(self) -> AsyncServiceInfo:
        return AsyncServiceInfo(
            self._type,
            self._own,
            port=self._config.ports.admin,
            properties=properties(self._config, self._instance),
            # Not <site>.local: that one is avahi's, and two responders would fight over it.
            server=f"{self._own.removesuffix(self._type)}local.",
            host_ttl=_TTL_S,
            other_ttl=_TTL_S,
            parsed_addresses=[str(interface.ip) for interface in self._interfaces],
        )

    def _browse(self) -> AsyncServiceBrowser:
        return AsyncServiceBrowser(self._zeroconf, self._type, handlers=[self._on_change])

    # What the network says

    def _on_change(
        self,
        zeroconf: Zeroconf,  # noqa: ARG002 - the library calls by keyword
        service_type: str,  # noqa: ARG002
        name: str,
        state_change: ServiceStateChange,
    ) -> None:
        if state_change is ServiceStateChange.Removed:
            self._said_goodbye(name)
            return
        if name == self._own:
            return
        if name not in self._ear.heard and len(self._ear.heard) >= 2 * SEEN_MAX:
            self._sightings.complain("flood", f"over {2 * SEEN_MAX} sites are advertised")
            return
        if (timer := self._goodbyes.pop(name, None)) is not None:
            timer.cancel()
        try:
            info = AsyncServiceInfo(self._type, name)
        except ZeroconfError:
            self._sightings.complain(name, f"{untrusted.shown(name)} is no service's name")
            return
        self._ear.heard[name] = time.monotonic()
        if info.load_from_cache(self._zeroconf):
            self._read(info)
            self._errand("look", name, self._look_again(name))
        else:
            self._errand("look", name, self._look(name))

    async def _look(self, name: str, *, keep_address: bool = True) -> None:
        if name in self._goodbyes:
            return
        info = AsyncServiceInfo(self._type, name)
        if await info.async_request(self._zeroconf, 3000):
            self._read(info, keep_address=keep_address)

    async def _look_again(self, name: str) -> None:
        await asyncio.sleep(self._timing.second_look_s)
        await self._look(name)

    def _read(self, info: AsyncServiceInfo, *, keep_address: bool = True) -> None:
        self._sightings.saw(
            info.name,
            info.properties,
            port=info.port,
            addresses=info.parsed_scoped_addresses(self._ip_version()),
            ours=self._interfaces,
            keep_address=keep_address,
        )

    def _said_goodbye(self, name: str) -> None:
        self._directory.leaving(name)
        if name in self._ear.heard and name not in self._goodbyes:
            self._goodbyes[name] = asyncio.get_running_loop().call_later(
                self._timing.linger_s, self._drop, name
            )

    def _drop(self, name: str) -> None:
        self._goodbyes.pop(name, None)
        self._ear.heard.pop(name, None)
        # What stays in the cache would make its return look like no news.
        cache = self._zeroconf.cache
        cache.async_remove_records(cache.async_entries_with_name(name))
        cache.async_remove_records(
            record
            for record in cache.async_entries_with_name(self._type)
            if isinstance(record, DNSPointer) and record.alias == name
        )
        self._sightings.gone(name)

    # Who is still there

    def _ask_the_quiet(self) -> None:
        limit = time.monotonic() - self._timing.quiet_s
        for name, heard in self._ear.heard.items():
            if heard < limit:
                self._ask(name)

    def _ask(self, name: str) -> None:
        if name not in self._goodbyes:
            self._errand("confirm", name, self._confirm(name))

    def _doubt(self, name: str) -> None:
        """The link to it broke. Perhaps it is there at another address: one that it had for less
        than a second is not withdrawn by the next (RFC 6762 10.2)."""
        if name not in self._goodbyes:
            self._errand("confirm", name, self._confirm(name, then_look=True))

    async def _confirm(self, name: str, *, then_look: bool = False) -> None:
        """Ask until it answers; drop it when it doesn't."""
        asked_at = time.monotonic()
        for _ in range(self._timing.asks):
            question = DNSOutgoing(_QUERY)
            question.add_question(DNSQuestion(name, _SRV, _IN))
            self._zeroconf.async_send(question)
            await asyncio.sleep(self._timing.ask_every_s)
            if self._ear.heard.get(name, asked_at) > asked_at:
                if then_look:
                    await self._look(name, keep_address=False)
                return
        if name not in self._goodbyes:
            self._drop(name)

    def _errand(self, kind: str, name: str, errand: Coroutine[None, None, None]) -> None:
        """One at a time of each kind for each instance."""
        key = (kind, name)
        if key in self._errands:
            errand.close()
            return
        task = asyncio.create_task(_forgiving(errand), name=f"{kind} {name}")
        self._errands[key] = task
        task.add_done_callback(lambda _: self._errands.pop(key, None))


async def _forgiving(errand: Coroutine[None, None, None]) -> None:
    """A network that is down, or a name that is none, fails the errand and nothing else."""
    with contextlib.suppress(OSError, ZeroconfError):
        await errand
