"""Writes outputs into one cell of a notebook file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from nbkeep_runtime.server import atomic, notebooks
from nbkeep_runtime.server.trust import TrustStore, strip

if TYPE_CHECKING:
    from nbkeep_runtime.server.atomic import Before
    from nbkeep_runtime.server.home import Home


def into_cell(
    home: Home,
    trust: TrustStore,
    path: str,
    cell_id: str,
    outputs: list[dict[str, Any]],
    count: int | None,
    before: Before | None = None,
) -> None:
    """Replace a code cell's outputs; a notebook that was trusted stays so. Does nothing if the cell is gone.

    Blocks. Raises OSError, `NotANotebook`, and what `before` raises (see `atomic.write`).
    """
    with os.fdopen(home.open_file(path), "rb") as file:
        notebook = notebooks.parse(file.read())
    cell = next(
        (c for c in notebooks.cells_of(notebook) if c.get("id") == cell_id and c.get("cell_type") == "code"),
        None,
    )
    if cell is None or (cell.get("outputs") == outputs and cell.get("execution_count") == count):
        return
    trust.mark(notebook)
    was_trusted = all(
        c.get("metadata", {}).get("trusted") is True
        for c in notebooks.cells_of(notebook)
        if c.get("cell_type") == "code"
    )
    cell["outputs"] = outputs
    if count is not None:
        cell["execution_count"] = count
    notebooks.join_texts(notebook)
    if was_trusted:
        trust.sign(notebook)
    else:
        strip(notebook)
    atomic.write(home, path, lambda file: notebooks.write(notebook, file.write), before)
