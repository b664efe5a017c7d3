"""What a child in the jail may take for itself at most."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

from nbkeep import seccomp

if TYPE_CHECKING:
    from collections.abc import Iterable


def bound(limits: Iterable[tuple[int, int]]) -> None:
    """Lower limits of this process (setrlimit(2)) for good: soft and hard, never above what holds already.

    Twice is safe. Raises OSError or ValueError for what is no limit.
    """
    for name, most in limits:
        hard = resource.getrlimit(name)[1]
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(name, (least, least))


def only_read() -> None:
    """Give up starting and reaching other processes, threads and sockets, before a document is read.

    Raises OSError, or KeyError on an architecture whose system calls are not known.
    """
    seccomp.take(seccomp.for_readers())
