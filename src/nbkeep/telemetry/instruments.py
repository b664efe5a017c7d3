"""Counters and histograms of this process. Everybody counts here; `doors/metrics/` shows them.

Invariant: the values of every label are of a set that is known beforehand, so that the number of series has
a bound, and nothing of a user is among them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from sqlalchemy import event

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

READY, FAILED = "ready", "failed"

# When each series began nobody asks, and it would double their number.
disable_created_metrics()
REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)

REQUESTS = Counter(
    "nbkeep_http_requests",
    "Requests that the office answered, by route (never by path) and status.",
    ["method", "route", "status"],
    registry=REGISTRY,
)
REQUEST_SECONDS = Histogram(
    "nbkeep_http_request_seconds",
    "Time until the office's answer began.",
    ["method", "route"],
    buckets=(0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 10, 30),
    registry=REGISTRY,
)
STEP_SECONDS = Histogram(
    "nbkeep_worker_step_seconds",
    "Time that a step of the office's loops took.",
    ["step"],
    buckets=(0.005, 0.025, 0.1, 0.5, 1, 5, 30),
    registry=REGISTRY,
)
STEP_FAILURES = Counter(
    "nbkeep_worker_step_failures",
    "Steps of the office's loops that failed; each is tried again in the next round.",
    ["step"],
    registry=REGISTRY,
)
NODE_ANSWERS = Gauge(
    "nbkeep_node_answers",
    "1 while the node answers the office, 0 while it does not.",
    registry=REGISTRY,
)
START_SECONDS = Histogram(
    "nbkeep_start_seconds",
    "Time from asking for a session until it was ready, or had failed. way: warm (forked), plain, or "
    "unknown; kind: new or resumed.",
    ["kind", "way", "outcome"],
    buckets=(0.25, 0.5, 1, 2, 3, 5, 8, 13, 30, 60, 120, 300),
    registry=REGISTRY,
)
DATABASE_SECONDS = Histogram(
    "nbkeep_database_seconds",
    "Time of transactions. phase: wait (for the one writer's turn), write, read.",
    ["phase"],
    buckets=(0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 10),
    registry=REGISTRY,
)
CONNECTIONS = Counter(
    "nbkeep_gateway_connections",
    "Connections and requests of sessions that gateways have reported. outcome: allowed or refused.",
    ["protocol", "outcome"],
    registry=REGISTRY,
)
GATEWAY_BYTES = Counter(
    "nbkeep_gateway_bytes",
    "Bytes of sessions through gateways, as reported. direction: out (of sessions) or in.",
    ["direction"],
    registry=REGISTRY,
)


def database_took(phase: str, seconds: float) -> None:
    """Take the time of a transaction; what a `Store` is given as its `took`."""
    DATABASE_SECONDS.labels(phase).observe(seconds)


def way_of(*, warm: bool | None) -> str:
    """Return how a server came to be, as a label.

    >>> way_of(warm=True), way_of(warm=False), way_of(warm=None)
    ('warm', 'plain', 'unknown')
    """
    return "unknown" if warm is None else "warm" if warm else "plain"


def when_committed(tx: Session, act: Callable[[], object]) -> None:
    """Do something once a transaction is committed, and not at all if it is not."""

    def after_commit(_session: Session) -> None:
        act()

    event.listen(tx, "after_commit", after_commit, once=True)
