"""Tells IPython what a warm parent has imported, without a look at every module in each of its forks.

A kernel that is made lists all modules twice: their files for the debugger, which stays out of them, and
their names for a reset that is aggressive, which keeps them. In a fork that counts a reference to a thousand
modules and their names, which lie in as many pages, and each page becomes the fork's own: 4 MiB for two lists
that are the same in all of them.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator


class _Sys:
    """Stands in for `sys` in one module: with few `modules`, and everything else as it is."""

    def __init__(self, modules: dict[str, Any]) -> None:
        self.__dict__["modules"] = modules

    def __getattr__(self, name: str) -> Any:
        return getattr(sys, name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(sys, name, value)


class _Files:
    """The files of modules, as a list that is put together only when it is gone through."""

    def __init__(self, *lists: list[str]) -> None:
        self._lists = lists

    def __iter__(self) -> Iterator[str]:
        return itertools.chain(*self._lists)

    def __len__(self) -> int:
        return sum(len(one) for one in self._lists)


class _Names:
    """The names of modules, as a set that is only ever taken away from another one."""

    def __init__(self, *sets: frozenset[str]) -> None:
        self._sets = sets

    def __rsub__(self, others: set[str]) -> set[str]:
        return others.difference(*self._sets)

    def __iter__(self) -> Iterator[str]:
        return itertools.chain(*self._sets)

    def __contains__(self, name: object) -> bool:
        return any(name in one for one in self._sets)


class Imported:
    """All modules of this moment; made in a warm parent once it has imported everything."""

    def __init__(self) -> None:
        self._files = [file for module in list(sys.modules.values()) if (file := _file_of(module))]
        self._names = frozenset(sys.modules)
        self._last = next(reversed(sys.modules))

    def _later(self) -> dict[str, Any]:
        """Return the modules that were imported since."""
        names = itertools.takewhile(lambda name: name != self._last, reversed(sys.modules))
        return {name: sys.modules[name] for name in list(names)}

    @contextlib.contextmanager
    def unseen_by(self, name: str) -> Generator[None]:
        """Let a module of IPython's look at later modules only, as long as the context lasts."""
        module: Any = importlib.import_module(name)
        if getattr(module, "sys", None) is not sys:
            yield  # it has become another one, and works as it does
            return
        module.sys = _Sys(self._later())
        try:
            yield
        finally:
            module.sys = sys

    def tell_kernel(self, kernel: Any) -> None:
        """Complete the files in which a debugger does not stop; for a kernel that was made unseen."""
        kernel._kernel_modules = _Files(self._files, list(kernel._kernel_modules))  # noqa: SLF001
        if getattr(kernel, "debugger", None) is not None:
            kernel.debugger.kernel_modules = kernel._kernel_modules  # noqa: SLF001

    def tell_shell(self, shell: Any) -> None:
        """Complete the modules that an aggressive reset keeps, once the shell has counted the later ones."""
        shell._sys_modules_keys = _Names(self._names, frozenset(shell._sys_modules_keys))  # noqa: SLF001


def _file_of(module: Any) -> str:
    return getattr(module, "__file__", None) or ""


# In a warm parent and its forks; None in a kernel that was started plainly.
known: Imported | None = None


def remember() -> None:
    """Keep what there is now, for all forks to come."""
    global known  # noqa: PLW0603  one per process, as `sys.modules` is
    known = Imported()
