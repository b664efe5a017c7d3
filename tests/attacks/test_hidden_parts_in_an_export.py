"""What does not show in a notebook is to leave with it: twenty marks in twenty places."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from nbkeep.rendering import job
from nbkeep.rendering.interface import Keep, Order
from render_parts import b64, code, in_every_form, made, needs_a_jail, notebook, png, shown, stream, text

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.attack

SVG = ('<svg xmlns="http://www.w3.org/2000/svg"><title>{0}-TITLE</title><metadata>{0}-META</metadata><!-- {0}-COMMENT -->'
       '<rect width="5" height="5" data-x="{0}-DATA"/><g display="none"><text>{0}-HIDDEN</text></g></svg>')  # fmt: skip


def jpeg(comment: str) -> bytes:
    exif = Image.Exif()
    exif[0x010E] = comment
    exif[0x927C] = comment
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "blue").save(file, "JPEG", exif=exif, comment=comment.encode())
    return file.getvalue() + comment.encode()


def hiding() -> bytes:
    styled = shown(text_html="<b>a</b><span data-x='MARK-DATA' title='MARK-HTITLE' onclick='MARK-ON'>b</span>"
                             "<!-- MARK-COMMENT --><template>MARK-TEMPLATE</template><script>MARK-SCRIPT</script>"
                             "<input type=hidden value='MARK-INPUT'><style>/* MARK-CSS */</style><meta content=MARK-META>",
                   text_plain="MARK-ALTERNATIVE", application_javascript="MARK-JAVASCRIPT")  # fmt: skip
    styled["metadata"] = {"x": "MARK-OUTPUTMETA"}
    return notebook(
        text("# Seen\n<!-- MARK-MDCOMMENT -->\n\n[//]: # (MARK-REFERENCE)\n\n[x](https://example.org 'MARK-LINKTITLE') "
             "<span data-x='MARK-MDDATA'>raw</span> ![p](attachment:p.png)\n<script>MARK-MDSCRIPT</script>",
             attachments={"p.png": {"image/png": b64(png(comment="MARK-PNGTEXT") + b"MARK-BEHINDEND")},
                          "MARK-ATTACHMENTNAME.png": {"image/png": b64(png(comment="MARK-UNUSED"))}}),
        code("seen()", styled, MARK_CELLMETA=1, execution={"iopub.execute_input": "MARK-TIMING"}),
        code("picture()", shown(image_png=b64(png(comment="MARK-PNG")), text_plain="MARK-PLAIN")),
        code("photo()", shown(image_jpeg=b64(jpeg("MARK-JPEG")))),
        code("drawing()", shown(image_svg_xml=SVG.format("MARK-SVG"))),
        code("progress()", stream("MARK-OVERWRITTEN\rdone            \n"), stream("\x1b]0;MARK-OSC\x07ok")),
        code("MARK_FOLDED()", shown(text_plain="MARK-FOLDEDOUT"), jupyter={"source_hidden": True, "outputs_hidden": True}),
        code("MARK_REMOVED()", tags=["remove-cell"]),
        code("MARK_INPUT()", shown(text_plain="seen"), tags=["hide-input", "MARK-TAG"]),
        code("collapsed()", shown(text_plain="MARK-COLLAPSED"), collapsed=True),
        code("odd()", {"output_type": "MARK-KIND", "MARK-KEY": "MARK-VALUE"}),
        {"cell_type": "raw", "id": "MARK-ID", "metadata": {}, "source": "MARK-RAW"},
        kernelspec={"name": "MARK-KERNEL", "display_name": "/home/MARK-PATH/env", "language": "python"},
        papermill={"parameters": {"p": "MARK-PARAMETER"}, "input_path": "/home/MARK-INPUTPATH"},
        widgets={"application/vnd.jupyter.widget-state+json": {"state": {"a": {"v": "MARK-WIDGET"}}}},
        authors=[{"name": "MARK-AUTHOR"}],
        language_info={"name": "python", "version": "MARK-VERSION"},
    )  # fmt: skip


def test_none_of_them_is_in_any_form() -> None:
    for form, data in in_every_form(hiding()).items():
        assert b"MARK" not in data, (form, data[max(data.find(b"MARK") - 60, 0) :][:140])
        assert b"seen()" in data


def test_what_was_left_out_is_told() -> None:
    _, left_out = made(hiding())
    told = " ".join(left_out)
    for words in (
        "raw cell",
        "hidden",
        "other forms",
        "widget",
        "attachment",
        "comments",
        "overwritten",
        "tags",
        "metadata",
    ):
        assert words in told
    assert "MARK" not in told


def test_what_is_asked_for_leaves_and_no_more() -> None:
    forms = in_every_form(hiding(), Keep(raw_cells=True, hidden_cells=True))
    assert b"MARK-RAW" in forms["html"]
    assert b"MARK_FOLDED" in forms["html"]
    for wrong in (b"MARK-WIDGET", b"MARK-PARAMETER", b"MARK-PNG", b"MARK-ID", b"MARK-TAG", b"MARK-SCRIPT"):
        assert all(wrong not in data for data in forms.values())


@needs_a_jail
def test_none_of_them_passes_the_whole_way_through_the_jail(tmp_path: Path) -> None:
    source = tmp_path / "a.ipynb"
    source.write_bytes(hiding())
    done = job.make(source, Order("work/a.ipynb", "html"), tmp_path)
    assert done.problem == ""
    assert done.plain is not None
    assert b"MARK" not in done.plain.file.read_bytes()
