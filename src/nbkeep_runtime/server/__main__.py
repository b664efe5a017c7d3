"""`python -m nbkeep_runtime.server`: one session's server, until it is told to end."""

from __future__ import annotations

import os
import sys

from nbkeep_runtime.server import lean
from nbkeep_runtime.server.settings import BadEnvironment, from_environment

# Jupyter's own ways to be configured by the environment or by folders: none of them applies.
_IGNORED = ("JUPYTER_", "JUPYTERLAB_", "IPYTHON", "LOG_TERMINAL_OUTPUT")


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
        HOME=str(private),
        JUPYTER_NO_CONFIG="1",
        JUPYTER_CONFIG_DIR=str(private),
        JUPYTER_DATA_DIR=str(private),
        JUPYTER_RUNTIME_DIR=str(settings.server_dir / "runtime"),
        JUPYTER_PLATFORM_DIRS="1",
        JUPYTER_PREFER_ENV_PATH="1",
        JUPYTERHUB_SINGLEUSER_APP="",
    )
    lean.keep_out()
    from nbkeep_runtime.server.app import build  # noqa: PLC0415  # after `keep_out`

    build(settings).start()
    return 0


if __name__ == "__main__":
    sys.exit(main())
