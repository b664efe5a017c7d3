"""A picture that a text holds itself is looked through, and leaves without what stands beside its pixels."""

from __future__ import annotations

import base64
import io
import re
from typing import Any

import pytest
from PIL import Image

from nbkeep.rendering.interface import Keep
from nbkeep.rendering.pictures import renewed
from render_parts import b64, in_every_form, made, notebook, png, shown, text
from scan_parts import KEY, scan

PICTURE = b64(png(comment=f"key {KEY}"))
ADDRESS = f"data:image/png;base64,{PICTURE}"
WRITTEN = {
    "markdown": f"# Map\n![map]({ADDRESS})",
    "in angles": f"![map](<{ADDRESS}>)",
    "by reference": f"![map][m]\n\n[m]: {ADDRESS}\n",
    "in capitals": f"![map]({ADDRESS.replace('data:image', 'DATA:Image')})",
    "with parameters": f"![map]({ADDRESS.replace('png;', 'png;charset=utf-8;')})",
    "HTML": f'<img alt="map" src="{ADDRESS}">',
    "HTML with breaks": f"<img alt='map' src='\n{ADDRESS[:60]}\n{ADDRESS[60:]}'>",
    "code that may be none": f"`x ![map]({ADDRESS})`",
}


@pytest.mark.parametrize("how", WRITTEN)
def test_it_is_looked_through(how: str) -> None:
    for content, name in ((notebook(text(WRITTEN[how])).decode(), "a.ipynb"), (WRITTEN[how], "a.md")):
        assert [one.kind for one in scan(content, name).findings] == ["secret"], name


@pytest.mark.parametrize("how", WRITTEN)
def test_it_leaves_made_anew_in_every_form(how: str) -> None:
    again = renewed(PICTURE)
    assert again is not None
    assert KEY.encode() not in base64.b64decode(again[1])
    for form, data in in_every_form(notebook(text(WRITTEN[how]))).items():
        leaves = "".join(data.decode().split())
        assert PICTURE[-60:] not in leaves, form
        assert _texts_of_pictures(leaves) == {again[1]}, form


def test_so_do_those_of_outputs_and_of_raw_cells() -> None:
    raw: dict[str, Any] = {"cell_type": "raw", "id": "r", "metadata": {}, "source": WRITTEN["HTML"]}
    output: dict[str, Any] = {
        "cell_type": "code", "id": "x", "metadata": {}, "source": "", "execution_count": 1,
        "outputs": [shown(text_markdown=WRITTEN["markdown"])],
    }  # fmt: skip
    for cell in (raw, output):
        leaves = in_every_form(notebook(cell), Keep(raw_cells=True))["ipynb"].decode()
        assert PICTURE not in leaves
        assert "data:image/png;base64," in leaves


def test_where_a_photo_was_taken_does_not_leave() -> None:
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    photo = io.BytesIO()
    Image.new("RGB", (8, 8), "blue").save(photo, "JPEG", exif=exif)
    source = f'<img src="data:image/jpeg;base64,{b64(photo.getvalue())}">'
    leaves = in_every_form(notebook(text(source)))["ipynb"].decode()
    (picture,) = _texts_of_pictures("".join(leaves.split()))
    assert b"taken at home" not in base64.b64decode(picture)


@pytest.mark.parametrize(
    "address", [f"data:image/png;base64,{'QUtJ' * 30}", f"data:image/png,{'%89PNG' * 10}", "data:image/x;a," + "b" * 50]
)  # fmt: skip
def test_what_is_no_picture_is_left_out_and_said(address: str) -> None:
    book, left_out = made(notebook(text(f"See ![map]({address}) there")))
    assert book.cells[0].source == "See ![map](attachment:) there"
    assert left_out == ["1 picture that could not be read, or is too large"]


def test_a_sentence_about_such_addresses_stays() -> None:
    source = "Write `data:image/png;base64,…` or ![x](data:image/png;base64,AAAA)."
    assert made(notebook(text(source)))[0].cells[0].source == source


def _texts_of_pictures(leaves: str) -> set[str]:
    return set(re.findall(r"data:image/(?:png|jpeg);base64,([A-Za-z0-9+/=]+)", leaves))
