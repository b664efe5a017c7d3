"""Which variables a cell can reach by name. When in doubt: all."""

from __future__ import annotations

import ast
import re
import types
from typing import TYPE_CHECKING, Any, cast

from .kinds import is_inert

if TYPE_CHECKING:
    from collections.abc import Iterable

_WORD = re.compile(r"[^\W\d]\w*")
# Names and attributes through which code gets at variables that it does not name.
_LOOKERS = frozenset(
    {"exec", "eval", "globals", "locals", "vars", "get_ipython", "__import__", "compile", "breakpoint", "gc",
     "inspect", "ctypes", "__main__", "modules", "_getframe", "__globals__", "f_globals", "f_locals",
     "__builtins__", "get_objects", "get_referrers", "currentframe", "user_ns", "_current_frames",
     "importlib", "runpy", "code", "pdb", "faulthandler", "tracemalloc", "_ih", "In"}
)  # fmt: skip
_SIMPLE = (bool, int, float, complex, bytes, type(None), range, types.ModuleType, types.BuiltinFunctionType)


class Words:
    """The names in some code, and whether it can look at everything."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    @property
    def is_looking(self) -> bool:
        """Whether variables may be reached that are not named."""
        return not self.names.isdisjoint(_LOOKERS)

    def add_source(self, source: str) -> None:
        """Add the names of a cell; what cannot be parsed does not run either."""
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            self.names.add("eval")
            return
        for node in ast.walk(tree):
            for field in ("id", "attr", "name", "module", "arg"):
                value: Any = getattr(node, field, None)
                if isinstance(value, str):
                    self.names.update(value.split("."))
            if isinstance(node, ast.Constant):
                self.add_constant(node.value)

    def add_code(self, code: types.CodeType) -> None:
        """Add the names of a function and of those within it."""
        self.names.update(code.co_names)
        for constant in code.co_consts:
            self.add_constant(constant)

    def add_constant(self, value: Any) -> None:
        """Add what a text may name: queries and formulas look up variables."""
        if isinstance(value, str):
            self.names.update(_WORD.findall(value))
        elif isinstance(value, types.CodeType):
            self.add_code(value)
        elif isinstance(value, (tuple, frozenset)):
            for one in value:  # pyright: ignore[reportUnknownVariableType]
                self.add_constant(one)


class Reach:
    """Finds the variables that code can reach; `codes` are those of all restored functions."""

    def __init__(self, namespace: dict[str, Any], codes: Iterable[types.CodeType]) -> None:
        self._namespace = namespace
        self._functions = Words()
        for code in codes:
            self._functions.add_code(code)

    def of(self, source: str) -> set[str] | None:
        """Return the names that a cell may reach, or None when it may reach all."""
        words = Words()
        words.add_source(source)
        waiting, found = set(words.names), set[str]()
        while waiting:
            if words.is_looking:
                return None
            name = waiting.pop()
            found.add(name)
            if name in self._namespace:
                more = self._behind(self._namespace[name])
                words.names |= more
                waiting |= more - found
        return None if words.is_looking else found

    def _behind(self, value: Any) -> set[str]:
        """Return the names that a value's own code may use."""
        cls = cast("type[Any]", type(value))
        if issubclass(cls, _SIMPLE):
            return set()
        words = Words()
        if cls is str:
            words.add_constant(value)
            return words.names
        if (
            cls is types.FunctionType
            and not value.__closure__
            and not value.__dict__
            and not value.__defaults__
        ):
            if value.__globals__ is self._namespace:
                words.add_code(value.__code__)
            return words.names
        module = cls.__module__
        if module.partition(".")[0] in ("numpy", "pandas") and is_inert(cls):
            if not _holds_objects(value):
                return set()
        elif isinstance(value, type) and value.__module__ not in ("__main__", "builtins"):
            return set()
        if value is self._namespace:
            return {"globals"}
        return self._functions.names


def _holds_objects(value: Any) -> bool:
    """Whether an array or a frame holds Python objects, which may have code of the user."""
    try:
        dtypes = value.dtypes if hasattr(value, "dtypes") else value.dtype
        return any(str(dtype) == "object" for dtype in (dtypes if hasattr(dtypes, "__iter__") else [dtypes]))
    except Exception:  # noqa: BLE001  when in doubt
        return True
