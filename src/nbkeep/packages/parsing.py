"""Where pages of indexes are taken apart: in threads, so that no page holds up the connections of others."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_P = ParamSpec("_P")
_T = TypeVar("_T")
_threads = ThreadPoolExecutor(2, "index-pages")  # more would only take turns: parsing is Python


async def aside(work: Callable[_P, _T], *arguments: _P.args, **_named: _P.kwargs) -> _T:
    """Return what a function returns, or raise what it raises, from a thread beside the loop."""
    return await asyncio.get_running_loop().run_in_executor(_threads, lambda: work(*arguments, **_named))
