"""Stand-ins for APIs of models, and a gateway for tests that meters calls to them."""

from __future__ import annotations

import copy
import json
import os
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from egress_parts import Authority, NameServer, wait_for
from keyed_parts import Keyed
from nbkeep.egress.authority import BUNDLE_NAME
from nbkeep.egress.model_calls import Call, Provider, Standing
from nbkeep.egress.models import Metering
from nbkeep.model.clock import SystemClock
from nbkeep_runtime.sandbox.processes import base_env
from nbkeep_runtime.sandbox.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OPENAI, ANTHROPIC = "api.openai.test", "api.anthropic.test"
WORDS = ("Once ", "upon ", "a ", 'time "usage": {', "there ", "was.")


def sse(*events: object, named: bool = False) -> bytes:
    """Return events as a server sends them; texts stand for themselves."""
    out = b""
    for one in events:
        name = f"event: {one['type']}\n" if named and isinstance(one, dict) else ""
        out += f"{name}data: {one if isinstance(one, str) else json.dumps(one)}\n\n".encode()
    return out


def chat_chunks(model: str, usage: dict[str, Any] | None) -> list[object]:
    def chunk(delta: dict[str, Any]) -> dict[str, Any]:
        told: dict[str, Any] = {"usage": None} if usage is not None else {}
        choices = [{"index": 0, "delta": delta, "finish_reason": None}]
        return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": choices,
                **told}  # fmt: skip

    last: list[object] = [chunk({}) | {"choices": [], "usage": usage}] if usage is not None else []
    return [chunk({"role": "assistant", "content": ""}), *(chunk({"content": one}) for one in WORDS), *last,
            "[DONE]"]  # fmt: skip


def chat_usage(tokens_in: int = 19, tokens_out: int = 10, cached: int = 8) -> dict[str, Any]:
    return {"prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": tokens_in + tokens_out,
            "prompt_tokens_details": {"cached_tokens": cached}}  # fmt: skip


def response(model: str) -> dict[str, Any]:
    content: list[Any] = [{"type": "output_text", "text": "".join(WORDS), "annotations": []}]
    return {
        "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": model,
        "output": [{"type": "message", "id": "m1", "status": "completed", "role": "assistant", "content": content}],
        "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
        "usage": {"input_tokens": 30, "input_tokens_details": {"cached_tokens": 5}, "output_tokens": 12,
                  "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 42},
    }  # fmt: skip


def response_events(model: str) -> list[object]:
    begun: dict[str, Any] = response(model) | {"status": "in_progress", "output": [], "usage": None}
    deltas: list[object] = [
        {"type": "response.output_text.delta", "sequence_number": at + 1, "item_id": "m1", "output_index": 0,
         "content_index": 0, "delta": one, "logprobs": []}
        for at, one in enumerate(WORDS)
    ]  # fmt: skip
    return [{"type": "response.created", "sequence_number": 0, "response": begun}, *deltas,
            {"type": "response.completed", "sequence_number": 9, "response": response(model)}]  # fmt: skip


def message(model: str) -> dict[str, Any]:
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": model, "stop_reason": "end_turn",
        "stop_sequence": None, "content": [{"type": "text", "text": "".join(WORDS)}],
        "usage": {"input_tokens": 25, "cache_creation_input_tokens": 100, "cache_read_input_tokens": 50,
                  "output_tokens": 15},
    }  # fmt: skip


def message_events(model: str) -> list[object]:
    begun = message(model)
    begun |= {"content": [], "stop_reason": None, "usage": begun["usage"] | {"output_tokens": 1}}
    return [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": one}}
          for one in WORDS),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None},
         "usage": {"output_tokens": 15}},
        {"type": "message_stop"},
    ]  # fmt: skip


class _Api(BaseHTTPRequestHandler):
    """Answers as both APIs do; what a test put under `server.says` by a model's name comes instead."""

    protocol_version = "HTTP/1.1"
    server: ModelApi  # pyright: ignore[reportIncompatibleVariableOverride]

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.server.seen.append((self.path, dict(self.headers), {}))
        self._say(
            {"object": "list", "data": [{"id": "gpt-x", "object": "model", "created": 1, "owned_by": "a"}]}
        )

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        asked: dict[str, Any] = json.loads(sent or b"{}")
        self.server.seen.append((self.path, dict(self.headers), asked))
        name, path = str(asked.get("model")), self.path.lower().partition("?")[0]
        if name in self.server.says:
            self.server.says[name](self)
        elif path.endswith("responses"):
            self._give(asked, response(name), sse(*response_events(name), named=True))
        elif path.endswith("embeddings"):
            data = [{"object": "embedding", "index": 0, "embedding": [0.25] * 1000}]
            self._say(
                {
                    "object": "list",
                    "data": data,
                    "model": name,
                    "usage": {"prompt_tokens": 7, "total_tokens": 7},
                }
            )
        elif path.endswith("messages"):
            self._give(asked, message(name), sse(*message_events(name), named=True))
        elif path.endswith("files"):
            self._say({"id": "file_1"})
        else:
            options: dict[str, Any] = asked.get("stream_options") or {}
            with_usage = options.get("include_usage")
            whole = {"id": "c1", "object": "chat.completion", "created": 1, "model": f"{name}-2026-05-01",
                     "choices": [{"index": 0, "finish_reason": "stop",
                                  "message": {"role": "assistant", "content": "".join(WORDS)}}],
                     "usage": chat_usage()}  # fmt: skip
            self._give(asked, whole, sse(*chat_chunks(name, chat_usage() if with_usage else None)))

    def _give(self, asked: dict[str, Any], whole: dict[str, Any], stream: bytes) -> None:
        if asked.get("stream"):
            self.stream(stream)
        else:
            self._say(whole)

    def _say(self, value: object) -> None:
        self.say(json.dumps(value).encode())

    def say(self, data: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(200)
        for name, value in ({"Content-Type": "application/json"} | (headers or {})).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def stream(self, *parts: bytes, ended: bool = True) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for data in parts:
            for at in range(0, len(data), 97):
                piece = data[at : at + 97]
                self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                self.wfile.flush()
        if ended:
            self.wfile.write(b"0\r\n\r\n")


class ModelApi(ThreadingHTTPServer):
    """Both APIs behind TLS, or in clear. `seen`: path, headers and body of each request."""

    daemon_threads = True

    def __init__(self, authority: Authority | None, *names: str, address: str = "127.0.0.1") -> None:
        super().__init__((address, 0), _Api)
        self._context = authority.server_context(*names) if authority is not None else None
        self.seen: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.says: dict[str, Callable[[_Api], None]] = {}
        self.released = threading.Event()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def port(self) -> int:
        return self.server_address[1]

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self._context is None:
            super().finish_request(request, client_address)
            return
        with self._context.wrap_socket(request, server_side=True) as wrapped:
            super().finish_request(wrapped, client_address)

    def shutdown_request(self, request: Any) -> None:
        if request.fileno() >= 0:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


@dataclass
class KeptCalls:
    """Where a test's gateway puts calls. `open_ones`: as they were when they began."""

    open_ones: list[Call] = field(default_factory=list[Call])
    done: list[Call] = field(default_factory=list[Call])

    def opened(self, record: Call) -> None:
        self.open_ones.append(copy.copy(record))

    def ended(self, record: Call) -> None:
        self.done.append(copy.copy(record))


class Metered(Keyed):
    """A gateway that meters two providers on one server. `post` sends one call as programs do."""

    calls_kept: KeptCalls

    def serve(self, api: ModelApi, *more: Provider) -> None:
        self.api = api
        self.reach(f"{OPENAI}:{api.port},80,443 {ANTHROPIC}:{api.port} 127.0.0.1:{api.port}")
        self.providers = [
            Provider("openai", "openai", OPENAI, api.port),
            Provider("anthropic", "anthropic", ANTHROPIC, api.port),
            *more,
        ]
        self.stand()

    def stand(self, *standings: Standing) -> None:
        """Put standings in force, and no others."""
        self.call(self.metering.set, self.providers, standings)

    @property
    def metering(self) -> Metering:
        found = self.treatments[0]
        assert isinstance(found, Metering)
        return found

    @property
    def calls(self) -> list[Call]:
        return self.calls_kept.done

    def ended_calls(self, count: int) -> list[Call]:
        """Wait until so many calls have ended, and return them."""
        wait_for(lambda: len(self.calls) >= count, f"{count} calls: {self.calls}")
        return self.calls

    def post(
        self, path: str, asked: dict[str, Any], *, host: str = OPENAI, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Send one call as programs do; return status, headers, body."""
        return self.ask_tls(
            self.api.port,
            path,
            {"Content-Type": "application/json", "Authorization": "Bearer sk-mine", **(headers or {})},
            host=host,
            method="POST",
            body=json.dumps(asked).encode(),
        )


def make_metered(folder: Path, authority: Authority, api: ModelApi) -> Metered:
    loopback = [["127.0.0.1"]]
    names = NameServer(api_openai_test=loopback, api_anthropic_test=loopback)
    kept = KeptCalls()
    metering = Metering(kept, SystemClock())
    found = Metered(folder, names, roots=authority.file, treatments=(metering,))
    found.calls_kept = kept
    found.serve(api)
    return found


def standing(session_id: str, percent: int, *, is_spent: bool = False) -> Standing:
    return Standing(session_id, percent, is_spent, f"{percent}%; of=50.00 EUR; until=2026-12-01",
                    "the budget for models is spent: a new month begins on 2026-12-01 (UTC)." if is_spent else "",
                    "Ask an admin for more.")  # fmt: skip


class Inside:
    """A relay that runs, and the environment that a session's programs have."""

    def __init__(self, outside: Keyed) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._relay = Relay(("127.0.0.1", port), str(outside.path()))
        self._wanted = True
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        outside.trust()
        bundle = str(outside.path().parent / BUNDLE_NAME)
        proxies = {
            name: value.replace("3128", str(port))
            for name, value in base_env().items()
            if name.lower().endswith("_proxy")
        }
        trusted = dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"), bundle)
        self.env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **trusted, **proxies}

    def _serve(self) -> None:
        self._relay.run(lambda: self._wanted)
        self._relay.close()

    def python(self, code: str) -> str:
        """Run a program as one in a session; return what it prints."""
        done = subprocess.run([sys.executable, "-c", code], env=self.env, capture_output=True, text=True,
                              timeout=120, check=False)  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def end(self) -> None:
        self._wanted = False
        self._thread.join(10)
