"""`/metrics`: the snapshot for Prometheus. Every name is explained in docs/metrics.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum

from aiohttp import web
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from portal.model import Snapshot
from portal.state import StateBoard
from portal.web.events import EventStreams
from portal.web.screen import ScreenIntake
from portal.web.screen_metrics import ScreenCollector
from portal.web.whep import WhepForwarder
from portal.words import (
    CameraState,
    HealStep,
    LinkState,
    MediaServerState,
    MicrophoneState,
    PictureState,
)

TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8"


class SnapshotCollector(Collector):
    """Reads everything at the moment of the scrape: there is nothing to keep in step. No label
    carries text of the peer's."""

    def __init__(self, state: StateBoard, whep: WhepForwarder, events: EventStreams) -> None:
        self._state = state
        self._whep = whep
        self._events = events

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        snapshot = self._state.snapshot
        yield from _about_site(snapshot)
        yield from _about_camera(snapshot)
        yield from _about_link(snapshot)
        yield from _about_media_server(snapshot)
        yield from _about_healing(snapshot)
        yield from self._about_pages()

    def _about_pages(self) -> Iterator[Metric]:
        sessions = GaugeMetricFamily(
            "portal_whep_sessions",
            "WHEP sessions of this box's pages, not closed",
            labels=["target"],
        )
        for target in ("peer", "sound", "self", "camera"):
            sessions.add_metric([target], self._whep.sessions.count(target))
        yield sessions
        offers = CounterMetricFamily(
            "portal_whep_offers", "WHEP offers, by the status answered", labels=["target", "status"]
        )
        for (target, status), count in self._whep.offers.items():
            offers.add_metric([target, str(status)], count)
        yield offers
        yield GaugeMetricFamily("portal_event_streams", "Open /events streams", len(self._events))


def _about_site(snapshot: Snapshot) -> Iterator[Metric]:
    site = snapshot.site
    build = GaugeMetricFamily(
        "portal_build_info",
        "Always 1; who this is and what runs",
        labels=["site", "version", "media_server_version"],
    )
    build.add_metric([site.name, site.version, snapshot.media_server.version], 1)
    yield build
    yield GaugeMetricFamily(
        "portal_started_timestamp_seconds", "When the daemon started, Unix time", site.started_at
    )
    faults = GaugeMetricFamily("portal_fault", "1 while the fault is shown", labels=["key"])
    for fault in snapshot.faults:
        faults.add_metric([fault.key], 1)
    yield faults


def _about_camera(snapshot: Snapshot) -> Iterator[Metric]:
    camera, picture = snapshot.camera, snapshot.picture
    yield _states("portal_camera_state", "The camera of this site", CameraState, camera.state)
    yield GaugeMetricFamily(
        "portal_camera_state_since_timestamp_seconds", "Since when, Unix time", camera.since
    )
    yield GaugeMetricFamily("portal_cameras", "Cameras present", len(snapshot.cameras))
    yield GaugeMetricFamily(
        "portal_paused", "1 while this site does not want to be seen", float(snapshot.paused)
    )
    yield _states(
        "portal_microphone_state", "Sound of this site", MicrophoneState, snapshot.microphone
    )
    yield _states(
        "portal_picture_state", "Our own picture when last looked at", PictureState, picture.state
    )
    yield GaugeMetricFamily("portal_picture_fps", "Its decoded frames per second", picture.fps)
    yield GaugeMetricFamily(
        "portal_picture_checked_timestamp_seconds",
        "When last looked, Unix time",
        picture.checked_at,
    )


def _about_link(snapshot: Snapshot) -> Iterator[Metric]:
    link = snapshot.link
    yield _states("portal_link_state", "Our relation to the other site", LinkState, link.state)
    yield GaugeMetricFamily(
        "portal_link_state_since_timestamp_seconds", "Since when, Unix time", link.since
    )
    # Unknown is no sample, not 0: an average over zeros would lie.
    yield _optional("portal_link_rtt_seconds", "Round trip of the link", link.rtt_s)
    yield _optional(
        "portal_link_clock_offset_seconds", "The peer's clock minus ours", link.clock_offset_s
    )
    remote = None if link.remote is None else link.remote.camera
    yield _states("portal_remote_camera_state", "The camera of the other site", CameraState, remote)
    yield GaugeMetricFamily(
        "portal_other_sites", "Sites seen on the network but not shown", len(link.others)
    )


def _about_media_server(snapshot: Snapshot) -> Iterator[Metric]:
    server = snapshot.media_server
    yield _states("portal_media_server_state", "Our MediaMTX", MediaServerState, server.state)
    yield GaugeMetricFamily(
        "portal_media_server_generation",
        "Which MediaMTX process this is, from 1",
        server.generation,
    )
    yield CounterMetricFamily(
        "portal_media_server_restarts",
        "Times another MediaMTX process took over since the daemon started",
        max(0, server.generation - 1),
    )


def _about_healing(snapshot: Snapshot) -> Iterator[Metric]:
    heals = CounterMetricFamily(
        "portal_heal", "Steps taken to get the other site's picture back", labels=["step"]
    )
    counts = {heal.step: heal.count for heal in snapshot.heals}
    for step in HealStep:
        heals.add_metric([step.value], counts.get(step, 0))
    yield heals
    asked = CounterMetricFamily(
        "portal_asked", "Steps that the other site asked of this one", labels=["outcome"]
    )
    done = snapshot.publisher_restarts + snapshot.media_server_restarts
    asked.add_metric(["done"], done)
    asked.add_metric(["declined"], snapshot.asks.declined)
    yield asked
    yield GaugeMetricFamily(
        "portal_display_on", "1 while the screen is wanted", float(snapshot.display_on)
    )
    yield GaugeMetricFamily(
        "portal_quiet", "1 while quiet hours hide the camera", float(snapshot.quiet_until > 0)
    )


def _states(name: str, text: str, kind: type[StrEnum], current: StrEnum | None) -> Metric:
    family = GaugeMetricFamily(name, f"{text}: 1 for the state it is in", labels=["state"])
    for state in kind:
        family.add_metric([state.value], float(state is current))
    return family


def _optional(name: str, text: str, value: float | None) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[])
    if value is not None:
        family.add_metric([], value)
    return family


def add_metrics_route(
    app: web.Application,
    state: StateBoard,
    whep: WhepForwarder,
    events: EventStreams,
    screen: ScreenIntake,
) -> None:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(SnapshotCollector(state, whep, events))
    registry.register(ScreenCollector(state, screen))
    ProcessCollector(registry=registry)  # memory, CPU, open files of the daemon

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": TEXT_FORMAT})

    app.router.add_get("/metrics", metrics)
