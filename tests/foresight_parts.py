"""Notebooks for tests of what they would do, and what is said of them in short."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from nbkeep.foresight.look import foresee

if TYPE_CHECKING:
    from nbkeep.foresight.values import Act, Foreseen


def code(source: str, *outputs: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    """Return a cell of code."""
    return {
        "cell_type": "code",
        "metadata": metadata,
        "source": source,
        "outputs": list(outputs),
        "execution_count": None,
    }


def text(source: str, kind: str = "markdown") -> dict[str, Any]:
    """Return a cell that is not run."""
    return {"cell_type": kind, "metadata": {}, "source": source}


def shown(**bundle: str) -> dict[str, Any]:
    """Return an output; `html` and its like name what it is."""
    mimes = {
        "html": "text/html",
        "svg": "image/svg+xml",
        "script": "application/javascript",
        "markdown": "text/markdown",
    }
    return {
        "output_type": "display_data",
        "metadata": {},
        "data": {mimes[key]: value for key, value in bundle.items()},
    }


def book(*cells: str | dict[str, Any], **metadata: Any) -> bytes:
    """Return a notebook; texts are cells of code."""
    made = [code(one) if isinstance(one, str) else one for one in cells]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": made}).encode()


def of(*cells: str | dict[str, Any], **metadata: Any) -> Foreseen:
    """Return what a notebook of these cells would do."""
    return foresee(book(*cells, **metadata), "plan.ipynb")


def of_weight(found: Foreseen, *weights: str) -> list[Act]:
    """Return the acts of some weights."""
    return [one for one in found.acts if one.weight in weights]


def dangerous(found: Foreseen) -> list[tuple[str, int, int]]:
    """Return kind, cell and line of all that is dangerous."""
    return [(one.kind, one.spot.cell, one.spot.line) for one in of_weight(found, "dangerous")]
