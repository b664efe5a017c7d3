"""nbkeep: a governed notebook environment (the control plane)."""

from importlib.metadata import version

__version__ = version("nbkeep")
