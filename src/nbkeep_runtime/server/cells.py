"""Asks a kernel which cells of a notebook ran on other inputs than a fresh run would give them.

Users' code is parsed in the kernel, never here. What a kernel answers is hostile data: bounded and typed.
"""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from nbkeep_runtime.server.kernelspecs import KERNEL
from nbkeep_runtime.server.state import ask

if TYPE_CHECKING:
    from nbkeep_runtime.server.kernels import SessionKernels

CELLS = 10_000
SOURCE_CHARS = 8 << 20  # of all cells of a notebook
_ID_CHARS = 100
_NAME_CHARS = 100
_WAIT_S = 5.0
_STATUSES = frozenset({"fresh", "never-run", "edited", "stale", "out-of-order", "missing"})
_REASONS = frozenset(
    {"", "changed", "edited", "not-run", "stale", "itself", "later", "outside", "gone", "edited-away"}
)

Answer = dict[str, Any]


class NoCells(ValueError):
    """What was sent is no list of cells, or too long; the message says which."""


class CellMarks:
    """What kernels know of their notebooks' cells; at most one question to a kernel at a time."""

    def __init__(self, kernels: SessionKernels) -> None:
        self._kernels = kernels
        self._asked: set[str] = set()

    async def of(self, kernel_id: str, cells: object, *, is_paused: bool = False) -> Answer | None:
        """Return a verdict on each cell, and the `plan`: which to run, in order, to have none that is stale.

        None when there is no such kernel. Raises `NoCells`.

        `is_watched` is False for kernels that remember nothing: those of other languages and of users'
        environments. `is_busy` is True when the kernel did not answer in time: ask again when it is idle.
        While the session is paused (`is_paused`) no kernel is asked: nobody has come back by that.
        """
        document = _document(cells)
        if kernel_id not in self._kernels:
            return None
        kernel: Any = self._kernels.get_kernel(kernel_id)
        spec: Any = kernel.kernel_spec
        if spec is None or KERNEL not in spec.argv:
            return _answer(is_watched=False)
        if is_paused or kernel_id in self._asked:
            return _answer(is_busy=True)
        self._asked.add(kernel_id)
        try:
            reply = await _ask(kernel, document)
        finally:
            self._asked.discard(kernel_id)
        if reply is None:
            return _answer(is_busy=True)
        if ask.failure(reply) or reply.get("is_watched") is not True:
            return _answer(is_watched=False)
        known = {one["id"] for one in document}
        return _answer(verdicts=_verdicts(reply.get("cells"), known), plan=_plan(reply.get("plan"), known))


async def _ask(kernel: Any, document: list[dict[str, str]]) -> dict[str, Any] | None:
    try:
        with ask.Asked(kernel, "cells") as asked:
            asked.send(cells=document)
            async with asyncio.timeout(_WAIT_S):
                return await asked.reply()
    except (TimeoutError, OSError):
        return None
    except ask.BadReply:
        return {}


def _answer(
    *,
    is_watched: bool = True,
    is_busy: bool = False,
    verdicts: list[dict[str, str]] | None = None,
    plan: list[str] | None = None,
) -> Answer:
    return {"is_watched": is_watched, "is_busy": is_busy, "cells": verdicts or [], "plan": plan or []}


def _document(cells: object) -> list[dict[str, str]]:
    """Return what the browser sent, in its order."""
    if not isinstance(cells, list):
        raise NoCells("`cells` must be a list of {id, source}.")
    many = cast("list[Any]", cells)
    if len(many) > CELLS:
        raise NoCells(f"A notebook of more than {CELLS} cells gets no marks.")
    found: list[dict[str, str]] = []
    for one in many:
        told = cast("dict[str, Any]", one) if isinstance(one, dict) else {}
        name, source = told.get("id"), told.get("source")
        if not isinstance(name, str) or not isinstance(source, str) or not 0 < len(name) <= _ID_CHARS:
            raise NoCells("`cells` must be a list of {id, source}.")
        found.append({"id": name, "source": source})
    if sum(len(one["source"]) for one in found) > SOURCE_CHARS:
        raise NoCells(f"A notebook of more than {SOURCE_CHARS} characters of code gets no marks.")
    return found


def _plan(told: object, known: set[str]) -> list[str]:
    """Return which of the notebook's cells are to be run, each once."""
    many = cast("list[Any]", told)[:CELLS] if isinstance(told, list) else []
    return list(dict.fromkeys(one for one in many if isinstance(one, str) and one in known))


def _verdicts(told: object, known: set[str]) -> list[dict[str, str]]:
    """Return what a kernel says of cells that it was asked for; everything else is dropped."""
    many = cast("list[Any]", told)[:CELLS] if isinstance(told, list) else []
    found: dict[str, dict[str, str]] = {}
    for one in many:
        raw = cast("dict[str, Any]", one) if isinstance(one, dict) else {}
        cell, status, why = raw.get("id"), raw.get("status"), raw.get("why")
        if not isinstance(cell, str) or cell not in known:
            continue
        if not isinstance(status, str) or status not in _STATUSES:
            continue
        other = raw.get("cell")
        found[cell] = {
            "id": cell,
            "status": status,
            "why": why if isinstance(why, str) and why in _REASONS else "",
            "name": ask.text(raw.get("name"), _NAME_CHARS),
            "cell": other if isinstance(other, str) and other in known else "",
        }
    return list(found.values())
