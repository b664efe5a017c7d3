"""When variables are saved in the background: at most 2 % of the time that cells ran goes into it.

A save holds a kernel up, so it waits for a quiet moment, and where saving takes long it is left to the end.
"""

from __future__ import annotations

from dataclasses import dataclass

SHARE = 0.02
QUIET_S = 5.0  # somebody who runs cell after cell is not interrupted
LONG_S = 5.0  # nobody should wait longer than this for a cell because of a save
_FIRST_GUESS_S = 0.5
_BARE_BYTES = 100e6  # of kernels without variables
_FIRST_BYTES_PER_S = 100e6  # with everything to be written, on a busy machine


@dataclass
class Cost:
    """What one kernel's cells and saves took so far; all times on one monotonic clock."""

    cells_s: float = 0.0
    saves_s: float = 0.0
    last_save_s: float | None = None
    last_cell_end_s: float = 0.0
    has_changed: bool = False

    def cell_ended(self, started_s: float, now_s: float) -> None:
        """Count a cell; what it waited for another one counts once.

        >>> cost = Cost()
        >>> cost.cell_ended(0, 10); cost.cell_ended(1, 12); cost.cells_s
        12.0
        """
        self.cells_s += max(0.0, now_s - max(started_s, self.last_cell_end_s))
        self.last_cell_end_s = now_s
        self.has_changed = True

    def saved(self, took_s: float) -> None:
        """Count a save, also one that failed; a failed one is tried again when there is time for it."""
        self.saves_s += took_s
        self.last_save_s = took_s
        self.has_changed = False

    def may_save(self, now_s: float, used_bytes: int = 0) -> bool:
        """Tell whether a save is due, and affordable: the last one tells what it will take.

        Before the first one that is guessed from `used_bytes`, the memory of the session.

        >>> cost = Cost(cells_s=60.0, has_changed=True, last_cell_end_s=100)
        >>> cost.may_save(101), cost.may_save(106)
        (False, True)
        >>> cost.saved(1.0); cost.cell_ended(106, 126); cost.may_save(200), cost.cells_s
        (False, 80.0)
        >>> cost.cell_ended(200, 300); cost.may_save(310)
        True
        >>> Cost(cells_s=60.0, has_changed=True).may_save(106, used_bytes=300_000_000)
        False
        """
        expected_s = self.last_save_s
        if expected_s is None:
            more_s = max(0.0, used_bytes - _BARE_BYTES) / _FIRST_BYTES_PER_S
            expected_s = min(LONG_S, _FIRST_GUESS_S + more_s)
        return (
            self.has_changed
            and expected_s <= LONG_S
            and now_s - self.last_cell_end_s >= QUIET_S
            and self.saves_s + expected_s <= SHARE * self.cells_s
        )
