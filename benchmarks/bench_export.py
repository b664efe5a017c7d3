"""How long an export to HTML takes beside nbconvert's command, over the same notebooks in the same run.

    python benchmarks/bench_export.py [NOTEBOOK ...] [--runs N] [--pdf]

"page": a process that makes the notebook anew and the page of it, which is what nbconvert does. "release":
all that happens before a document leaves: the jail, two looks through it, the page, a redacted version that is
looked through again, and a preview. Seconds are of the wall, the best of the runs; CPU is of the whole process
tree; of what runs in a jail it is not known.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from nbkeep.model.clock import SystemClock
from nbkeep.rendering import job
from nbkeep.rendering.interface import Order
from nbkeep.rendering.warm import WarmPress

if TYPE_CHECKING:
    from collections.abc import Callable

GOAL = 0.1
_PAGE = """
import sys
from pathlib import Path
from nbkeep.rendering import page, rebuild
from nbkeep.rendering.interface import Keep
from nbkeep.rendering.notes import Notes
notes = Notes()
made = rebuild.rebuild(Path(sys.argv[1]).read_bytes(), Keep(), notes)
Path(sys.argv[2]).write_bytes(page.of_book(made, sys.argv[1], notes))
"""


def ordinary() -> bytes:
    """Return a notebook as people write them: texts, formulas, code, tables, a picture."""
    rng = random.Random(7)  # noqa: S311  noise, no key
    cells: list[dict[str, Any]] = []
    for number in range(25):
        words = f"## Part {number}\n\nWhat the *model* says of `demand`, with $x_{{{number}}} = \\frac{{a}}{{b}}$.\n\n- one\n- two\n"
        cells.append({"cell_type": "markdown", "id": f"t{number}", "metadata": {}, "source": words})
        rows = "".join(
            "<tr><th>0</th>" + "".join(f"<td>{rng.gauss(0, 1):.4f}</td>" for _ in range(8)) + "</tr>"
            for _ in range(10)
        )
        table = f'<table border="1" class="dataframe"><tbody>{rows}</tbody></table>'
        outputs: list[dict[str, Any]] = [
            {"output_type": "stream", "name": "stdout", "text": "".join(f"step {n} of 20\n" for n in range(20))},
            {"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": {"text/html": table, "text/plain": "a table"}},
        ]  # fmt: skip
        if number % 5 == 0:
            outputs.append(
                {"output_type": "display_data", "metadata": {}, "data": {"image/png": _picture(number)}}
            )
        source = f"def part_{number}(frame: pd.DataFrame) -> float:\n    return frame['x'].mean() * {number}  # slow\n\n\nframe.head()"
        cells.append(
            {
                "cell_type": "code",
                "id": f"c{number}",
                "metadata": {},
                "execution_count": 1,
                "source": source,
                "outputs": outputs,
            }
        )
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}).encode()


def _picture(number: int) -> str:
    made = io.BytesIO()
    Image.effect_mandelbrot((640, 480), (-2, -1.2 + number / 50, 1, 1.2), 60).save(made, "PNG")
    return base64.b64encode(made.getvalue()).decode()


def measured(work: Callable[[], object], runs: int) -> tuple[float, float]:
    """Return (seconds of the wall, of CPU), the best of the runs."""
    best = (float("inf"), float("inf"))
    for _ in range(runs):
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        work()
        after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - begun
        best = min(best, (wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime))
    return best


def compare(source: Path, folder: Path, runs: int, press: WarmPress, *, pdf: bool) -> None:
    """Print the figures of one notebook."""
    data = source.read_bytes()

    def run(*command: str) -> Callable[[], object]:
        env = {**os.environ, "JUPYTER_PLATFORM_DIRS": "1"}
        return lambda: subprocess.run(command, check=True, capture_output=True, timeout=300, env=env)

    def release(form: str, press: WarmPress | None = None) -> Callable[[], object]:
        def work() -> None:
            made = job.make(source, Order(source.name, form), folder, press=press)
            assert not made.problem, made.problem

        return work

    peer = run(
        str(Path(sys.executable).with_name("jupyter")),
        "nbconvert",
        "--to",
        "html",
        "--output-dir",
        str(folder),
        str(source),
    )
    rows = {"nbconvert --to html": peer, "page": run(sys.executable, "-I", "-c", _PAGE, str(source), str(folder / "page.html")),
            "release as html": release("html")}  # fmt: skip
    if pdf:
        rows["release as pdf, Chromium started"] = release("pdf")
        rows["release as pdf, Chromium kept"] = release("pdf", press)
    print(f"\n{source.name}, {len(data) / 2**20:.2f} MiB{'':20}{'seconds':>10}{'CPU':>8}{'ratio':>8}")
    first = 0.0
    for name, work in rows.items():
        wall, cpu = measured(work, runs)
        first = first or wall
        goal = f"   goal {GOAL}" if name == "page" else ""
        print(f"{name:40}{wall:10.2f}{f'{cpu:.2f}' if cpu > 0.02 else '-':>8}{wall / first:8.3f}{goal}")


def main() -> None:
    """Print the figures of each notebook."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("notebooks", type=Path, nargs="*", help="default: an ordinary one, made for this")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--pdf", action="store_true", help="also print to PDF")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = folder / "ordinary.ipynb"
        made.write_bytes(ordinary())
        press = WarmPress(SystemClock())
        for one in given.notebooks or [made]:
            compare(one.resolve(), folder, given.runs, press, pdf=given.pdf)
        press.close()


if __name__ == "__main__":
    main()
