"""Records every execution on its way to a kernel, before the kernel sees it, and how it ended.

Requests are seen here because they pass through the trusted half; their end is read from what the kernel
publishes, which is the kernel's word. The sandbox can lie about an outcome, but neither remove a start nor
add one.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol, cast

import orjson

_OUTCOMES = frozenset({"ok", "error", "aborted"})
_CODE_LIMIT = 512 * 1024
_NAME_LIMIT = 1024

# What a client may ask of a kernel that runs no code of its own. Everything else is recorded as an execution,
# so that a kind of message that nobody thought of here (or a kernel adds) cannot run code unseen.
RUNS_NOTHING = frozenset(
    {
        "comm_close",
        "comm_info_request",
        "comm_msg",
        "comm_open",
        "complete_request",
        "connect_request",
        "create_subshell_request",
        "delete_subshell_request",
        "history_request",
        "input_reply",
        "inspect_request",
        "interrupt_request",
        "is_complete_request",
        "kernel_info_request",
        "list_subshell_request",
        "shutdown_request",
        "usage_request",
    }
)
# The same for the debugger's commands (Debug Adapter Protocol, and Jupyter's additions to it).
_DEBUG_RUNS_NOTHING = frozenset(
    {
        "attach",
        "configurationDone",
        "continue",
        "debugInfo",
        "disconnect",
        "dumpCell",
        "initialize",
        "inspectVariables",
        "modules",
        "next",
        "pause",
        "richInspectVariables",
        "scopes",
        "setExceptionBreakpoints",
        "source",
        "stackTrace",
        "stepIn",
        "stepOut",
        "terminate",
        "threads",
        "variables",
    }
)
_BREAKPOINT_CODE = ("condition", "hitCondition", "logMessage")


class Events(Protocol):
    """Where records go (`office.Office`)."""

    @property
    def records_code(self) -> bool:
        """Tell whether the code itself is kept."""
        ...

    def record(self, kind: str, **fields: object) -> str:
        """Keep an event, or raise OSError."""
        ...


@dataclass(frozen=True)
class Answer:
    """A kernel's reply to a request: the outcome that it tells, and when (monotonic)."""

    outcome: str
    at_s: float


@dataclass
class Execution:
    """One request that a kernel was given."""

    execution_id: str
    kernel_id: str
    header: dict[str, Any]
    notebook: str | None
    cell_id: str | None
    started_s: float
    silent: bool
    has_begun: bool = False
    has_failed: bool = False
    answer: Answer | None = None

    @property
    def is_debugger_s(self) -> bool:
        """Tell whether the debugger asked, whose reply tells the end."""
        return self.header.get("msg_type") == "debug_request"

    @property
    def msg_id(self) -> str:
        """Return the request's id, which the kernel's messages name as their parent."""
        return str(self.header.get("msg_id"))

    @property
    def client(self) -> str:
        """Return the client that asked."""
        return str(self.header.get("session"))


@dataclass
class Recorder:
    """Executions of all kernels of the session. `finished` is told of each end."""

    events: Events
    path_of: Callable[[str], str | None]
    finished: list[Callable[[Execution], None]] = field(default_factory=list[Callable[[Execution], None]])
    _running: dict[tuple[str, str], list[Execution]] = field(
        default_factory=dict[tuple[str, str], list[Execution]]
    )

    def start(
        self, kernel_id: str, header: dict[str, Any], metadata: dict[str, Any], content: dict[str, Any]
    ) -> Execution:
        """Record a request; raises OSError when it cannot be kept, and then it must not go on."""
        code = _code(header, content)
        execution = Execution(
            execution_id=f"exe_{secrets.token_hex(12)}",
            kernel_id=kernel_id,
            header=header,
            notebook=_text(metadata.get("notebook")) or self.path_of(kernel_id),
            cell_id=_text(metadata.get("cellId") or metadata.get("cell_id")),
            started_s=time.monotonic(),
            silent=content.get("silent") is True,
            has_begun=header.get("msg_type") != "execute_request",  # only that kind tells when it begins
        )
        kept = {"code": code[:_CODE_LIMIT]} if self.events.records_code else {}
        self.events.record(
            "execution.started",
            execution_id=execution.execution_id,
            kernel_id=kernel_id,
            notebook=execution.notebook,
            cell_id=execution.cell_id,
            started_at=datetime.now(UTC).isoformat(),
            code_sha256=hashlib.sha256(code.encode(errors="surrogatepass")).hexdigest(),
            silent=execution.silent,
            **kept,
        )
        self._running.setdefault((kernel_id, execution.msg_id), []).append(execution)
        return execution

    def running(self, kernel_id: str) -> list[Execution]:
        """Return what a kernel was given and has not finished."""
        return [one for (kernel, _), many in self._running.items() if kernel == kernel_id for one in many]

    def find(self, kernel_id: str, msg_id: str) -> Execution | None:
        """Return the execution that a message of the kernel belongs to."""
        found = self._running.get((kernel_id, msg_id))
        return found[0] if found else None

    def published(self, kernel_id: str, msg_id: str, kind: str, state: str | None) -> None:
        """Follow a message that the kernel published about a request."""
        execution = self.find(kernel_id, msg_id)
        if execution is None:
            return
        if kind == "execute_input":
            execution.has_begun = True
        elif kind == "error":
            execution.has_failed = True
        elif kind == "status" and state == "idle" and not execution.is_debugger_s:
            begun = execution.has_begun or execution.silent
            self._end(execution, "error" if execution.has_failed else "ok" if begun else "aborted")

    def replied(self, kernel_id: str, msg_id: str, status: str) -> None:
        """Follow a reply. It ends what publishes nothing (the debugger's) at once.

        Other executions may still have output on its way: they end when the kernel says that it is idle, or
        by `end_answered` if that word was lost.
        """
        execution = self.find(kernel_id, msg_id)
        if execution is None:
            return
        execution.answer = Answer(status if status in _OUTCOMES else "error", time.monotonic())
        if execution.is_debugger_s:
            self._end(execution, execution.answer.outcome)

    def end_answered(self, before_s: float) -> list[Execution]:
        """End and return executions answered before a moment (monotonic), by what the reply said."""
        lost = [
            one
            for many in self._running.values()
            for one in many
            if one.answer is not None and one.answer.at_s < before_s
        ]
        for execution in lost:
            self._end(execution, execution.answer.outcome if execution.answer else "error")
        return lost

    def died(self, kernel_id: str) -> list[Execution]:
        """End all executions of a kernel that is gone, and return them."""
        gone = self.running(kernel_id)
        for execution in gone:
            self._end(execution, "died")
        return gone

    def _end(self, execution: Execution, outcome: str) -> None:
        key, answer = (execution.kernel_id, execution.msg_id), execution.answer
        self._running[key].remove(execution)
        if not self._running[key]:
            del self._running[key]
        self.events.record(
            "execution.finished",
            execution_id=execution.execution_id,
            duration_s=round((answer.at_s if answer else time.monotonic()) - execution.started_s, 6),
            outcome=outcome,
        )
        for listener in self.finished:
            listener(execution)


def runs_code(header: dict[str, Any], content: dict[str, Any]) -> bool:
    """Tell whether a request makes a kernel run code that the request brings along."""
    kind = header.get("msg_type")
    if kind != "debug_request":
        return kind not in RUNS_NOTHING
    command = content.get("command")
    if command == "setBreakpoints":
        return any(part.get(name) for part in _breakpoints(content) for name in _BREAKPOINT_CODE)
    return command not in _DEBUG_RUNS_NOTHING


def _breakpoints(content: dict[str, Any]) -> list[dict[str, Any]]:
    arguments: Any = content.get("arguments")
    found: Any = cast("dict[str, Any]", arguments).get("breakpoints") if isinstance(arguments, dict) else None
    many = cast("list[Any]", found) if isinstance(found, list) else []
    return [cast("dict[str, Any]", one) for one in many if isinstance(one, dict)]


def _code(header: dict[str, Any], content: dict[str, Any]) -> str:
    """Return all that the kernel will run: code and expressions, or for other requests what they hold."""
    if header.get("msg_type") != "execute_request":
        arguments: Any = content.get("arguments")
        expression: Any = (
            cast("dict[str, Any]", arguments).get("expression") if isinstance(arguments, dict) else None
        )
        is_plain = content.get("command") == "evaluate" and isinstance(expression, str)
        return expression if is_plain else orjson.dumps(content).decode()
    code: Any = content.get("code")
    code = code if isinstance(code, str) else ""
    expressions: Any = content.get("user_expressions")
    return code + "\n" + orjson.dumps(expressions).decode() if expressions else code


def _text(value: Any) -> str | None:
    return value[:_NAME_LIMIT] if isinstance(value, str) and value else None
