"""How soon after a save its author knows what was found, beside what nbformat takes to write the notebook.

    python benchmarks/bench_save.py [--sizes MB ...]

Wall-clock seconds of the same run. The reader is the process that a session's server starts; "held" is what a
save waits for it where a policy may stop it, and nothing where none does.
"""

from __future__ import annotations

import argparse
import importlib
import os
import tempfile
import time
from typing import Any

from bench_scan import GOAL_SAVE, images, texts

from nbkeep_runtime.server.examining.reader import Reader


def main() -> None:
    """Print a line for each size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", type=int, nargs="*", default=[1, 10, 100], help="MB of notebooks to save")
    sizes: list[int] = parser.parse_args().sizes
    nbformat: Any = importlib.import_module("nbformat")
    reader = Reader()
    print(f"{'told after a save, seconds':32}{'told':>10}{'nbformat':>10}{'ratio':>8}   goal {GOAL_SAVE}")
    try:
        for size in sizes:
            for what, book in (("text", texts(size)), ("images", images(size))):
                begun = time.perf_counter()
                data = nbformat.writes(book).encode()
                written_s = time.perf_counter() - begun
                told_s, unread = _told(reader, data)
                print(
                    f"{size:>5} MB of {what:20}{told_s:>10.3f}{written_s:>10.3f}"
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
