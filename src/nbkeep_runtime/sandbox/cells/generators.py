"""The state of the random generators that everybody in a session shares."""

from __future__ import annotations

import hashlib
import marshal
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

# What a cell that draws random numbers reads and changes, by the module of the generator that all share.
RANDOM = {
    "random": "random numbers",
    "numpy.random": "NumPy's random numbers",
    "torch": "PyTorch's random numbers",
}
_TAKE = {"random": "getstate", "numpy.random": "get_state", "torch": "get_rng_state"}


def random_digests() -> Iterator[tuple[str, str]]:
    """Yield the state of each random generator that the session has imported and that everybody shares."""
    for module, name in RANDOM.items():
        take: Any = getattr(sys.modules.get(module), _TAKE[module], None)
        if take is not None:
            state: Any = take()
            if module == "torch":
                data = bytes(state.numpy())
            else:
                data = marshal.dumps([one.tobytes() if hasattr(one, "tobytes") else one for one in state], 2)
            yield name, hashlib.blake2b(data, digest_size=16).hexdigest()
