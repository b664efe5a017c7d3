"""The name of a file leaves with it: it is looked through, and nothing that was found in it leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nbkeep.rendering import job
from nbkeep.rendering.interface import Order
from render_parts import code, needs_a_jail, notebook
from scan_parts import KEY

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = needs_a_jail


@pytest.mark.parametrize(
    ("name", "form", "called"),
    [
        (f"{KEY}.ipynb", "html", "document.html"),
        (f"run_{KEY}_final.ipynb", "ipynb", "document.ipynb"),
        (f"{KEY}.csv", "original", "document.csv"),
        ("plan.ipynb", "html", "plan.html"),
    ],
)
def test_a_key_in_the_name_is_found_and_does_not_leave(
    name: str, form: str, called: str, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"a,b\n1,2\n" if form == "original" else notebook(code("a = 1")))
    made = job.make(source, Order(f"work/{name}", form), tmp_path)
    assert made.problem == ""
    found = [(one.kind, one.place.part) for one in made.findings]
    assert found == ([("secret", "file name")] if KEY in name else [])
    for page in (made.plain, made.redacted, made.preview):
        assert page is not None
        assert KEY.encode() not in page.file.read_bytes()
    assert made.plain is not None
    assert made.plain.name == called
    assert not any(KEY in one.path for one in made.findings)
