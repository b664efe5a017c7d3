"""A document without what was found in it: every value and every copy, and looked at again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nbkeep.scanning.marks import mark_of

from .takeout import CannotBe, known_of, looked, take_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbkeep.scanning.spans import Look, Span


@dataclass(frozen=True, slots=True)
class Redacted:
    """A document without what was found in it. `count`: how many values were taken out, with their copies.

    `data`: None where that cannot be done; `why`: then the reason, a sentence without any value.
    """

    data: bytes | None = field(repr=False)
    why: str = ""
    count: int = 0


def redact(data: bytes, path: str, look: Look, known: Sequence[Span] = ()) -> Redacted:
    """Return a document of the same format without what `look` finds. Raises nothing for any content.

    `known`: values that were found in what the document was made of. Their copies go, too: what told that
    they are secret may have been left out.

    Notebooks, tables, HTML, configurations, code and other texts can be redacted; what comes back is UTF-8.
    Nothing found: the same bytes. What was taken out is looked for again in the result, decoded as before;
    where something is left it is taken out more roughly, at last the whole part of a cell, and where that
    does not help either there is no result. What the author allowed stays, where `look` heeds that. Again
    with the result: the same bytes.

    What is known of a value decides how far its copies are searched (`known.is_telling`): a key, a password
    of some length, the number of a card or a name of two words goes wherever it stands in the document, in
    clear, encoded, escaped or split; a short number, or a word that was found as a name, goes within the
    same part of the same cell only, and as a whole word. An encoded text that holds a value goes whole.
    """
    try:
        first = looked(data, path, look, elsewhere=known_of(known))
        taken = take_out(data, path, look, lambda title, _severity, _value: mark_of(title), first)
    except CannotBe as error:
        return Redacted(None, f"The document cannot be redacted: it {error}.")
    except Exception as error:  # noqa: BLE001  a document that makes its reader fail does not leave
        return Redacted(None, f"The document made the redaction fail ({type(error).__name__}).")
    return Redacted(data if taken.text is None else taken.text.encode(), count=taken.count)
