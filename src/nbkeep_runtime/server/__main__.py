"""`python -m nbkeep_runtime.server`: one session's server, until it is told to end."""

from __future__ import annotations

import importlib
import os
import sys

from nbkeep_runtime.server import lean
from nbkeep_runtime.server.settings import BadEnvironment, from_environment

# Jupyter's own ways to be configured by the environment or by folders: none of them applies.
_IGNORED = ("JUPYTER_", "JUPYTERLAB_", "IPYTHON", "LOG_TERMINAL_OUTPUT")


# What is the same in every session; some of it is read when Jupyter is imported.
_EVERYWHERE = {
    "JUPYTER_NO_CONFIG": "1",
    "JUPYTER_PLATFORM_DIRS": "1",
    "JUPYTER_PREFER_ENV_PATH": "1",
    "JUPYTERHUB_SINGLEUSER_APP": "",
}


def import_all() -> None:
    """Import everything that a server needs, as a warm parent does before it knows any session."""
    os.environ.update(_EVERYWHERE)
    lean.keep_out()
    importlib.import_module("nbkeep_runtime.server.app").prepare()


def main() -> int:
    """Run the server and return the process's exit code."""
    try:
        settings = from_environment(os.environ)
    except BadEnvironment as error:
        sys.stderr.write(f"{error}\n")
        return 2
    os.environ.pop("NBKEEP_STATE_KEY", None)
    for name in list(os.environ):
        if name.startswith(_IGNORED) and not name.startswith("JUPYTERHUB_"):
            del os.environ[name]
    private = settings.server_dir / "jupyter"
    os.environ.update(
        _EVERYWHERE,
        HOME=str(private),
        JUPYTER_CONFIG_DIR=str(private),
        JUPYTER_DATA_DIR=str(private),
        JUPYTER_RUNTIME_DIR=str(settings.server_dir / "runtime"),
    )
    lean.keep_out()
    from nbkeep_runtime.server.app import build  # noqa: PLC0415  # after `keep_out`

    build(settings).start()
    return 0


if __name__ == "__main__":
    sys.exit(main())
