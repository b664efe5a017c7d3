"""What is kept of cells that nobody looks at."""

from __future__ import annotations

from typing import Any

from nbkeep_runtime.server.clients import Clients
from nbkeep_runtime.server.outputs import Outputs
from nbkeep_runtime.server.recorder import Execution


def execution(number: int, client: str) -> Execution:
    header = {"msg_id": f"m{number}", "session": client}
    return Execution(f"exe_{number}", "k", header, "a.ipynb", "c0", 0.0, silent=False)


async def test_a_cell_that_is_run_again_forgets_the_run_before_even_while_that_goes_on() -> None:
    """Else the first run's end would overwrite what the second has printed meanwhile."""
    merged: list[str] = []

    async def merge(_path: str, _cell: str, outputs: list[dict[str, Any]], _count: int | None) -> None:
        merged.extend(output["text"] for output in outputs)

    outputs = Outputs(Clients(), merge)
    first, second = execution(1, "closed"), execution(2, "closed too")
    outputs.started(first)
    outputs.started(second)
    for number, text in ((1, b"old"), (2, b"new")):
        outputs.published("k", f"m{number}", "stream", b'{"name": "stdout", "text": "%s"}' % text)
    outputs.finished(second)
    outputs.finished(first)
    await outputs.flush()
    assert merged == ["new"]
