"""How soon after a save its author knows what was found, beside what nbformat takes to write the notebook.

    python benchmarks/bench_save.py [--sizes MB ...]

Wall-clock seconds of the same run. The reader is the process that a session's server starts. "first": it
never saw the notebook; "told": it saw it when it was opened or saved last, and one cell of it is another
since, which is how notebooks are saved. "no images" are bytes that are called pictures and are none, the
worst that there can be. A save waits for this where a policy may stop it, and not at all where none does.
"""

from __future__ import annotations

import argparse
import importlib
import os
import tempfile
import time
from typing import Any

from bench_scan import GOAL_SAVE, broken, images, texts

from nbkeep_runtime.server.examining.reader import Reader


def main() -> None:
    """Print a line for each size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", type=int, nargs="*", default=[1, 10, 100], help="MB of notebooks to save")
    sizes: list[int] = parser.parse_args().sizes
    nbformat: Any = importlib.import_module("nbformat")
    reader = Reader()
    columns = f"{'first':>10}{'told':>10}{'nbformat':>10}{'ratio':>8}"
    print(f"{'told after a save, seconds':32}{columns}   goal {GOAL_SAVE}")
    try:
        for size in sizes:
            for what, book in (("text", texts(size)), ("images", images(size)), ("no images", broken(size))):
                first_s, _unread = _told(reader, nbformat.writes(book).encode())
                cell: dict[str, Any] = {
                    **book.cells[0],
                    "id": "b",
                    "source": "print(1)\n" * 40,
                    "outputs": [],
                }
                book.cells.insert(0, nbformat.from_dict(cell))
                begun = time.perf_counter()
                data = nbformat.writes(book).encode()
                written_s = time.perf_counter() - begun
                told_s, unread = _told(reader, data)
                print(
                    f"{size:>5} MB of {what:20}{first_s:>10.3f}{told_s:>10.3f}{written_s:>10.3f}"
                    f"{told_s / written_s:>8.2f}   {unread}"
                )
    finally:
        reader.close()


def _told(reader: Reader, data: bytes) -> tuple[float, str]:
    with tempfile.TemporaryFile() as file:
        file.write(b"{}")
        file.flush()
        reader.examine(file.fileno(), "warm.json")  # it is there since the notebook was opened
        file.seek(0)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
        begun = time.perf_counter()
        found = reader.examine(file.fileno(), "book.ipynb")
        told_s = time.perf_counter() - begun
    return told_s, "; ".join(str(one["reason"]) for one in found.unread)


if __name__ == "__main__":
    main()
