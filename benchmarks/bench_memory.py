"""What an idle session takes of the machine's memory, against a stock JupyterHub's in the same run.

    .venv/bin/python benchmarks/bench_memory.py [SESSIONS]

Prints for a session with one kernel, and with pandas imported in it (torch too, where the image has it), what
is private to its processes (nobody else has these pages; proc_pid_smaps(5)) and its share of all (PSS), once
with and once without a kernel in reserve. Then it starts SESSIONS (10) idle ones without, and says what a
hundred would take, and which processes of one take it.
"""

# pyright: basic, reportMissingImports=false

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench_start import kernels_of, run_cell
from installation import Installation
from stock import StockHub
from websockets.sync.client import ClientConnection, connect

from nbkeep.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from platform_parts import Session

_MIB = 1024  # of the kernel's KiB
_GOALS = {"idle": "1/5", "pandas": "1/8"}
_SETTLED_S = 4.0  # a kernel in reserve is made a second after the last one was taken


def memory_of(process: Path) -> dict[str, float]:
    """Return a process's private memory and its share of all, in MiB."""
    found = {"private": 0.0, "share": 0.0}
    for line in (process / "smaps_rollup").read_text().splitlines()[1:]:
        name, _, value = line.partition(":")
        if name in {"Private_Clean", "Private_Dirty", "Private_Hugetlb"}:
            found["private"] += int(value.split()[0]) / _MIB
        elif name == "Pss":
            found["share"] += int(value.split()[0]) / _MIB
    return found


def status(process: Path) -> dict[str, str]:
    """Return the fields of /proc/PID/status."""
    return dict(
        line.split(":\t", 1) for line in (process / "status").read_text().splitlines() if ":\t" in line
    )


def all_processes() -> Iterator[tuple[Path, int, int]]:
    """Give (folder in /proc, pid, parent's pid) of everything that runs."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                yield entry, int(entry.name), int(status(entry)["PPid"])
            except (OSError, KeyError):
                continue


def below(*roots: int) -> list[Path]:
    """Return these processes and all that came from them."""
    known = list(all_processes())
    wanted = set(roots)
    while len(wanted) < len(wanted := wanted | {pid for _, pid, above in known if above in wanted}):
        pass
    return [entry for entry, pid, _ in known if pid in wanted]


def role(process: Path) -> str:
    """Return what a process is, for a table."""
    words = (process / "cmdline").read_bytes().split(b"\0")
    names = {Path(word.decode(errors="replace")).name for word in words}
    for name, title in (
        ("bwrap", "bubblewrap"),
        ("start.py", "sandbox's first process"), ("launch.py", "jail's first process"),
        ("parent.py", "server or kernel"), ("jupyterhub-singleuser", "stock server"),
        ("kernel.py", "kernel"), ("ipykernel_launcher", "kernel"),
    ):  # fmt: skip
        if name in names:
            return title
    return max(names)


def ours_of(session: Session) -> list[Path]:
    """Return all processes of a session, from bubblewrap on."""
    folder = session.platform.data_dir / "run/s" / session.id
    return below(
        *(json.loads((folder / f"{half}.json").read_text())["outer"]["pid"] for half in ("server", "sandbox"))
    )


def stock_of(stock: StockHub) -> list[Path]:
    """Return the processes of stock's one session."""
    servers = [
        int(entry.name)
        for entry in below(stock.pid)
        if b"jupyterhub-singleuser" in (entry / "cmdline").read_bytes()
    ]
    return below(*servers)


def total(processes: list[Path]) -> dict[str, float]:
    """Return the sums over some processes."""
    each = [memory_of(process) for process in processes]
    return {name: sum(one[name] for one in each) for name in ("private", "share")}


def measure(processes: Callable[[], list[Path]], channel: ClientConnection) -> dict[str, dict[str, float]]:
    """Return what a session takes after its first cell, and with libraries imported."""
    run_cell(channel, "6 * 7")
    time.sleep(_SETTLED_S)
    found = {"idle": total(processes())}
    run_cell(channel, "import pandas\ntry:\n    import torch\nexcept ImportError:\n    pass")
    time.sleep(1)
    return found | {"pandas": total(processes())}


def of_stock(python: Path) -> dict[str, dict[str, float]]:
    """Measure one session of a stock hub."""
    with StockHub(jupyter_path=kernels_of(python)) as stock:
        address = stock.start()
        made = stock.http.post(f"{address}api/kernels", json={"name": "image"}).raise_for_status()
        uri = f"{address.replace('http', 'ws', 1)}api/kernels/{made.json()['id']}/channels"
        headers = {"Authorization": f"token {stock.token}"}
        with connect(uri, additional_headers=headers, max_size=None) as channel:
            return measure(lambda: stock_of(stock), channel)


def with_kernel(ours: Installation) -> Session:
    """Start a session of a new person, with one kernel that has run a cell."""
    person = ours.platform.person()
    person.sign_in()
    session = person.start()
    session.open().raise_for_status()
    made = session.call("POST", "api/kernels", {"name": "python3"}).raise_for_status()
    with session.channel(made.json()["id"]) as channel:
        run_cell(channel, "6 * 7")
    return session


def many(ours: Installation, count: int) -> tuple[float, list[tuple[str, dict[str, float]]]]:
    """Start idle sessions; return the private MiB of each, and one's processes with theirs."""
    sessions = [with_kernel(ours) for _ in range(count)]
    time.sleep(_SETTLED_S)
    each = sum(total(ours_of(session))["private"] for session in sessions) / count
    processes = [(role(process), memory_of(process)) for process in ours_of(sessions[-1])]
    for session in sessions:
        session.stop()
    return each, processes


def one_of_ours(ours: Installation) -> dict[str, dict[str, float]]:
    """Measure one session of nbkeep, beside another one with which it shares what is shared."""
    ours.wait_until_warm()
    beside, session = with_kernel(ours), with_kernel(ours)
    kernel = session.call("GET", "api/kernels").json()[0]["id"]
    with session.channel(kernel) as channel:
        found = measure(lambda: ours_of(session), channel)
    beside.stop()
    return found


def main(count: int = 10) -> int:
    """Measure and print; return the exit code."""
    stock = of_stock(Settings.load().images_dir / "base/current/env/bin/python")
    config = "cpu_overcommit = 100.0\nmemory_overcommit = 100.0\n"
    with Installation(config) as ours, Installation(config + "spare_kernels = false\n") as bare:
        found = {"with a spare": one_of_ours(ours), "without": one_of_ours(bare)}
        each, processes = many(bare, count)
    for step, goal in _GOALS.items():
        for kind in ("private", "share"):
            line = f"{step + ', ' + kind:20} stock {stock[step][kind]:6.1f} MiB"
            for name, of in found.items():
                line += f", {name} {of[step][kind]:5.1f} MiB ({of[step][kind] / stock[step][kind]:.2f})"
            print(f"{line}; goal {goal}")
    print(f"each of {count} idle sessions: {each:.1f} MiB; a hundred: {each * 100 / _MIB:.1f} GiB")
    for name, one in sorted(processes, key=lambda pair: -pair[1]["private"]):
        print(f"    {name:25} private {one['private']:5.1f} MiB, share {one['share']:5.1f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10))
