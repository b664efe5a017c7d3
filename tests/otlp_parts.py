"""A collector of traces on loopback: takes OTLP over HTTP, as a real one does, and decodes its protobuf."""

from __future__ import annotations

import gzip
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

if TYPE_CHECKING:
    from collections.abc import Generator


@dataclass(frozen=True)
class Span:
    """One span that has arrived."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    facts: dict[str, Any]
    is_error: bool
    lasted_s: float


@dataclass
class Collector:
    """What has arrived. `raw`: all bytes, to look for what must not be there."""

    spans: list[Span] = field(default_factory=list[Span])
    raw: bytes = b""
    port: int = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/traces"

    def named(self, name: str) -> Span:
        found = [one for one in self.spans if one.name == name]
        assert found, f"no {name} among {[one.name for one in self.spans]}"
        return found[-1]

    def take(self, body: bytes) -> None:
        self.raw += body
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            names = {one.key: one.value.string_value for one in resource.resource.attributes}
            for scope in resource.scope_spans:
                for one in scope.spans:
                    facts = {fact.key: _plain(fact.value) for fact in one.attributes}
                    lasted_s = (one.end_time_unix_nano - one.start_time_unix_nano) / 1e9
                    self.spans.append(
                        Span(
                            names["service.name"], one.name, one.trace_id.hex(), one.span_id.hex(),
                            one.parent_span_id.hex(), facts, one.status.code == 2, lasted_s,
                        )
                    )  # fmt: skip

    @contextmanager
    def serving(self) -> Generator[Collector]:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                is_packed = self.headers.get("content-encoding") == "gzip"
                collector.take(gzip.decompress(body) if is_packed else body)
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def _plain(value: Any) -> Any:
    return getattr(value, value.WhichOneof("value"))
