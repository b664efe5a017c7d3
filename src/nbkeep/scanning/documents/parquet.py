"""Parquet: a sample of each column, where pyarrow is installed; it is large, and nbkeep does not bring it."""

from __future__ import annotations

import importlib
import io
from typing import TYPE_CHECKING, Any

from nbkeep.scanning.interface import Hint
from nbkeep.scanning.values import Limits, Part, Unread

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD = b"PAR1"


def is_parquet(data: bytes) -> bool:
    """Return whether these are the bytes of a Parquet file."""
    return data.startswith(_HEAD) and data.endswith(_HEAD)


def read_parquet(data: bytes, limits: Limits) -> Iterator[Part | Unread]:
    """Yield each column's first and last rows, and the texts that the file says of itself."""
    try:
        parquet: Any = importlib.import_module("pyarrow.parquet")
    except ImportError:
        yield Unread("is a Parquet file, and pyarrow is not installed here")
        return
    try:
        file = parquet.ParquetFile(io.BytesIO(data))
        groups = range(file.num_row_groups)
        left = limits.parquet_rows
        pairs: dict[bytes, bytes] = file.metadata.metadata or {}
        said = "\n".join(f"{_word(key)}: {_word(value)}" for key, value in pairs.items())
        if said:
            yield Part(said, Hint("config"), line=0)
        taken = 0
        for group in dict.fromkeys([*groups[:1], *groups[-1:], *groups[1:-1]]):
            if left <= 0:
                break
            rows = min(left, file.metadata.row_group(group).num_rows)
            batch: Any = next(file.iter_batches(batch_size=rows, row_groups=[group]), None)
            if batch is None:
                continue
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                values = [" ".join(str(one).split("\n")) for one in column.to_pylist()
                          if one is not None and one.__class__ is not float]  # fmt: skip
                if values:
                    yield Part(
                        "\n".join(values),
                        Hint("table", column=str(name)[:200]),
                        line=0,
                        lines=(0,) * len(values),
                    )
            left -= rows
            taken += rows
        if taken < file.metadata.num_rows:
            yield Unread(f"has {file.metadata.num_rows:,} rows: {taken:,} of them were read", partly=True)
    except Exception as error:  # noqa: BLE001  whatever a broken file makes of its reader is the answer
        yield Unread(f"is a Parquet file that cannot be read ({type(error).__name__})")


def _word(data: bytes) -> str:
    return data.decode("utf-8", "replace")
