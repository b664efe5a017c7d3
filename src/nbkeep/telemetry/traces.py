"""Spans of a start, sent to a collector. Off unless an operator names one; nothing is loaded for it then.

Spans have ids of sessions, names of images, and codes of refusals. Invariant: nothing that a user wrote, no
message of an error, no secret. Losing one is no harm: a collector that is away holds up nobody.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nbkeep.model.errors import NbkeepError

if TYPE_CHECKING:
    from collections.abc import Generator

# W3C trace context, level 1: version 00 only.
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
HEADER = "traceparent"
_MOST_KNOWN = 10_000  # starts under way, and a little more
_EXPORT_S = 5
_log = logging.getLogger("nbkeep.traces")


@dataclass
class _Sending:
    tracer: Any
    provider: Any


@dataclass
class _Process:
    """What is one for each process, as its standard error is."""

    sending: _Sending | None = None


_process = _Process()
_known: OrderedDict[str, str] = OrderedDict()
_lock = threading.Lock()


def switch_on(endpoint: str, part: str) -> None:
    """Send spans of this process from now on; does nothing for "". Call it once, when the process starts.

    `part`: office, hub or warden. OpenTelemetry's own variables (OTEL_…) say the rest, such as headers with a
    key, or how many starts are traced.
    """
    if not endpoint:
        return
    # Half a second of imports, which only installations with a collector wait for.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    names = {"service.name": f"nbkeep-{part}", "service.namespace": "nbkeep"}
    provider = TracerProvider(resource=Resource.create(names), shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=endpoint, timeout=_EXPORT_S)
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=1000))
    _process.sending = _Sending(provider.get_tracer("nbkeep"), provider)
    _log.info("Traces of starts are sent to a collector.")


def switch_off(timeout_s: float = 2.0) -> None:
    """Send what is left, for a moment, and stop. Twice is safe, as it is when nothing was switched on."""
    found, _process.sending = _process.sending, None
    if found is not None:
        found.provider.force_flush(int(timeout_s * 1000))
        found.provider.shutdown()


@contextmanager
def span(name: str, parent: str = "", **facts: str | int | bool | None) -> Generator[None]:
    """Measure what is done inside. `parent`: a traceparent from elsewhere; "": whatever span is around.

    `facts`: what is known of it, none of it a user's content. An error's code is kept, its words are not.
    """
    if _process.sending is None:
        yield
        return
    from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415

    known = {f"nbkeep.{key}": value for key, value in facts.items() if value is not None}
    with _process.sending.tracer.start_as_current_span(
        name,
        context=_context(parent),
        attributes=known,
        record_exception=False,
        set_status_on_exception=False,
    ) as here:
        try:
            yield
        except BaseException as error:
            code = error.code if isinstance(error, NbkeepError) else type(error).__name__
            here.set_attribute("nbkeep.error", code)
            here.set_status(Status(StatusCode.ERROR))
            raise


def instant(name: str, parent: str, began_ago_s: float = 0.0, **facts: str | int | bool | None) -> None:
    """Send a span that is over: it began so many seconds ago, and ends now."""
    sending = _process.sending
    if sending is None or not parent:
        return
    known = {f"nbkeep.{key}": value for key, value in facts.items() if value is not None}
    now_ns = time.time_ns()  # of spans, which no decision reads
    began_ns = now_ns - int(max(0.0, began_ago_s) * 1e9)
    made = sending.tracer.start_span(name, context=_context(parent), attributes=known, start_time=began_ns)
    made.end(now_ns)


def current() -> str:
    """Return the traceparent of the span around, or ""."""
    if _process.sending is None:
        return ""
    from opentelemetry.trace import get_current_span  # noqa: PLC0415

    found = get_current_span().get_span_context()
    if not found.is_valid:
        return ""
    return f"00-{found.trace_id:032x}-{found.span_id:016x}-{found.trace_flags:02x}"


def headers() -> dict[str, str]:
    """Return the header that carries the span around to another part; none where there is none."""
    found = current()
    return {HEADER: found} if found else {}


def checked(text: object) -> str:
    """Return a traceparent that is one, else "".

    >>> checked("00-" + "a" * 32 + "-" + "b" * 16 + "-01")[:6], checked("<script>"), checked(None)
    ('00-aaa', '', '')
    """
    return text if isinstance(text, str) and _TRACEPARENT.fullmatch(text) else ""


def remember(session_id: str) -> None:
    """Keep the span around as the beginning of a session's start, in this process alone."""
    if not (here := current()):
        return
    with _lock:
        _known[session_id] = here
        _known.move_to_end(session_id)
        while len(_known) > _MOST_KNOWN:
            _known.popitem(last=False)


def beginning_of(session_id: str) -> str:
    """Return the traceparent that a session's start was remembered with, or ""."""
    with _lock:
        return _known.get(session_id, "")


def forget(session_id: str) -> str:
    """Return the traceparent of a session's start, this once."""
    with _lock:
        return _known.pop(session_id, "")


def _context(parent: str) -> Any:
    if not (found := checked(parent)):
        return None  # the span around, if there is one
    from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415
        TraceContextTextMapPropagator,
    )

    return TraceContextTextMapPropagator().extract({HEADER: found})
