"""Variables outlive a session between the warden's real jails: the image's own kernel, no /proc, a full sandbox."""

# JSON is tested as it comes over the wire:
# pyright: basic

from __future__ import annotations

import dataclasses

import pytest
from session_server import eventually
from state_parts import keeping, kernel_of, runs, settled
from test_in_its_jail import JailedServer

from sandboxes import make_machine, why_not

CELLS = (
    "import numpy as np, pandas as pd",
    "a = np.arange(3_000_000.0); view = a[10:20]; df = pd.DataFrame({'x': a[:1000], 'y': list('ab') * 500})",
    "class Thing:\n    def __init__(self): self.me = self\nthing = Thing()",
)


@pytest.mark.parametrize("kind", [pytest.param("root", marks=pytest.mark.root), "ordinary"])
def test_a_stopped_session_launched_again_goes_on(kind: str) -> None:
    if reason := why_not(kind):
        pytest.skip(reason)
    machine = make_machine(kind)
    try:
        server = JailedServer(machine, **keeping())
        server.put_notebook("a.ipynb", "0")
        kernel = server.open_notebook("a.ipynb")
        runs(server, kernel, *CELLS)
        machine.client.stop(server.spec.session_id, grace_s=60)
        env = {**server.spec.server_env, "NBKEEP_RESUME": "1"}
        server.spec = dataclasses.replace(server.spec, server_env=env)
        machine.client.launch(server.spec)
        eventually(server.answers, 60)
        assert kernel_of(server, "a.ipynb") == kernel
        code = "view[0] = -1; print(a[10], df.y.iloc[1], thing.me is thing, type(thing).__module__)"
        assert runs(server, kernel, code) == "-1.0 b True __main__\n", server.log()
        (told,) = settled(server)
        assert (told["status"], told["lost"]) == ("restored", [])
        server.peers.stop()
    finally:
        machine.end()
