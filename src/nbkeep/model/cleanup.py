"""What may be deleted from a home because it comes back by itself, and which files are large: one table.

JupyterLab (the trusted half) and the node, which measures for the portal and the command line, both follow
it, so that a person reads the same advice in both places.
"""

from __future__ import annotations

# Less than this is not worth a person's attention.
MIN_SUGGESTED_BYTES = 1 << 20

# Files of at least this size are listed by name, the largest first, and no more than so many.
LARGE_FILE_BYTES = 50 << 20
LARGE_FILES = 50

# Paths from the home.
_PATHS = {
    ".cache/pip": "Packages that pip downloaded; it downloads them again when needed.",
    ".cache/uv": "Packages that uv downloaded; it downloads them again when needed.",
    ".cache/huggingface": "Models and datasets that were downloaded; they are downloaded again when needed.",
    ".cache/torch": "Models that were downloaded; they are downloaded again when needed.",
    ".cache/matplotlib": "Matplotlib's font list; it is made again when needed.",
    ".conda/pkgs": "Packages that conda downloaded; it downloads them again when needed.",
    ".npm": "Packages that npm downloaded; it downloads them again when needed.",
    ".local/share/Trash": "Deleted files that are still kept.",
    ".local/share/jupyter/runtime": "Left by kernels that have ended.",
}
# Names anywhere in the home.
_NAMES = {
    "__pycache__": "Compiled Python code; Python makes it again.",
    ".ipynb_checkpoints": "Older copies of notebooks that JupyterLab keeps; the notebooks themselves stay.",
    "node_modules": "Packages of a JavaScript project; `npm install` brings them back.",
    ".pytest_cache": "Left by a test run.",
    ".mypy_cache": "Left by a type check.",
    ".ruff_cache": "Left by a linter.",
}
_CACHES = ".cache/"
_CACHE = "The cache of a program; it is made again when needed."
_ENVIRONMENT = (
    "A virtual environment; delete it when its project is done, its packages can be installed again."
)

# Found in the folder itself, it makes the folder a virtual environment.
ENVIRONMENT_MARK = "pyvenv.cfg"


def why_deletable(path: str, *, is_environment: bool = False) -> str:
    """Return in a sentence why a folder (its path from the home) may go, or "" where it should stay.

    What lies below a folder that may go goes with it, and is not asked for.
    """
    if not path:
        return ""
    if is_environment:
        return _ENVIRONMENT
    if path in _PATHS:
        return _PATHS[path]
    if path.startswith(_CACHES) and path.count("/") == 1:
        return _CACHE
    return _NAMES.get(path.rpartition("/")[2], "")
