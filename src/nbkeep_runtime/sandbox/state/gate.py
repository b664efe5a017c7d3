"""Lets a cell run before all memory is filled, once the memory is that it can reach."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from .memory import NotFilled
from .reach import Reach

if TYPE_CHECKING:
    import types
    from collections.abc import Iterable

    from .memory import Memory

Ranges = list[tuple[int, int]]


class Gate:
    """Stands before every cell, completion and look at variables until all memory is filled."""

    def __init__(
        self, shell: Any, memory: Memory, needs: dict[str, Ranges], codes: Iterable[types.CodeType]
    ) -> None:
        self._shell = shell
        self._memory = memory
        self._needs = needs
        self._reach = Reach(shell.user_ns, codes)

    @property
    def is_open(self) -> bool:
        """Whether nothing has to wait any more."""
        return self._memory.is_filled or not self._needs

    def before_cell(self, source: str) -> None:
        """Wait until a cell can run; KeyboardInterrupt ends the wait."""
        names = self._reach.of(self._shell.transform_cell(source))
        self._wait(None if names is None or _takes_outputs(names) else names)

    def before_all(self) -> None:
        """Wait until everything is there."""
        self._wait(None)

    def _wait(self, names: set[str] | None) -> None:
        wanted = [self._needs[name] for name in self._needs if names is None or name in names]
        try:
            self._memory.wait([each for ranges in wanted for each in ranges])
        except NotFilled as error:
            self._give_up(str(error))

    def _give_up(self, reason: str) -> None:
        """Take away the variables whose memory will never come, and say which."""
        gone = [name for name, ranges in self._needs.items() if self._memory.lacks(ranges)]
        for name in gone:
            if name == "Out":
                self._shell.history_manager.output_hist.clear()
            else:
                self._shell.user_ns.pop(name, None)
        self._needs.clear()
        sys.stderr.write(
            f"Not restored, because the kept state could not be read ({reason}): {', '.join(gone)}\n"
        )


def _takes_outputs(names: set[str]) -> bool:
    return not names.isdisjoint(("Out", "_oh"))
