"""What a document would do, for people on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .values import DANGEROUS, KINDS, NOTABLE, ORDINARY, WEIGHTS, Foreseen, Spot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HEADINGS = {
    DANGEROUS: "Dangerous: honest notebooks hardly ever do this",
    NOTABLE: "Notable: worth a look",
    ORDINARY: "Ordinary: what notebooks do",
}
_COLOURS = {DANGEROUS: "31;1", NOTABLE: "33", ORDINARY: "2"}
_MOST_SHOWN = 60


def where(spot: Spot) -> str:
    """Return a place in words.

    >>> where(Spot(3, 2)), where(Spot(3, 0, "output 1 text/html")), where(Spot(0, 7))
    ('cell 3, line 2', 'cell 3, output 1 text/html', 'line 7')
    >>> where(Spot(2, 1, within=("base64", "zlib")))
    'cell 2, line 1 (in base64, zlib)'
    """
    words = [f"cell {spot.cell}"] if spot.cell else []
    if spot.part != "source":
        words.append(spot.part)
    if spot.line:
        words.append(f"line {spot.line}")
    inner = f" (in {', '.join(spot.within)})" if spot.within else ""
    return (", ".join(words) or "the document") + inner


def summary(found: Foreseen) -> str:
    """Return one sentence about all of it."""
    if found.problem:
        return f"Nothing is known. {found.problem}"
    counts = [f"{found.count(weight):,} {weight}" for weight in WEIGHTS if found.count(weight)]
    unread = sum(not one.partly for one in found.not_read)
    tail = f" Not all of it could be read ({unread:,})." if unread else ""
    if not counts:
        return f"Does nothing beyond its own variables, as far as can be read.{tail}"
    return f"If it were run: {', '.join(counts)}.{tail}"


def as_text(found: Foreseen, name: str, clean: Callable[[object], str], *, colours: bool) -> Iterator[str]:
    """Yield the lines of a report, the heaviest first. `clean`: takes out what would steer a terminal."""

    def colour(code: str, text: str) -> str:
        return f"\033[{code}m{text}\033[0m" if colours else text

    yield colour("1", clean(name))
    for weight in WEIGHTS:
        acts = [one for one in found.acts if one.weight == weight]
        if not acts:
            continue
        yield ""
        yield colour(_COLOURS[weight], HEADINGS[weight])
        for one in acts[:_MOST_SHOWN]:
            yield clean(f"  {where(one.spot):<22}  {KINDS[one.kind]}: {one.what}")
        if len(acts) > _MOST_SHOWN:
            yield f"  … and {len(acts) - _MOST_SHOWN:,} more (--json has all)"
    if found.not_read:
        yield ""
        yield colour("1", "Not read as what it is")
        for missed in found.not_read[:_MOST_SHOWN]:
            yield clean(f"  {where(missed.spot)}: {missed.reason}")
    yield ""
    yield summary(found)
