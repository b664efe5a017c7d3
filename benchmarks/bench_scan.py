"""How well and how fast secrets and personal data are found, beside other scanners over the same notebooks.

    python benchmarks/bench_scan.py [--each N] [--real FOLDER] [--sizes MB ...] [--skip PEER ...]

Peers are run where they are installed: kingfisher and detect-secrets with `uv sync --group bench`, gitleaks
from the PATH. Without their networks: nothing that they find is sent anywhere to be tried. CPU is of the
whole process.
"""

from __future__ import annotations

import argparse
import importlib
import io
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import scan_corpus
from PIL import Image

from nbkeep.scanning import detect, scan

if TYPE_CHECKING:
    from collections.abc import Callable

GOAL_RECALL, GOAL_SAVE = 0.99, 0.5


def look(data: bytes, name: str) -> list[tuple[str, str]]:
    """Return (rule, kind) of each finding, as `nbkeep scan` has them."""
    return [(f.rule, f.kind) for f in scan.examine(data, name, scan.Look(detect.standard())).findings]


def _cpu(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of CPU of the processes that `work` starts and waits for, and its result."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, result


def _run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1800, cwd=folder)
    return done.stdout


def nbkeep(folder: Path) -> Counter[str]:
    """Return how many secrets nbkeep finds in each file, from a process of its own."""
    out = _run([sys.executable, str(Path(__file__).resolve()), "--child", str(folder)], Path(__file__).parent)
    return Counter(json.loads(out))


def kingfisher(folder: Path) -> Counter[str]:
    """Return what kingfisher finds."""
    tool = str(Path(sys.executable).with_name("kingfisher"))
    out = _run([tool, "scan", ".", "--no-validate", "--format", "json", "--no-update-check", "-q"], folder)
    found = json.loads(out[out.index("{") :].splitlines()[0])["findings"]
    return Counter(str(Path(one["finding"]["path"]).name) for one in found)


def detect_secrets(folder: Path) -> Counter[str]:
    """Return what detect-secrets finds, with its own filters and no verification."""
    tool = str(Path(sys.executable).with_name("detect-secrets"))
    out = _run([tool, "scan", "--all-files", "--no-verify", "."], folder)
    return Counter({Path(name).name: len(found) for name, found in json.loads(out)["results"].items()})


def gitleaks(folder: Path) -> Counter[str]:
    """Return what gitleaks finds, with its decoding."""
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        _run(
            [
                "gitleaks",
                "dir",
                ".",
                "--max-decode-depth",
                "3",
                "-f",
                "json",
                "-r",
                report.name,
                "--exit-code",
                "0",
            ],
            folder,
        )
        return Counter(
            Path(one["File"]).name
            for one in json.loads(Path(report.name).read_text(encoding="utf-8") or "[]")
        )


PEERS: dict[str, tuple[str, Callable[[Path], Counter[str]]]] = {
    "kingfisher": (str(Path(sys.executable).with_name("kingfisher")), kingfisher),
    "gitleaks": ("gitleaks", gitleaks),
    "detect-secrets": (str(Path(sys.executable).with_name("detect-secrets")), detect_secrets),
}


def _child(folder: Path) -> None:
    """Print how many secrets there are in each file. What `nbkeep` measures."""
    found = {
        path.name: sum(kind == "secret" for _rule, kind in look(path.read_bytes(), path.name))
        for path in sorted(folder.iterdir())
    }
    print(json.dumps(found))


def secrets_found(folder: Path, real: Path | None, skip: set[str]) -> None:
    """Print recall by place, false alarms and CPU, one column for each scanner."""
    tools: dict[str, Callable[[Path], Counter[str]]] = {"nbkeep": nbkeep}
    for name, (program, peer) in PEERS.items():
        if name in skip or shutil.which(program) is None:
            print(f"({name}: {'skipped' if name in skip else 'not installed, so not compared'})")
        else:
            tools[name] = peer
    planted = sorted((folder / "planted").iterdir())
    mib = sum(path.stat().st_size for path in planted) / 2**20
    by_place: dict[str, dict[str, Counter[str]]] = {}
    rows: list[tuple[str, float, float, int, str]] = []
    for name, tool in tools.items():
        if name == "kingfisher":
            tool(folder / "clean")  # compiles its rules into its cache the first time
        cpu, found = _cpu(lambda tool=tool: tool(folder / "planted"))
        bare = tool(folder / "without")  # a finding that is there without the secret is not of the secret
        found = Counter({file: count for file, count in found.items() if count > bare[file]})
        _clean_cpu, clean = _cpu(lambda tool=tool: tool(folder / "clean"))
        of_real = sum(tool(real).values()) if real else None
        hit = [path for path in planted if found[path.name]]
        for path in planted:
            kind, place, _number = path.name.split("--")
            for label, what in (("kind", kind), ("place", place)):
                counts = by_place.setdefault(f"{label} {what}", {}).setdefault(name, Counter())
                counts["all"] += 1
                counts["found"] += bool(found[path.name])
        rows.append(
            (
                name,
                cpu,
                len(hit) / len(planted),
                sum(clean.values()),
                "-" if of_real is None else str(of_real),
            )
        )
    print(
        f"{len(planted)} planted secrets, {mib:.1f} MiB; "
        f"{sum(1 for _ in (folder / 'clean').iterdir())} clean notebooks"
    )
    print(f"{'':32}" + "".join(f"{name:>16}" for name in tools))
    for what, counts in sorted(by_place.items()):
        shares = (counts[name]["found"] / counts[name]["all"] for name in tools)
        print(f"{what:32}" + "".join(f"{share:16.2f}" for share in shares))
    print(f"{'recall':32}" + "".join(f"{row[2]:16.3f}" for row in rows) + f"   goal {GOAL_RECALL}")
    print(f"{'false alarms (clean)':32}" + "".join(f"{row[3]:16}" for row in rows) + "   goal 0")
    print(f"{'findings in real notebooks':32}" + "".join(f"{row[4]:>16}" for row in rows))
    print(
        f"{'CPU, seconds':32}" + "".join(f"{row[1]:16.2f}" for row in rows) + "   goal: at most kingfisher's"
    )
    print(f"{'MiB a second of CPU':32}" + "".join(f"{mib / row[1]:16.1f}" for row in rows))


def people_found(folder: Path) -> None:
    """Print recall and precision of each kind of personal data."""
    labels: dict[str, Any] = json.loads((folder / "people.json").read_text(encoding="utf-8"))
    right: Counter[str] = Counter()
    there: Counter[str] = Counter()
    told: Counter[str] = Counter()
    for name, label in labels.items():
        found = Counter(
            rule for rule, kind in look((folder / "people" / name).read_bytes(), name) if kind == "personal"
        )
        told.update(found)
        there[label["kind"]] += len(set(label["values"]))
        right[label["kind"]] += min(found[label["kind"]], len(set(label["values"])))
    print(f"\n{'personal data, in tables':32}{'recall':>10}{'precision':>11}")
    for kind in there:
        precision = right[kind] / told[kind] if told[kind] else 0.0
        print(f"{kind:32}{right[kind] / there[kind]:10.3f}{precision:11.3f}")


def saving(sizes: list[int]) -> None:
    """Print how long the scan of a notebook takes beside what Jupyter does on every save: serialise it."""
    print(f"\n{'scan on save, seconds of CPU':32}{'scan':>10}{'nbformat':>10}{'ratio':>8}   goal {GOAL_SAVE}")
    nbformat: Any = importlib.import_module("nbformat")
    for size in sizes:
        for what, book in (("text", texts(size)), ("images", images(size)), ("no images", broken(size))):
            data = nbformat.writes(book).encode()
            look(data[:2000] + b" ", "warm.ipynb") if size < 2 else None
            begun = time.process_time()
            look(data, "big.ipynb")
            scanned = time.process_time()
            nbformat.writes(book)
            wrote = time.process_time() - scanned
            print(
                f"{size:>5} MB of {what:20}{scanned - begun:10.3f}{wrote:10.3f}"
                f"{(scanned - begun) / wrote:8.2f}"
            )


def texts(size: int) -> Any:
    """Return a notebook of so many megabytes of printed numbers."""
    rng = random.Random(size)  # noqa: S311 - noise, not keys
    page = "\n".join(" ".join(f"{rng.gauss(0, 100):.6f}" for _ in range(8)) for _ in range(1200))
    return _book(
        [
            {"output_type": "stream", "name": "stdout", "text": page}
            for _ in range(max(1, size * 10**6 // len(page)))
        ]
    )


def images(size: int) -> Any:
    """Return a notebook of so many megabytes of pictures of 310 kB, each another one, as figures are."""
    return _book([_shown(_noise()) for _ in range(max(1, size * 10**6 // 415_000))])


def broken(size: int) -> Any:
    """Return a notebook of so many megabytes of bytes that are called pictures and are none."""
    return _book([_shown(os.urandom(310_000)) for _ in range(max(1, size * 10**6 // 415_000))])


def _noise() -> bytes:
    made = io.BytesIO()
    Image.frombytes("RGB", (320, 322), os.urandom(320 * 322 * 3)).save(made, "PNG")
    return made.getvalue()


def _shown(picture: bytes) -> dict[str, Any]:
    data = {"image/png": scan_corpus.base64.b64encode(picture).decode()}
    return {"output_type": "display_data", "metadata": {}, "data": data}


def _book(outputs: list[Any]) -> Any:
    nbformat: Any = importlib.import_module("nbformat")
    cell: dict[str, Any] = {
        "cell_type": "code",
        "id": "a",
        "metadata": {},
        "execution_count": 1,
        "source": "run()",
        "outputs": outputs,
    }
    return nbformat.from_dict({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def main() -> None:
    """Build the corpus, and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--each", type=int, default=1, help="notebooks of each kind in each place")
    parser.add_argument("--real", type=Path, help="a folder of clean notebooks of your own, for false alarms")
    parser.add_argument("--sizes", type=int, nargs="*", default=[1, 10, 100], help="MB of notebooks to save")
    parser.add_argument("--skip", nargs="*", default=[], help="peers that are not run")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        _child(given.child)
        return
    with tempfile.TemporaryDirectory() as folder:
        scan_corpus.write(Path(folder), each=given.each)
        secrets_found(Path(folder), given.real, set(given.skip))
        people_found(Path(folder))
    saving(given.sizes)


if __name__ == "__main__":
    main()
