"""The contract of this room: what is to be made of a document, and what was made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from nbkeep.scanning.values import Finding, NotRead


@dataclass(frozen=True, slots=True)
class Keep:
    """What of a notebook goes into what is made of it; all else is left out, and told in `Made.left_out`."""

    code: bool = True
    outputs: bool = True
    markdown: bool = True
    raw_cells: bool = False
    hidden_cells: bool = False
    """Cells that JupyterLab shows folded, or that tags take out of exports."""
    attachments: bool = True
    tags: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """What to make. `path`: the document's name in its home; `form`: one of `model.gates.FORMATS`.

    `rules`: the organisation's own, as `detection.records.own_rules` has them; "" for none. `values_of`: ids
    of rules whose values are told in `Made.values`; for who asks their providers, and nobody else.
    """

    path: str
    form: str
    keep: Keep = field(default_factory=Keep)
    rules: str = field(default="", repr=False)
    values_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """One file that was made. `sha256` in hex, of exactly its bytes."""

    file: Path
    media_type: str
    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Value:
    """A value that was found, in clear; written nowhere. `masked`: as the findings of it have it.

    `value` is "" for one or more that are too long, or too many, to be told.
    """

    rule: str
    masked: str
    value: str = field(repr=False)


@dataclass(slots=True)
class Made:
    """What came of an order.

    `findings`, `not_read`: of the file's name, of the source as a whole, of what leaves, and of the finished
    file; each once. Where something is found in the name, pages are called "document".
    `plain`: what leaves, in clear. `redacted`: the same without what was found, scanned again and found
    clean; None where that cannot be, with the sentence in `not_redacted`. `preview`: a page without scripts
    for a reviewer, findings highlighted. `left_out`: sentences, e.g. "2 raw cells". `problem`: why nothing
    was made, a sentence; then there is no `plain`, and it counts as unread.
    """

    findings: list[Finding] = field(default_factory=list["Finding"])
    not_read: list[NotRead] = field(default_factory=list["NotRead"])
    plain: Page | None = None
    redacted: Page | None = None
    not_redacted: str = ""
    preview: Page | None = None
    left_out: list[str] = field(default_factory=list[str])
    problem: str = ""
    values: list[Value] = field(default_factory=list["Value"], repr=False)
