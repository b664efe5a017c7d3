"""What names come to: those that a document gives, those that all have, and what is reached through them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from . import methods
from .methods import Known, Ref, Value

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_VALUES = 6
UNKNOWN = Ref("?")
_USUAL = {
    "pd": "pandas", "np": "numpy", "plt": "matplotlib.pyplot", "tf": "tensorflow", "sp": "subprocess",
    "sns": "seaborn",
}  # fmt: skip
_SPACES = ("globals()", "locals()", "vars()")
_BUILTINS = frozenset({"builtins", "__builtins__", "__builtin__"})
_OF_MODULES = frozenset({*_SPACES, "sys.modules", "sys.__dict__.modules"})


@dataclass
class Names:
    """What names of a document have been given, by all of its cells. `stars`: modules of `import *`."""

    values: dict[str, list[Value]] = field(default_factory=dict[str, "list[Value]"])
    stars: list[str] = field(default_factory=list[str])

    def give(self, name: str, values: list[Value]) -> None:
        """Note that a name has been given one of these values; none of them: one that is not known."""
        there = self.values.setdefault(name, [])
        for one in values or [UNKNOWN]:
            if one not in there and len(there) < MOST_VALUES + 2:
                there.append(one)

    def named(self, name: str) -> Iterator[Value]:
        """Yield what a name may stand for."""
        if name in self.values:
            yield from self.values[name]
        else:
            yield methods.canonical(Ref(_USUAL.get(name, name)))
            for module in self.stars:
                yield methods.canonical(Ref(f"{module}.{name}"))

    def looked_up(self, of: Value, key: Value) -> Iterator[Value]:
        """Yield what stands in something under a key, also in the tables in which Python keeps functions."""
        if isinstance(of, Known):
            yield from methods.item(of, key)
        elif isinstance(of, Ref):
            yield from self._in_table(
                of, key.value if isinstance(key, Known) and isinstance(key.value, str) else "?"
            )

    def _in_table(self, of: Ref, name: str) -> Iterator[Value]:
        if of.name in _SPACES and name in self.values:
            yield from self.values[name]
        elif of.name in _OF_MODULES or of.name.endswith(("__globals__", "f_globals", "f_builtins")):
            yield methods.canonical(Ref(name, is_trick=True))
        elif of.name in _BUILTINS or of.name.endswith(("__builtins__", "builtins.__dict__")):
            yield Ref(name, is_trick=True)
        elif of.name.endswith(".__dict__"):
            yield from attribute(Ref(of.name.removesuffix(".__dict__")), name, by_trick=True)
        elif of.name == "os.environ":
            yield Known("~") if name == "HOME" else Ref(f"os.environ[{name}]")
        else:
            yield Ref(f"{of.name}[]"[:400], is_trick=of.is_trick)


def attribute(of: Value, name: str, *, by_trick: bool = False) -> Iterator[Value]:
    """Yield what an attribute of something comes to. `by_trick`: it is not written as one."""
    if isinstance(of, Known) and isinstance(of.value, str):
        yield from _of_path(of, name)
    elif isinstance(of, Ref):
        if of.name in _BUILTINS:
            yield Ref("builtins.__dict__" if name == "__dict__" else name, is_trick=True)
        elif name == "__call__":
            yield of
        elif of == UNKNOWN:
            yield Ref(f"?.{name}")
        else:
            yield methods.canonical(Ref(f"{of.name}.{name}"[:400], is_trick=of.is_trick or by_trick))


def _of_path(of: Known, name: str) -> Iterator[Value]:
    if name in {"parent", "parents"}:
        yield Known(of.value.rpartition("/")[0] or ".", of.how)
    elif name == "name":
        yield Known(of.value.rpartition("/")[2], of.how)


def is_table(name: str) -> bool:
    """Tell whether something is a table in which Python keeps what has a name."""
    return name in {*_SPACES, *_BUILTINS, "sys.modules", "os.environ"} or name.endswith(
        ("__dict__", "__globals__", "__builtins__")
    )
