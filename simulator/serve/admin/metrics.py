"""Numbers for Prometheus, read when somebody asks from what is there anyway."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from aiohttp import web

from simulator import __version__
from simulator.serve.admin.asking import Asking
from simulator.serve.admin.call import Call

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Metric

    from simulator.serve.spaces import Place, Spaces


async def metrics(asking: Asking) -> Any:
    """`GET /__admin/metrics`: all spaces, whichever is named."""
    # Who is not watched pays nothing for it.
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

    registry = CollectorRegistry()
    registry.register(_Collector(asking.spaces))
    body = generate_latest(_process()) + generate_latest(registry)
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})


@cache
def _process() -> CollectorRegistry:
    from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    return registry


class _Collector:
    """Of prometheus-client's kind."""

    def __init__(self, spaces: Spaces) -> None:
        self._spaces = spaces

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily

        by_backend = ["space", "backend"]
        frames = CounterMetricFamily(
            "simulator_frames",
            "Frames that passed, since this was first asked; before that, those that the journal had.",
            labels=[*by_backend, "sender"],
        )
        journal = CounterMetricFamily("simulator_journal_frames", "Frames since start or reset.", labels=["space"])
        connections = GaugeMetricFamily(
            "simulator_connections", "Clients that are connected, those that poll included.", labels=by_backend
        )
        waiting = GaugeMetricFamily("simulator_requests_waiting", "Requests without an answer.", labels=["space"])
        sockets = GaugeMetricFamily("simulator_sockets", "Open WebSockets.", labels=["space"])
        timers = GaugeMetricFamily("simulator_timers", "Timers that wait for their time.", labels=by_backend)
        talks = GaugeMetricFamily("simulator_talks", "Conversations that are kept.", labels=by_backend)
        calls = GaugeMetricFamily("simulator_calls", "Calls to other servers without an answer.", labels=["space"])
        objects = GaugeMetricFamily("simulator_objects", "Uploaded objects that are kept.", labels=["space"])
        stored = GaugeMetricFamily("simulator_object_bytes", "Bytes of these and of uploads.", labels=["space"])
        uploads = GaugeMetricFamily("simulator_uploads", "Uploads that are on their way.", labels=["space"])
        clock = GaugeMetricFamily("simulator_clock_seconds", "The space's time, in Unix seconds.", labels=["space"])
        faults = GaugeMetricFamily("simulator_faults", "Faults that may strike.", labels=["space"])
        strikes = CounterMetricFamily(
            "simulator_fault_strikes", "How often a fault has struck.", labels=["space", "fault", "type"]
        )
        for place in self._spaces:
            name, space, driver = place.name, place.driver.space, place.driver
            journal.add_metric([name], space.journal.total)
            for (backend, sender), number in [*space.journal.tally().items()]:
                frames.add_metric([name, backend, sender], number)
            for running in driver.running:
                connections.add_metric([name, running.name], sum(1 for _ in running.engine.wire.clients()))
                timers.add_metric([name, running.name], running.engine.timers)
                talks.add_metric([name, running.name], len(running.engine.rules.talks()))
            waiting.add_metric([name], driver.asked)
            sockets.add_metric([name], driver.linked)
            calls.add_metric([name], driver.calling)
            objects.add_metric([name], place.shelf.count)
            stored.add_metric([name], place.shelf.total)
            uploads.add_metric([name], place.shelf.coming)
            clock.add_metric([name], driver.clock.now())
            faults.add_metric([name], sum(not fault.spent for fault in space.faults))
            for fault in space.faults:
                strikes.add_metric([name, fault.name, fault.type], fault.struck)
        places: list[Place] = [*self._spaces]
        yield InfoMetricFamily("simulator", "Which simulator this is.", {"version": __version__})
        yield GaugeMetricFamily("simulator_spaces", "Spaces, the default one included.", len(places))
        yield GaugeMetricFamily("simulator_tasks", "Tasks of the event loop.", len(asyncio.all_tasks()))
        crowd = self._spaces.crowd
        if crowd is not None:
            most = GaugeMetricFamily("simulator_connections_most", "TCP connections that there may be.", crowd.most)
            yield GaugeMetricFamily("simulator_tcp_connections", "TCP connections, of all ports.", crowd.count)
            yield most
        yield from (frames, journal, connections, sockets, waiting, calls, timers, talks)
        yield from (objects, stored, uploads, clock, faults, strikes)


CALLS = (
    Call(
        "GET", "metrics", metrics, "Numbers for Prometheus, of all spaces.",
        media="text/plain; version=0.0.4; charset=utf-8",
    ),
)  # fmt: skip
