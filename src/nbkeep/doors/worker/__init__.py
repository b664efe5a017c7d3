"""The office's loops: what must happen without anybody asking.

`run_loops(office)` is run once beside the API. It stops idle and overlong sessions, gives up on starts that
never get ready, carries out stops that the hub missed, compares the records with what really runs, and cleans
up. It decides nothing itself: rules are in `sessions/`. When hub or warden are away it leaves running work
alone.
"""

from __future__ import annotations

from .loops import Worker, run_loops

__all__ = ["Worker", "run_loops"]
