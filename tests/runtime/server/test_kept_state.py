"""Variables outlive the end of a session: saved on SIGTERM, restored at the next start."""

# JSON is tested as it comes over the wire:
# pyright: basic

from __future__ import annotations

from session_server import RunningServer
from state_parts import begin_again, end, keeping, kernel_of, runs, settled, summary_of


def test_a_session_goes_on_with_its_variables_after_its_end() -> None:
    with RunningServer(**keeping()) as server:
        server.put_notebook("a.ipynb", "0")
        kernel = server.open_notebook("a.ipynb")
        runs(
            server,
            kernel,
            "x = {'answer': 42}; y = [x]",
            "def f(): return x['answer']",
            "g = (i for i in 'ab')",
        )
        end(server)
        told = summary_of(server)
        assert [one["path"] for one in told["kernels"]] == ["a.ipynb"], server.log()
        assert told["kernels"][0]["kept"] >= 3
        assert [one["name"] for one in told["kernels"][0]["lost"]] == ["g"]
        begin_again(server)
        assert kernel_of(server, "a.ipynb") == kernel
        printed = runs(server, kernel, "y[0]['answer'] += 1", "print(f(), get_ipython().execution_count)")
        assert printed == "43 6\n"  # inside the fifth cell, IPython counts the next one
        (resumed,) = settled(server)
        assert (resumed["status"], resumed["path"], resumed["reason"]) == ("restored", "a.ipynb", "")
        assert [one["name"] for one in resumed["lost"]] == ["g"]
        server.json("DELETE", "nbkeep/api/state/resumed")
        assert server.json("GET", "nbkeep/api/state")["resumed"] is None
