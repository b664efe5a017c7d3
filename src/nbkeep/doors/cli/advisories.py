"""OSV records from where people have them: a zip, a folder, or one file of JSON or of JSON lines."""

from __future__ import annotations

import json
import zipfile
import zlib
from typing import TYPE_CHECKING, Any, cast

from nbkeep.model.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MOST_BYTES = 512 << 20
_KEPT = ("id", "withdrawn", "affected")  # the rest is prose
_KEPT_OF_AFFECTED = ("package", "ranges", "versions")


def read_records(place: Path) -> tuple[str, int]:
    """Return what is needed of all records, one a line, and how many; raise `Refused`."""
    lines: list[str] = []
    size = 0
    try:
        for name, data in _files(place):
            for one in _records(name, data):
                lines.append(json.dumps(_smaller(one)))
                size += len(lines[-1])
                if size > _MOST_BYTES:
                    raise Refused("advisories-too-large", f"{place} holds more than 512 MiB of advisories.",
                                  "Load those of PyPI alone.")  # fmt: skip
    except (OSError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
        raise Refused("advisories-unreadable", f"{place} cannot be read ({error}).",
                      "Give a zip, folder or file of OSV JSON.") from error  # fmt: skip
    return "\n".join(lines), len(lines)


def _files(place: Path) -> Iterator[tuple[str, bytes]]:
    if place.is_dir():
        for file in sorted(place.rglob("*.json")):
            yield str(file), file.read_bytes()
    elif zipfile.is_zipfile(place):
        with zipfile.ZipFile(place) as packed:
            for entry in packed.infolist():
                if entry.filename.endswith(".json"):
                    if entry.file_size > _MOST_BYTES:
                        raise OSError(f"{entry.filename} is too large")
                    yield f"{place}: {entry.filename}", packed.read(entry)
    else:
        yield str(place), place.read_bytes()


def _records(name: str, data: bytes) -> list[Any]:
    try:
        try:
            found = json.loads(data)
        except ValueError:
            found = [json.loads(line) for line in data.splitlines() if line.strip()]
    except (ValueError, RecursionError) as error:
        raise Refused(
            "advisories-unreadable", f"{name} is not JSON.", "Give a zip, folder or file of OSV JSON."
        ) from error
    return cast("list[Any]", found) if isinstance(found, list) else [found]


def _smaller(record: Any) -> Any:
    """Return a record without its prose; what is none is sent as it is, and refused."""
    if not isinstance(record, dict):
        return record
    told = cast("dict[str, Any]", record)
    kept = {key: told[key] for key in _KEPT if key in told}
    if isinstance(kept.get("affected"), list):
        kept["affected"] = [
            {key: one[key] for key in _KEPT_OF_AFFECTED if key in one}
            for one in cast("list[Any]", kept["affected"]) if isinstance(one, dict)
        ]  # fmt: skip
    return kept
