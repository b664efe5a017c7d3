"""`state.json`: what is kept, for the platform to show. Names and sizes, no values, nothing secret.

The platform reads at most 1 MiB of it, 100 kernels, and 200 lost variables of each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from nbkeep_runtime.server.state.index import Index, KeptKernel


FILE = "state.json"
_BYTES = 1 << 20
_KERNELS = 100
_LOST = (200, 50, 10, 0)


def summary(index: Index, image_digest: str) -> bytes:
    """Return the file's content, with as many lost variables as there is room for."""
    dumped = (_dump(index, image_digest, most_lost) for most_lost in _LOST)
    return next((one for one in dumped if len(one) <= _BYTES), _dump(index, image_digest, 0))


def paths(raw: bytes) -> list[str]:
    """Return the notebooks that a summary names: not verified, good for a sentence and no more."""
    try:
        told: Any = orjson.loads(raw)
        named = [str(one["path"])[:200] for one in told["kernels"][:_KERNELS]]
    except (orjson.JSONDecodeError, LookupError, TypeError):
        return []
    return named


def _dump(index: Index, image_digest: str, most_lost: int) -> bytes:
    kernels = [_kernel(one, most_lost) for one in index.kernels[:_KERNELS]]
    told = {
        "format": 1,
        "sequence": index.sequence,
        "saved_at": index.saved_at,
        "image_digest": image_digest,
        "bytes": sum(one["bytes"] for one in kernels),
        "kernels": kernels,
    }
    return orjson.dumps(told)


def _kernel(kernel: KeptKernel, most_lost: int) -> dict[str, Any]:
    checkpoint = kernel.checkpoint
    lost = checkpoint.lost[:most_lost] if checkpoint else ()
    return {
        "path": kernel.path,
        "name": kernel.kernel_name,
        "language": kernel.language,
        "kept": checkpoint.kept if checkpoint else 0,
        "lost": [{"name": one.name, "reason": one.reason} for one in lost],
        "bytes": checkpoint.bytes if checkpoint else 0,
        "reason": kernel.reason,
    }
