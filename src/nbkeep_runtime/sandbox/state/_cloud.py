"""nbkeep's own copy of cloudpickle, under a name of its own: the user's import finds the image's, or none."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from typing import Any

_FOLDER = "/opt/nbkeep/lib/cloudpickle"
_NAME = "_nbkeep_cloudpickle"


def _load() -> Any:
    if not os.path.isdir(_FOLDER):
        return importlib.import_module("cloudpickle.cloudpickle")
    if _NAME not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            _NAME, _FOLDER + "/__init__.py", submodule_search_locations=[_FOLDER]
        )
        if spec is None or spec.loader is None:
            raise ImportError("cloudpickle cannot be loaded")
        module = importlib.util.module_from_spec(spec)
        sys.modules[_NAME] = module
        spec.loader.exec_module(module)
    return importlib.import_module(_NAME + ".cloudpickle")


cloudpickle: Any = _load()
