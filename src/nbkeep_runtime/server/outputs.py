"""Keeps what cells print while nobody looks, and puts it into their notebook.

JupyterLab writes outputs to the file itself, so a closed tab would lose them. For every execution that names
its notebook and cell, what the kernel publishes is kept until the execution ends under its client's eyes.
Otherwise it is written into the cell: when the notebook is opened again, or some seconds after the end.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import orjson

if TYPE_CHECKING:
    from nbkeep_runtime.server.clients import Clients
    from nbkeep_runtime.server.recorder import Execution

log = logging.getLogger("nbkeep.outputs")

_KINDS = {
    "stream",
    "display_data",
    "execute_result",
    "error",
    "clear_output",
    "update_display_data",
    "execute_input",
}
_LIMIT_BYTES = 16 << 20
_ALL_LIMIT_BYTES = 64 << 20
GRACE_S = 15.0  # a client that reconnects within this writes the outputs itself
_CUT = "\n[Output beyond 16 MiB was not kept while nobody was connected.]\n"


@dataclass
class _Kept:
    execution: Execution
    messages: list[tuple[str, bytes]] = field(default_factory=list[tuple[str, bytes]])
    size: int = 0
    is_cut: bool = False
    has_ended: bool = False

    @property
    def place(self) -> tuple[str, str]:
        return str(self.execution.notebook), str(self.execution.cell_id)


# Puts outputs and the execution count into one cell of a notebook file (`HomeContents.merge_outputs`).
Merge = Callable[[str, str, list[dict[str, Any]], int | None], Awaitable[None]]


class Outputs:
    """What executions of the session published, by execution."""

    def __init__(self, clients: Clients, merge: Merge) -> None:
        self._clients = clients
        self._merge = merge
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._lock = asyncio.Lock()

    def started(self, execution: Execution) -> None:
        """Begin to keep an execution's outputs, if it says where they belong."""
        if execution.notebook and execution.cell_id and not execution.silent:
            kept = _Kept(execution)
            for key, older in list(self._kept.items()):
                if older.place == kept.place:
                    del self._kept[key]  # run again: the older output is history, also what is still to come
            self._kept[execution.kernel_id, execution.msg_id] = kept

    def published(self, kernel_id: str, msg_id: str, kind: str, content: bytes) -> None:
        """Keep a message of an execution, within limits."""
        kept = self._kept.get((kernel_id, msg_id))
        if kept is None or kind not in _KINDS:
            return
        everything = sum(one.size for one in self._kept.values())
        if kept.size + len(content) > _LIMIT_BYTES or everything + len(content) > _ALL_LIMIT_BYTES:
            kept.is_cut = True
            return
        kept.messages.append((kind, content))
        kept.size += len(content)

    def finished(self, execution: Execution) -> None:
        """Forget the outputs of an execution whose client saw its end."""
        key = (execution.kernel_id, execution.msg_id)
        kept = self._kept.get(key)
        if kept is None:
            return
        kept.has_ended = True
        if self._clients.is_here(execution.client):
            del self._kept[key]

    def explain(self, execution: Execution, sentence: str) -> None:
        """Add why a kernel died to what its cell printed."""
        content = orjson.dumps({"name": "stderr", "text": f"{sentence}\n"})
        self.published(execution.kernel_id, execution.msg_id, "stream", content)

    def pending(self) -> list[dict[str, Any]]:
        """Return cells whose output is kept here because their client is gone."""
        return [
            {"path": kept.place[0], "cell_id": kept.place[1], "running": not kept.has_ended}
            for kept in self._kept.values()
            if not self._clients.is_here(kept.execution.client)
        ]

    async def before_open(self, path: str) -> None:
        """Write what is kept for a notebook into its file, because it is about to be read."""
        await self._flush(lambda kept: kept.place[0] == path)

    async def sweep(self) -> None:
        """Write what ended and whose client does not come back; call every few seconds."""
        await self._flush(
            lambda kept: kept.has_ended and self._clients.absent_s(kept.execution.client) >= GRACE_S
        )

    async def flush(self) -> None:
        """Write all that is kept for absent clients; the server is about to stop."""
        await self._flush(lambda _kept: True)

    async def _flush(self, chosen: Callable[[_Kept], bool]) -> None:
        async with self._lock:
            for key, kept in list(self._kept.items()):
                if not chosen(kept) or self._clients.is_here(kept.execution.client):
                    continue
                ended = kept.has_ended
                try:
                    await self._merge(*kept.place, *assembled(kept.messages, is_cut=kept.is_cut))
                except Exception as error:  # noqa: BLE001  # the notebook is gone, changed or unreadable
                    log.warning("Output of %s was not put into it: %s", kept.place[0], error)
                if ended:
                    self._kept.pop(key, None)


def assembled(messages: list[tuple[str, bytes]], *, is_cut: bool) -> tuple[list[dict[str, Any]], int | None]:
    """Return a cell's outputs and execution count, as JupyterLab would have built them."""
    cell = _Cell()
    for kind, raw in messages:
        loaded: Any = orjson.loads(raw)
        if isinstance(loaded, dict):
            cell.take(kind, cast("dict[str, Any]", loaded))
    if is_cut:
        cell.add("stream", {"name": "stderr", "text": _CUT})
    for output in cell.outputs:
        if output["output_type"] == "stream":
            output["text"] = "".join(output["text"])
    return cell.outputs, cell.count


class _Cell:
    """A cell's outputs while its messages are read in order."""

    def __init__(self) -> None:
        self.outputs: list[dict[str, Any]] = []
        self.count: int | None = None
        self._displays: list[str | None] = []
        self._clear_next = False

    def take(self, kind: str, content: dict[str, Any]) -> None:
        if kind == "execute_input":
            number: Any = content.get("execution_count")
            self.count = number if isinstance(number, int) else self.count
        elif kind == "clear_output":
            self._clear_next = content.get("wait") is True
            if not self._clear_next:
                self._clear()
        elif kind == "update_display_data":
            for index, name in enumerate(self._displays):
                if name is not None and name == _display(content):
                    self.outputs[index].update(_bundle(content))
        else:
            if self._clear_next:
                self._clear()
            self.add(kind, content)

    def _clear(self) -> None:
        self.outputs, self._displays, self._clear_next = [], [], False

    def add(self, kind: str, content: dict[str, Any]) -> None:
        if kind == "stream":
            name, text = str(content.get("name")), str(content.get("text", ""))
            last = self.outputs[-1] if self.outputs else {}
            if last.get("output_type") == "stream" and last["name"] == name:
                last["text"].append(text)
                return
            output: dict[str, Any] = {"output_type": "stream", "name": name, "text": [text]}
        elif kind == "error":
            output = {
                "output_type": "error",
                "ename": str(content.get("ename", "")),
                "evalue": str(content.get("evalue", "")),
                "traceback": content.get("traceback", []),
            }
        else:
            output = {"output_type": kind, **_bundle(content)}
            if kind == "execute_result":
                output["execution_count"] = content.get("execution_count")
        self.outputs.append(output)
        self._displays.append(_display(content))


def _bundle(content: dict[str, Any]) -> dict[str, Any]:
    return {"data": content.get("data", {}), "metadata": content.get("metadata", {})}


def _display(content: dict[str, Any]) -> str | None:
    transient: Any = content.get("transient")
    name: Any = cast("dict[str, Any]", transient).get("display_id") if isinstance(transient, dict) else None
    return name if isinstance(name, str) else None
