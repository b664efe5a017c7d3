"""In a real sandbox, saving has what it needs, and leaves the user's own imports alone."""

from __future__ import annotations

import pytest

from sandboxes import make_machine, why_not


@pytest.mark.parametrize("kind", ["root", "ordinary"])
def test_nbkeeps_own_cloudpickle_is_there_and_hidden(kind: str) -> None:
    if reason := why_not(kind):
        pytest.skip(reason)
    machine = make_machine(kind)
    try:
        spec = machine.spec()
        machine.client.launch(spec)
        outcome = machine.run(
            spec,
            """
            import importlib.util, sys
            spec = importlib.util.spec_from_file_location("launcher", "/opt/nbkeep/sandbox/kernel.py")
            launcher = importlib.util.module_from_spec(spec); spec.loader.exec_module(launcher)
            launcher._state("save"); own = launcher._state("_cloud").cloudpickle
            assert own.__file__.startswith("/opt/nbkeep/lib/"), own.__file__
            assert not any(name.split(".")[0] in ("cloudpickle", "state", "nbkeep_runtime") for name in sys.modules)
            assert not any("nbkeep/sandbox" in entry for entry in sys.path), sys.path
            try: open("/opt/nbkeep/lib/cloudpickle/mine.py", "w")
            except OSError: print("read only")
            """,
        )
        assert (outcome.code, outcome.output.strip()) == (0, "read only"), outcome
    finally:
        machine.end()
