"""From the request for a start to results in cells, warm and cold, against stock JupyterHub in the same run.

    .venv/bin/python benchmarks/bench_start.py [ROUNDS] [--packages FOLDER]

Prints medians and ratios (below 1: nbkeep is faster, although its kernel is sandboxed). All run JupyterLab
under JupyterHub behind the same proxy, and kernels of the same image; rounds alternate, so that a busy
machine slows all alike. A new kernel is asked for some seconds after the one before, and one more at once,
when nbkeep has none in reserve. The floor of a cell's round trip is a kernel asked over ZeroMQ alone. Ends
with 1 when a cold start of nbkeep is slower than stock. As an ordinary user only the server is warm.

FOLDER is the site-packages of some other environment of the same Python, which all kernels get: where torch
is in it, profiles import it beforehand, and cells import it too.
"""

# pyright: basic, reportMissingImports=false

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

from installation import Installation, images_with
from jupyter_client.manager import KernelManager
from stock import StockHub
from websockets.sync.client import ClientConnection, connect

from platform_parts import Session

_FIRST = "first cell's result"
_IMPORTS = {"numpy and pandas imported": "import numpy, pandas"}
_TORCH = {"torch imported": "import torch"}
_ROUND_TRIPS = 20
_BETWEEN_S = 3.0  # from a kernel to the next notebook that somebody opens
_GOALS = {
    _FIRST: "1/15",
    "torch imported": "1/20",
    "new kernel's first result": "1/8",
}
Channels = Callable[[str], ClientConnection]


def run_cell(channel: ClientConnection, code: str) -> None:
    """Run a cell and return when its result, or its reply, is there."""
    header = {"msg_id": uuid4().hex, "msg_type": "execute_request", "username": "", "session": "s"}
    content = {
        "code": code,
        "silent": False,
        "store_history": True,
        "user_expressions": {},
        "allow_stdin": False,
    }
    message = {"header": header | {"version": "5.3", "date": ""}, "parent_header": {}, "metadata": {}}
    channel.send(json.dumps(message | {"content": content, "channel": "shell", "buffers": []}))
    while True:
        told = json.loads(channel.recv(timeout=120))
        if told["parent_header"].get("msg_id") == header["msg_id"] and told["msg_type"] == "execute_reply":
            assert told["content"]["status"] == "ok", told["content"]
            return


def cells(
    began: float, new_kernel: Callable[[], str], open_channel: Channels, imports: dict[str, str]
) -> dict[str, float]:
    """Return the seconds of every step after "server ready"."""
    found: dict[str, float] = {}
    with open_channel(new_kernel()) as channel:
        for step, code in {_FIRST: "6 * 7", **imports}.items():
            run_cell(channel, code)
            found[step] = time.perf_counter() - began
        trips: list[float] = []
        for _ in range(_ROUND_TRIPS):
            sent = time.perf_counter()
            run_cell(channel, "x = 1")
            trips.append(time.perf_counter() - sent)
    for step, pause_s in {"new kernel's first result": _BETWEEN_S, "one more at once": 0}.items():
        time.sleep(pause_s)
        again = time.perf_counter()
        with open_channel(new_kernel()) as channel:
            run_cell(channel, "6 * 7")
            found[step] = time.perf_counter() - again
    return found | {"a cell's round trip": statistics.median(trips)}


def stock_start(stock: StockHub, imports: dict[str, str]) -> dict[str, float]:
    """Return the seconds of every step of a stock server."""
    began = time.perf_counter()
    address = stock.start()
    ready_s = time.perf_counter() - began
    place = urlsplit(address)
    headers = {"Authorization": f"token {stock.token}"}

    def new_kernel() -> str:
        made = stock.http.post(f"{address}api/kernels", json={"name": "image"})
        return made.raise_for_status().json()["id"]

    def open_channel(kernel: str) -> ClientConnection:
        uri = f"ws://{place.netloc}{place.path}api/kernels/{kernel}/channels"
        return connect(uri, additional_headers=headers, max_size=None)

    found = {"server ready": ready_s} | cells(began, new_kernel, open_channel, imports)
    stock.stop()
    return found


def our_start(ours: Installation, imports: dict[str, str]) -> dict[str, float]:
    """Return the same for a session of nbkeep, started by the portal's form and followed as its page does."""
    person, portal = ours.person, ours.platform.url
    csrf = re.search(r'name="csrf" value="([^"]+)"', person.get("/portal/").text)
    assert csrf
    name = f"s{uuid4().hex[:6]}"
    form = {"profile": "notebook-cpu-small", "name": name, "csrf": csrf.group(1)}
    headers = {"Origin": portal, "Sec-Fetch-Site": "same-origin"}
    began = time.perf_counter()
    answer = person.web.post(f"{portal}/portal/sessions", data=form, headers=headers)
    place = urlsplit(answer.headers["location"])
    session = Session(person, place.path.rsplit("/", 1)[1], name)
    person.get(f"{place.path}?{place.query}")
    with person.web.stream("GET", f"{portal}{place.path}/live?opening=1", timeout=60) as events:
        assert any(line == "event: goto" for line in events.iter_lines()), session.view
    ready_s = time.perf_counter() - began
    session.open().raise_for_status()

    def new_kernel() -> str:
        made = session.call("POST", "api/kernels", {"name": "python3"})
        return made.raise_for_status().json()["id"]

    found = {"server ready": ready_s} | cells(began, new_kernel, session.channel, imports)
    session.stop()
    return found


def raw_round_trip(python: Path) -> float:
    """Return the seconds of a cell's round trip to the image's kernel over ZeroMQ, with nothing between."""
    manager = KernelManager(transport="ipc", ip=tempfile.mktemp(prefix="nbk"))  # noqa: S306  names sockets only
    manager.kernel_spec.argv[0] = str(python)  # type: ignore[union-attr]
    manager.start_kernel()
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        trips: list[float] = []
        for _ in range(_ROUND_TRIPS):
            sent = time.perf_counter()
            client.execute_interactive("x = 1", timeout=60)
            trips.append(time.perf_counter() - sent)
        return statistics.median(trips)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def kernels_of(python: Path) -> Path:
    """Make a folder in which stock finds the image's kernel; the two then run the same packages."""
    folder = Path(tempfile.mkdtemp(prefix="nbk-kernels"))
    (folder / "kernels/image").mkdir(parents=True)
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "language": "python", "display_name": "image"}
    (folder / "kernels/image/kernel.json").write_text(json.dumps(spec))
    return folder


def import_torch_beforehand(ours: Installation) -> None:
    """Have the profile that is started import torch, as an admin would say it."""
    change = {"preimport": ["numpy", "pandas", "torch"]}
    ours.platform.office.patch("/profiles/notebook-cpu-small", json=change).raise_for_status()


def measure(rounds: int, images: Path) -> tuple[dict[str, dict[str, list[float]]], float]:
    """Return each kind's seconds of every step, a round each, and those of a round trip over ZeroMQ."""
    python = images / "base/current/env/bin/python"
    has_torch = any(images.glob("base/current/env/lib/python*/site-packages/torch"))
    imports = _IMPORTS | _TORCH if has_torch else _IMPORTS
    seen: dict[str, dict[str, list[float]]] = {"stock": {}, "cold": {}, "warm": {}}
    with (
        StockHub(jupyter_path=kernels_of(python)) as stock,
        Installation("warm_starts = false\n", images) as cold,
        Installation(images=images) as warm,
    ):
        if has_torch:
            import_torch_beforehand(warm)
        warm.wait_until_warm()
        for number in range(rounds + 1):
            found = {
                "stock": stock_start(stock, imports),
                "cold": our_start(cold, imports),
                "warm": our_start(warm, imports),
            }
            told = ", ".join(f"{name} {steps[_FIRST]:.2f} s" for name, steps in found.items())
            print(f"round {number}: first cell after {told}", flush=True)
            if number:  # the first round only warms the disk's cache
                for name, steps in found.items():
                    for step, took_s in steps.items():
                        seen[name].setdefault(step, []).append(took_s)
        return seen, raw_round_trip(python)


def main(rounds: int, packages: Path | None) -> int:
    """Measure `rounds` starts of each kind; return the exit code."""
    with images_with(packages) as images:
        seen, raw_s = measure(rounds, images)
    medians = {
        name: {step: statistics.median(took) for step, took in steps.items()} for name, steps in seen.items()
    }
    print(
        f"\n{f'medians of {rounds}':28} {'stock':>9} {'cold':>9} {'ratio':>6} {'warm':>9} {'ratio':>6}   goal"
    )
    for step, stock_s in medians["stock"].items():
        cold_s, warm_s = medians["cold"][step], medians["warm"][step]
        print(f"{step:28} {stock_s:7.3f} s {cold_s:7.3f} s {cold_s / stock_s:6.2f} {warm_s:7.3f} s "
              f"{warm_s / stock_s:6.3f}   {_GOALS.get(step, '')}")  # fmt: skip
    times = {name: found["a cell's round trip"] / raw_s for name, found in medians.items()}
    print(f"{'the same over ZeroMQ alone':28} {raw_s:7.3f} s; times that: stock {times['stock']:.1f}, "
          f"nbkeep {times['warm']:.1f} (goal: 1.5)")  # fmt: skip
    return int(medians["cold"][_FIRST] > medians["stock"][_FIRST])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("rounds", nargs="?", type=int, default=5)
    parser.add_argument("--packages", type=Path)
    given = parser.parse_args()
    sys.exit(main(given.rounds, given.packages))
