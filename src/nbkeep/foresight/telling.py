"""What tells of Python shares: where a piece of it stands, how it is written, what it was made of."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from . import places
from .carried import VARIABLE, WHOLE
from .methods import Known, Ref
from .sending import USUAL_PLACES, weight_of_giving
from .values import DANGEROUS, NOTABLE, ORDINARY, Spot, heavier

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .collect import Collector
    from .constants import Constants
    from .known import Meaning

DECODED = (
    "decoded()", "requests.", "urllib.", "httpx.", "aiohttp.", "socket.", "base64.", "zlib.", "marshal.",
    "http.client.",
)  # fmt: skip
FETCHED = ("requests.", "urllib.", "httpx.", "aiohttp.", "http.client.", "urllib3.")
PARTS = ("open().read", "open()")
TRICK = "by a way round its name "
LONGEST_TEXT = 24


class Reader(Protocol):
    """Reads what stands within Python, and is no Python of this cell."""

    def python(self, text: str, spot: Spot) -> None:
        """Read a text as Python."""
        ...

    def cell(self, text: str, spot: Spot) -> None:
        """Read a text as a cell of IPython."""
        ...

    def shell(self, text: str, spot: Spot) -> None:
        """Read a text as lines for a shell."""
        ...

    def magic(self, name: str, arguments: str, body: str | None, spot: Spot) -> None:
        """Read a command of IPython."""
        ...

    def payload(self, data: bytes, spot: Spot, how: str) -> None:
        """Read bytes that were hidden by `how`."""
        ...

    def markup(self, text: str, spot: Spot) -> None:
        """Read HTML that is shown."""
        ...

    def script(self, text: str, spot: Spot) -> None:
        """Read JavaScript that is run in the browser."""
        ...

    def bundle(self, mime: str, text: str, spot: Spot) -> None:
        """Read a text that is shown as what it says it is; `mime` is "" where that is not known."""
        ...

    def source(self, text: str, spot: Spot, language: str) -> None:
        """Read a text as code of a language."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """One call and what it means. `first`: what it is given; `trick`: words for a way round its name."""

    node: ast.Call
    means: Meaning
    callee: Ref
    first: ast.expr | None
    weight: str
    trick: str


class Teller:
    """Tells of one tree. `source`: its lines, for snippets; `spot`: where its first line stands."""

    def __init__(
        self, constants: Constants, found: Collector, reader: Reader, source: str, spot: Spot
    ) -> None:
        self.constants, self.found, self.reader, self.spot = constants, found, reader, spot
        self.lines = source.split("\n")

    def add(self, kind: str, weight: str, node: ast.AST, what: str, how: tuple[str, ...] = ()) -> None:
        """Note something; `how`: by what it was hidden, which makes it heavier."""
        if how:
            what = f"{what} (written as {' of '.join(dict.fromkeys(reversed(how)))})"
            weight = DANGEROUS if weight == NOTABLE else weight
        self.found.add(kind, weight, self.at(node), what, self.code(node))

    def tell(self, call: Call, weight: str, what: str, how: tuple[str, ...] = ()) -> None:
        """Note what a call does, by the name by which it is called."""
        told = f"{call.trick}{call.means.words}{what} ({shown_name(call.callee)})"
        self.add(call.means.kind, weight, call.node, told, how)

    def at(self, node: ast.AST) -> Spot:
        """Return where a piece of the tree stands."""
        return (
            replace(self.spot, line=self.spot.line + getattr(node, "lineno", 1) - 1)
            if not self.spot.within
            else self.spot
        )

    def code(self, node: ast.AST) -> str:
        """Return how it is written."""
        number = getattr(node, "lineno", 1) - 1
        line = self.lines[number] if 0 <= number < len(self.lines) else ""
        begin = getattr(node, "col_offset", 0)
        return line.strip() if len(line) <= 200 else line[max(0, begin - 20) : begin + 200]

    def hidden_spot(self, node: ast.AST, one: Known) -> Spot:
        """Return where a text stands that is hidden in a piece of the tree."""
        spot = self.at(node)
        return replace(spot, within=(*spot.within, *one.how)[:12]) if one.how else spot

    def unknown_weight(self, node: ast.AST | None, weight: str) -> str:
        """Return how heavy it is to run what is not known: what was decoded or fetched is dangerous."""
        return heavier(weight, DANGEROUS) if self.is_made_of(node, DECODED) else weight

    def is_made_of(self, node: ast.AST | None, names: Iterable[str]) -> bool:
        """Tell whether a piece comes out of one of these names, or is computed bit by bit."""
        if node is None:
            return False
        for one in ast.walk(node):
            if isinstance(one, ast.BitXor):
                return True
            if isinstance(one, (ast.Name, ast.Attribute, ast.Call)):
                for value in self.constants.of(one):
                    if isinstance(value, Ref) and value.name.startswith(tuple(names)):
                        return True
        return False

    def path(self, node: ast.AST, one: Known, verb: str, *, writes: bool, least: str = ORDINARY) -> None:
        """Note what is done to a path or an address."""
        path = one.value if isinstance(one.value, str) else "…"
        kind, weight, word = places.weight_of_path(path[:4096], writes=writes)
        if kind == "network" and verb == "reads":
            self.add(
                "network",
                weight,
                node,
                f"fetches {places.host_of(path)}{f', {word}' if word else ''}: {path}",
                one.how,
            )
            return
        told = f"{verb} {path}{f', {word}' if word else ''}"
        self.add(kind, heavier(weight, least), node, told, one.how)

    def sets_variable(self, node: ast.AST, name: str, value: ast.AST | None) -> None:
        """Note that a variable of the environment is set, where that steers something."""
        said = [as_text(one.value) for one in self.constants.texts(value)]
        if not self.found.sets(
            name, ":".join(said), self.at(node), self.code(node)
        ) and places.is_secret_name(name):
            self.add("credentials", ORDINARY, node, f"sets {name} for what it starts")

    def secrets_given(self, call: Call) -> None:
        """Note that a call is given the environment, or what holds a key or a password."""
        is_sent = call.means.way in {"address", "send", "read"} or call.means.words.startswith("sends")
        is_base = call.means.way == "database"
        hosts = self._hosts(call)
        if call.means.way == "read" and not hosts:
            return  # of a file
        for name, given in (
            *((None, one) for one in call.node.args),
            *((x.arg, x.value) for x in call.node.keywords),
        ):
            if name == "env":
                continue
            marks = self.constants.carried.within(given)
            if not is_sent and call.means.kind != "shell":
                # A database and a service are given their own passwords.
                marks = {one for one in marks if one.kind != VARIABLE}
            found = weight_of_giving(marks, hosts if is_sent else None, is_usual=name in USUAL_PLACES)
            if found is not None:
                weight = NOTABLE if is_base and {one.kind for one in marks} == {WHOLE} else found[0]
                to = (
                    f"{', '.join(hosts[:2])} ({shown_name(call.callee)})"
                    if hosts
                    else shown_name(call.callee)
                )
                self.add("credentials", weight, call.node, f"gives {found[1]} to {to}")

    def _hosts(self, call: Call) -> list[str]:
        """Return the hosts that a call reaches, as far as they are known; without the beginnings of sums."""
        texts = [
            as_text(one.value)
            for node in (call.first, *call.node.args[:2])
            for one in self.constants.texts(node)
        ]
        found = (places.host_of(one) for text in texts for one in places.addresses_in(text))
        return list(dict.fromkeys(found))


def as_text(value: str | bytes) -> str:
    """Return a text, or bytes as the text that they most likely are."""
    return value if isinstance(value, str) else value.decode("utf-8", "replace")


def shown_name(callee: Ref) -> str:
    """Return the name of a function as people write it."""
    return callee.name.replace("get_ipython()", "get_ipython").lstrip("….")[:120]
