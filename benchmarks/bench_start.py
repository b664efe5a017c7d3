"""From the request for a start to results in cells, warm and cold, against stock JupyterHub in the same run.

    .venv/bin/python benchmarks/bench_start.py [ROUNDS]

Prints medians and ratios (below 1: nbkeep is faster, although its kernel is sandboxed). All run JupyterLab
under JupyterHub behind the same proxy, and kernels of the same image; rounds alternate, so that a busy
machine slows all alike. A new kernel is asked for some seconds after the one before, and one more at once,
when nbkeep has none in reserve. The floor of a cell's round trip is a kernel asked over ZeroMQ alone. Ends
with 1 when a cold start of nbkeep is slower than stock. As an ordinary user only the server is warm.
"""

# pyright: basic, reportMissingImports=false

from __future__ import annotations

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

from installation import Installation
from jupyter_client.manager import KernelManager
from stock import StockHub
from websockets.sync.client import ClientConnection, connect

from nbkeep.settings import Settings
from platform_parts import Session

_STEPS = ("server ready", "first cell's result", "numpy and pandas imported", "new kernel's first result",
          "one more at once", "a cell's round trip")  # fmt: skip
_ROUND_TRIPS = 20
_BETWEEN_S = 3.0  # from a kernel to the next notebook that somebody opens
_GOALS = {
    "first cell's result": "1/15",
    "numpy and pandas imported": "1/20",
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


def cells(began: float, new_kernel: Callable[[], str], open_channel: Channels) -> list[float]:
    """Return the seconds of every step after "server ready"."""
    with open_channel(new_kernel()) as channel:
        run_cell(channel, "6 * 7")
        first_s = time.perf_counter() - began
        run_cell(channel, "import numpy, pandas")
        imported_s = time.perf_counter() - began
        trips: list[float] = []
        for _ in range(_ROUND_TRIPS):
            sent = time.perf_counter()
            run_cell(channel, "x = 1")
            trips.append(time.perf_counter() - sent)
    new_s: list[float] = []
    for pause_s in (_BETWEEN_S, 0):
        time.sleep(pause_s)
        again = time.perf_counter()
        with open_channel(new_kernel()) as channel:
            run_cell(channel, "6 * 7")
            new_s.append(time.perf_counter() - again)
    return [first_s, imported_s, *new_s, statistics.median(trips)]


def stock_start(stock: StockHub) -> list[float]:
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

    found = [ready_s, *cells(began, new_kernel, open_channel)]
    stock.stop()
    return found


def our_start(ours: Installation) -> list[float]:
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

    found = [ready_s, *cells(began, new_kernel, session.channel)]
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


def main(rounds: int = 5) -> int:
    """Measure `rounds` starts of each kind; return the exit code."""
    python = Settings.load().images_dir / "base/current/env/bin/python"
    seen: dict[str, list[list[float]]] = {"stock": [], "cold": [], "warm": []}
    with (
        StockHub(jupyter_path=kernels_of(python)) as stock,
        Installation("warm_starts = false\n") as cold,
        Installation() as warm,
    ):
        warm.wait_until_warm()
        for number in range(rounds + 1):
            found = {"stock": stock_start(stock), "cold": our_start(cold), "warm": our_start(warm)}
            told = ", ".join(f"{name} {steps[1]:.2f} s" for name, steps in found.items())
            print(f"round {number}: first cell after {told}", flush=True)
            if number:  # the first round only warms the disk's cache
                for name, steps in found.items():
                    seen[name].append(steps)
        raw_s = raw_round_trip(python)
    medians = {
        name: [statistics.median(column) for column in zip(*many, strict=True)] for name, many in seen.items()
    }
    print(
        f"\n{f'medians of {rounds}':28} {'stock':>9} {'cold':>9} {'ratio':>6} {'warm':>9} {'ratio':>6}   goal"
    )
    for index, step in enumerate(_STEPS):
        stock_s, cold_s, warm_s = (medians[name][index] for name in ("stock", "cold", "warm"))
        print(f"{step:28} {stock_s:7.3f} s {cold_s:7.3f} s {cold_s / stock_s:6.2f} {warm_s:7.3f} s "
              f"{warm_s / stock_s:6.3f}   {_GOALS.get(step, '')}")  # fmt: skip
    times = {name: found[-1] / raw_s for name, found in medians.items()}
    print(f"{'the same over ZeroMQ alone':28} {raw_s:7.3f} s; times that: stock {times['stock']:.1f}, "
          f"nbkeep {times['warm']:.1f} (goal: 1.5)")  # fmt: skip
    return int(medians["cold"][1] > medians["stock"][1])


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5))
