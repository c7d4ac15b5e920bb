"""The screen's part of `/metrics`: what its page reports. Named in docs/metrics.md."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from portal.model import ScreenReport
from portal.state import StateBoard
from portal.web.screen import ScreenIntake
from portal.words import HealStep, ScreenState

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
        report = screen.report
        age = None if report is None else max(0.0, time.time() - screen.seen_at)
        yield _gauge("report_age_seconds", "Age of the page's last report", age)
        for name, text, kind, value_of in _FIGURES:
            yield kind(name, text, None if report is None else value_of(report))
        transport = GaugeMetricFamily(
            "portal_screen_transport", "1 for the one that carries the media", labels=["transport"]
        )
        for one in ("udp", "tcp"):
            transport.add_metric([one], float(report is not None and report.transport == one))
        yield transport


def _gauge(name: str, text: str, value: float | None) -> Metric:
    return _with(GaugeMetricFamily(f"portal_screen_{name}", text, labels=[]), value)


def _counter(name: str, text: str, value: float | None) -> Metric:
    return _with(CounterMetricFamily(f"portal_screen_{name}", text, labels=[]), value)


def _with(
    family: GaugeMetricFamily | CounterMetricFamily, value: float | None
) -> GaugeMetricFamily | CounterMetricFamily:
    if value is not None:
        family.add_metric([], value)
    return family


Figure = tuple[
    str, str, Callable[[str, str, float | None], Metric], Callable[[ScreenReport], float | None]
]
_FIGURES: tuple[Figure, ...] = (
    ("uptime_seconds", "Since the page was loaded", _gauge, lambda r: r.uptime_s),
    ("fps", "Decoded frames per second", _gauge, lambda r: r.fps),
    ("frames", "Frames decoded since the page was loaded", _counter, lambda r: r.frames),
    ("freezes", "Freezes since then", _counter, lambda r: r.freezes),
    ("frozen_seconds", "Time spent in them", _counter, lambda r: r.frozen_s),
    ("picture_age_seconds", "From the other camera to here", _gauge, lambda r: r.age_s),
    ("picture_still_seconds", "Since the picture last changed", _gauge, lambda r: r.moved_s),
    ("decode_seconds", "Mean decoding time of a frame", _gauge, lambda r: r.decode_s),
    ("jitter_buffer_seconds", "Mean wait of a frame", _gauge, lambda r: r.jitter_buffer_s),
    ("sessions", "WHEP sessions since the page was loaded", _counter, lambda r: r.sessions),
    ("packets_received", "RTP packets since then", _counter, lambda r: r.packets_received),
    ("packets_lost", "RTP packets lost since then", _counter, lambda r: r.packets_lost),
    ("rtt_seconds", "Round trip of the media", _gauge, lambda r: r.rtt_s),
)
