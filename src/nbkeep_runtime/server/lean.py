"""Keeps what the server never uses out of its start, which is a third of the wait for a session.

`jupyterhub.services.auth` needs one pure function of `jupyterhub.scopes`, which imports the hub's whole
database layer (SQLAlchemy, Alembic: about 1.5 s here). `jsonschema` compiles grammars for formats that no
notebook schema uses (jupyter_server#1559, nbformat#420: up to 3 s). `jupyterlab_server` imports `requests`
for lists of extensions, which sessions have no network for.

The stand-ins are inert: any use of them raises, so nothing can quietly work differently.
"""

from __future__ import annotations

import sys
from types import ModuleType

UNIMPORTABLE = ("rfc3987_syntax", "isoduration")
STAND_INS = ("sqlalchemy", "sqlalchemy.exc", "jupyterhub.orm", "requests")


class NotLoaded(Exception):
    """Stands in for a name of a module that the session server does without."""

    def __init__(self, *_args: object, **_kwargs: object) -> None:
        super().__init__("This module is not loaded in a session's server (nbkeep_runtime.server.lean).")
        raise self


class _StandIn(ModuleType):
    """A module whose every public attribute is `NotLoaded`."""

    def __getattr__(self, name: str) -> type[NotLoaded]:
        if name.startswith("__"):
            raise AttributeError(name)
        return NotLoaded


def keep_out() -> None:
    """Register the stand-ins; harmless twice, and for modules that are already imported."""
    for name in UNIMPORTABLE:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # None makes `import` raise ImportError
    for name in STAND_INS:
        if name not in sys.modules:
            module = _StandIn(name)
            module.__path__ = []
            sys.modules[name] = module
