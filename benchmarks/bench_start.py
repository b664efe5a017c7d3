"""From the request for a start to the first cell's result, cold, against stock JupyterHub in the same run.

    .venv/bin/python benchmarks/bench_start.py [ROUNDS]

Prints medians and their ratio (below 1: nbkeep is faster, although its kernel is sandboxed). Both run
JupyterLab under JupyterHub behind the same proxy; rounds alternate, so that a busy machine slows both alike.
Ends with 1 when nbkeep is slower.
"""

# pyright: basic, reportMissingImports=false

from __future__ import annotations

import json
import statistics
import sys
import time
from urllib.parse import urlsplit
from uuid import uuid4

from installation import Installation
from stock import StockHub
from websockets.sync.client import connect

_CODE = "6 * 7"


def stock_first_cell(stock: StockHub) -> tuple[float, float]:
    """Return the seconds until the stock server was ready and until its first cell had answered."""
    began = time.perf_counter()
    address = stock.start()
    ready_s = time.perf_counter() - began
    kernel = (
        stock.http.post(f"{address}api/kernels", json={"name": "python3"}).raise_for_status().json()["id"]
    )
    place = urlsplit(address)
    headers = {"Authorization": f"token {stock.token}"}
    with connect(
        f"ws://{place.netloc}{place.path}api/kernels/{kernel}/channels", additional_headers=headers
    ) as channel:
        header = {"msg_id": uuid4().hex, "msg_type": "execute_request", "username": "", "session": "s"}
        content = {"code": _CODE, "silent": False, "store_history": True, "user_expressions": {}}
        message = {"header": header | {"version": "5.3", "date": ""}, "parent_header": {}, "metadata": {}}
        channel.send(json.dumps(message | {"content": content, "channel": "shell", "buffers": []}))
        while json.loads(channel.recv(timeout=60))["msg_type"] != "execute_result":
            pass
    return ready_s, time.perf_counter() - began


def our_first_cell(ours: Installation) -> tuple[float, float]:
    """Return the same for a session of nbkeep, started by the portal's form as a person does."""
    began = time.perf_counter()
    session = ours.person.start()
    ready_s = time.perf_counter() - began
    session.open().raise_for_status()
    assert session.execute(session.kernel(), _CODE) == "42"
    first_s = time.perf_counter() - began
    session.stop()
    return ready_s, first_s


def main(rounds: int = 5) -> int:
    """Measure `rounds` starts of each kind; return the exit code."""
    stock_s: list[tuple[float, float]] = []
    ours_s: list[tuple[float, float]] = []
    with StockHub() as stock, Installation() as ours:
        for number in range(rounds + 1):
            theirs = stock_first_cell(stock)
            stock.stop()
            own = our_first_cell(ours)
            print(f"round {number}: stock {theirs[1]:.2f} s, nbkeep {own[1]:.2f} s", flush=True)
            if number:  # the first round only warms the disk's cache
                stock_s.append(theirs)
                ours_s.append(own)
    print(f"\n{'cold start, medians of ' + str(rounds):30} {'stock':>8} {'nbkeep':>8} {'ratio':>6}")
    ratio = 0.0
    for index, what in enumerate(("server ready", "first cell's result")):
        one, other = (statistics.median(each[index] for each in many) for many in (stock_s, ours_s))
        ratio = other / one
        print(f"{what:30} {one:6.2f} s {other:6.2f} s {ratio:6.2f}")
    return int(ratio > 1)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5))
