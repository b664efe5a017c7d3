"""What the process that examines and the one that asks it agree on."""

from __future__ import annotations

MODULE = "nbkeep_runtime.server.examining.child"
REQUEST_BYTES = 16 << 10
LENGTH_BYTES = 8
"""Of an answer; in front of it, the highest byte first."""
