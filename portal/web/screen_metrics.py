"""The screen's part of `/metrics`: what its page reports. Named in docs/metrics.md."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from portal.model import HealStep, ScreenReport, ScreenState
from portal.state import StateBoard
from portal.web.screen import ScreenIntake

PAGE_STEPS = (HealStep.SESSION, HealStep.TRANSPORT, HealStep.RELOAD)


class ScreenCollector(Collector):
    """Reads everything at the moment of the scrape. No page, no sample: zeros would lie."""

    def __init__(self, state: StateBoard, intake: ScreenIntake) -> None:
        self._state = state
        self._intake = intake

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        screen = self._state.snapshot.screen
        states = GaugeMetricFamily(
            "portal_screen_state",
            "What the screen shows of the other site: 1 for the state it is in",
            labels=["state"],
        )
        for state in ScreenState:
            states.add_metric([state.value], float(state is screen.state))
        yield states
        yield GaugeMetricFamily(
            "portal_screen_state_since_timestamp_seconds", "Since when, Unix time", screen.since
        )
        yield CounterMetricFamily(
            "portal_screen_reports", "Reports of the screen's page", self._intake.reports
        )
        steps = CounterMetricFamily(
            "portal_screen_steps",
            "Steps that the page took by itself to get the picture back",
            labels=["step"],
        )
        for step in PAGE_STEPS:
            steps.add_metric([step.value], self._intake.steps[step])
        yield steps
        if screen.report is not None:
            age = max(0.0, time.time() - screen.seen_at)
            yield _gauge("report_age_seconds", "Age of the page's last report", age)
            yield from _about_picture(screen.report)
            yield from _about_connection(screen.report)


def _about_picture(report: ScreenReport) -> Iterator[Metric]:
    yield _gauge("uptime_seconds", "Since the page was loaded", report.uptime_s)
    yield _gauge("fps", "Decoded frames per second", report.fps)
    yield _counter("frames", "Frames decoded since the page was loaded", report.frames)
    yield _counter("freezes", "Freezes since then", report.freezes)
    yield _counter("frozen_seconds", "Time spent in them", report.frozen_s)
    yield _gauge("picture_age_seconds", "From the other site's camera, estimated", report.age_s)
    yield _gauge("picture_still_seconds", "Since the picture last changed", report.moved_s)
    yield _gauge("decode_seconds", "Mean decoding time of a frame", report.decode_s)
    yield _gauge("jitter_buffer_seconds", "Mean wait of a frame", report.jitter_buffer_s)


def _about_connection(report: ScreenReport) -> Iterator[Metric]:
    yield _counter("sessions", "WHEP sessions since the page was loaded", report.sessions)
    yield _counter("packets_received", "RTP packets since then", report.packets_received)
    yield _counter("packets_lost", "RTP packets lost since then", report.packets_lost)
    yield _gauge("rtt_seconds", "Round trip of the media", report.rtt_s)
    transport = GaugeMetricFamily(
        "portal_screen_transport", "1 for the one that carries the media", labels=["transport"]
    )
    for name in ("udp", "tcp"):
        transport.add_metric([name], float(report.transport == name))
    yield transport


def _gauge(name: str, text: str, value: float | None) -> Metric:
    family = GaugeMetricFamily(f"portal_screen_{name}", text, labels=[])
    if value is not None:
        family.add_metric([], value)
    return family


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(f"portal_screen_{name}", text, value)
