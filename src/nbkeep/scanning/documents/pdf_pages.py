"""Prints the pages of the PDF on standard input, each as a line of JSON: run by pdf.py, in its bounds."""

from __future__ import annotations

import io
import json
import logging
import resource
import sys
from typing import Any

from pypdf import PdfReader

_MEMORY_BYTES = 2 * 2**30


def main(most: int, seconds: int) -> None:
    """Print what can be read, and as the last line why anything could not be."""
    for what, bound in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, _MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, 0),
    ):
        resource.setrlimit(what, (bound, bound))
    logging.disable()
    why = ""
    try:
        reader = PdfReader(io.BytesIO(sys.stdin.buffer.read()))
        if reader.is_encrypted and not reader.decrypt(""):
            why = "is a PDF with a password"
        else:
            said: dict[str, object] = dict(reader.metadata or {})
            _say(0, "\n".join(f"{key}: {value}" for key, value in said.items()))
            for number, page in enumerate(reader.pages, 1):
                if number > most:
                    why = f"has more than {most:,} pages: the others were not read"
                    break
                notes = [
                    str(_object(note).get("/Contents", "")) for note in _object(page.get("/Annots")) or ()
                ]
                _say(number, "\n".join([page.extract_text(), *notes]))
    except Exception as error:  # noqa: BLE001  whatever a broken file makes of its reader is the answer
        why = f"is a PDF that cannot be read ({type(error).__name__})"
    print(json.dumps({"end": why}))  # noqa: T201  the answer of this program


def _object(value: Any) -> Any:
    """Return what a reference in a PDF refers to."""
    return value.get_object() if hasattr(value, "get_object") else value


def _say(page: int, text: str) -> None:
    print(json.dumps({"page": page, "text": text}), flush=True)  # noqa: T201  see above


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
