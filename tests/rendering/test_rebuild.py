"""What leaves of a notebook, and in which form."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import fastjsonschema
import pytest

from nbkeep.rendering import book, script, slides, terminal
from nbkeep.rendering.interface import Keep
from nbkeep.rendering.notes import Notes
from render_parts import as_html, b64, code, made, notebook, png, shown, stream, text


def test_making_it_twice_changes_nothing_and_gives_the_same_bytes() -> None:
    styled = "<style>#T_ab_row0_col0{color:red}</style><table id=T_ab><tr><td id=T_ab_row0_col0>1</table>"
    data = notebook(
        text("# A\n<b title=x>b</b> $x^2$ ![p](attachment:p.png)", attachments={"p.png": {"image/png": b64(png())}}),
        code("a", stream("x\r\x1b[31my\x1b[0m"), shown(text_html=styled), shown(image_png=b64(png())),
             shown(image_svg_xml="<svg><text>hi</text></svg>"), shown(application_json={"a": [1]}),
             {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["t\x1b[31m!", "u"]}),
    )  # fmt: skip
    first, _ = made(data)
    again, left_out = made(book.as_json(first))
    assert again == first
    assert left_out == []
    assert as_html(data) == as_html(book.as_json(first))


def test_a_notebook_that_leaves_is_one_for_jupyter() -> None:
    # Without nbformat itself, which takes seconds to import beside the libraries that Jupyter brings.
    found_at = importlib.util.find_spec("nbformat")
    assert found_at is not None
    schema = Path(str(found_at.origin)).parent / "v4" / "nbformat.v4.5.schema.json"
    validate: Any = fastjsonschema.compile(json.loads(schema.read_text(encoding="utf-8")))
    data = notebook(
        text("# A ![p](attachment:p.png)", attachments={"p.png": {"image/png": b64(png())}}),
        code("a", stream("x"), shown(text_html="<b>x</b>"), shown(image_png=b64(png())), shown(application_json=[1]),
             {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["t"]}),
        {"cell_type": "raw", "id": "r", "metadata": {}, "source": "raw"},
    )  # fmt: skip
    found, _ = made(data, Keep(raw_cells=True, tags=True))
    validate(json.loads(book.as_json(found)))


@pytest.mark.parametrize(
    ("keep", "left", "gone"),
    [
        (Keep(), {"code()", "out", "words"}, {"raw", "folded()"}),
        (Keep(code=False), {"out", "words"}, {"code()"}),
        (Keep(outputs=False), {"code()", "words"}, {"out"}),
        (Keep(markdown=False), {"code()", "out"}, {"words"}),
        (Keep(raw_cells=True, hidden_cells=True), {"raw", "folded()"}, set[str]()),
    ],
)
def test_what_is_kept_is_there_and_nothing_else(keep: Keep, left: set[str], gone: set[str]) -> None:
    data = notebook(text("words"), code("code()", stream("out")), {"cell_type": "raw", "metadata": {}, "source": "raw"},
                    code("folded()", jupyter={"source_hidden": True}))  # fmt: skip
    html = as_html(data, keep).partition("<main>")[2]
    for one in left:
        assert one in html.replace("<span", "\0").replace("</span>", "") or one.strip("()") in html
    for one in gone:
        assert one.strip("()") not in html


def test_streams_of_a_cell_are_joined_where_a_program_wrote_on() -> None:
    found, _ = made(
        notebook(
            code(
                "a",
                stream("sk-"),
                stream("warning", "stderr"),
                stream("rest\n"),
                shown(text_plain="x"),
                stream("z"),
            )
        )
    )
    assert [(one.kind, one.name, one.text) for one in found.cells[0].outputs] == [
        ("stream", "stdout", "sk-rest\n"), ("stream", "stderr", "warning"), ("data", "", "x"), ("stream", "stdout", "z"),
    ]  # fmt: skip


def test_html_that_only_a_script_would_fill_gives_way_to_the_picture() -> None:
    plot = shown(
        text_html="<div id=x></div><script>draw()</script>", image_png=b64(png()), text_plain="Figure"
    )
    found, _ = made(notebook(code("a", plot)))
    assert found.cells[0].outputs[0].mime == "image/png"


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("10%\r100%\n", "100%\n"),
        ("abc\rX\n", "Xbc\n"),
        ("ab\b\bc", "c"),
        ("a\x1b[2J\x1b[31mb\x1b[0m\x07", "a\x1b[31mb\x1b[0m"),
        ("a\x1b]0;title\x07b\x1b(B", "ab"),
        ("\x1b\x1b[31m[31m", "\x1b[31m[31m"),
        ("x\r\ny", "x\ny"),
    ],
)
def test_text_is_what_a_terminal_shows_in_the_end(written: str, seen: str) -> None:
    assert terminal.plain(written)[0] == seen


def test_colours_are_classes_and_nothing_else_is_html() -> None:
    assert terminal.as_html("\x1b[1;31m<b>\x1b[0m&") == '<span class="bold fg-red">&lt;b&gt;</span>&amp;'
    assert (
        terminal.as_html("\x1b[38;5;124ma\x1b[48;2;0;0;255mb")
        == '<span class="fg-red">a</span><span class="fg-red bg-blue">b</span>'
    )
    assert "U+202E" in terminal.as_html("a\u202eb")
    assert "<b>" not in terminal.as_html("\x1b[<b>mx" + "\x1b[" + "9" * 5000 + "m<b>")


def test_code_in_a_text_keeps_what_looks_like_comments_and_tags() -> None:
    source = "```html\n<!-- kept -->\n<div onclick=x>\n```\n`<!-- kept too -->` <!-- gone -->\n\n[a]: https://x.org 'gone'\n[b]: https://gone.org\n[a]"
    found, _ = made(notebook(text(source)))
    assert "<!-- kept -->\n<div onclick=x>" in found.cells[0].source
    assert "<!-- kept too -->" in found.cells[0].source
    assert "[a]: https://x.org\n" in found.cells[0].source
    assert "gone" not in found.cells[0].source


def test_a_script_runs_as_python_and_has_no_outputs() -> None:
    data = notebook(
        text("# Title\n\nwords"),
        code("%matplotlib inline\n!ls\nx = (5\n% 3)\nprint(x)", stream("OUT")),
        code("%%bash\nrm -r x"),
    )
    made_of = script.of_book(made(data)[0]).decode()
    compile(made_of, "script", "exec")
    assert made_of == ("# %% [markdown]\n# # Title\n#\n# words\n\n# %%\n# %matplotlib inline\n# !ls\nx = (5\n% 3)\nprint(x)\n"
                       "\n# %%\n# %%bash\n# rm -r x\n")  # fmt: skip


def test_slides_follow_their_marks_and_leave_out_what_is_none() -> None:
    def marked(source: str, kind: str) -> dict[str, Any]:
        return {"cell_type": "markdown", "metadata": {"slideshow": {"slide_type": kind}}, "source": source}

    notes = Notes()
    data = notebook(
        marked("# Not this, it is a note", "notes"),
        marked("# One", "slide"),
        marked("more", "-"),
        marked("not this", "skip"),
        marked("nor this", "notes"),
        marked("two", "subslide"),
    )
    html = slides.of_book(made(data)[0], "a.ipynb", notes).decode()
    assert html.count('<section class="slide"') == 2
    assert 'data-at="2 / 2"' in html
    assert "this" not in html.partition("<main>")[2]
    assert "<title>One</title>" in html
    assert notes.sentences() == ["3 cells that are no slides (skipped, or notes of the speaker)"]


def test_formulas_are_drawn_and_what_is_none_is_shown() -> None:
    html = as_html(
        notebook(
            text(
                "$x^2$ costs $5 and $7, `$a$`\n\n$$\\frac{a}{b}$$\n\n\\begin{align}a &= b\\end{align}\n\n$\\text{<b>}$"
            )
        )
    )
    assert html.count("<math") == 3
    assert "costs $5 and $7" in html
    assert "<code>$a$</code>" in html
    assert '<code class="formula">$\\text{&lt;b&gt;}$</code>' in html


@pytest.mark.parametrize(
    ("written", "leaves"),
    [
        ("![a](http://far.example/y.png)", "[a](http://far.example/y.png)"),
        ("![](http://far.example/y.png 'T')", "[picture](http://far.example/y.png)"),
        ("![a][b]\n\n[b]: http://far.example/y.png\n", "[a][b]\n\n[b]: http://far.example/y.png\n"),
        ("![b]\n\n[b]: http://far.example/y.png\n", "\\![b]\n\n[b]: http://far.example/y.png\n"),
        ("![a [b] c](http://far.example/y.png)", "\\![a [b] c](http://far.example/y.png)"),
        ("[![a](http://far.example/y.png)](https://ok.example/)",
         "[[a](http://far.example/y.png)](https://ok.example/)"),
        ("so \\![a](http://far.example)", "so \\![a](http://far.example)"),
        ("`![a](http://far.example)`", "`![a](http://far.example)`"),
    ],
)  # fmt: skip
def test_a_picture_that_lies_elsewhere_is_a_link_in_a_notebook_that_leaves(written: str, leaves: str) -> None:
    found, left_out = made(notebook(text(written)))
    assert found.cells[0].source == leaves
    assert made(book.as_json(found))[0] == found
    assert bool(left_out) == (written != leaves and not leaves.startswith("\\!"))
    assert "<img" not in as_html(notebook(text(written)))


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "jAva&#115;cript:alert(1)", "javascript&colon;alert(1)", "javascript\\:x", "vbscript:x",
     "data:text/html,<b>", "file:///etc/passwd", "<javascript:alert(1)>", "<java\tscript:alert(1)>"],
)  # fmt: skip
@pytest.mark.parametrize("place", ["[a]({})", "[a][b]\n\n[b]: {}\n", "[a][b]\n\n> [b]: {} 'title'\n"])
def test_a_link_that_runs_something_leads_nowhere_in_a_notebook_that_leaves(address: str, place: str) -> None:
    source = made(notebook(text(place.format(address))))[0].cells[0].source
    scheme = source.lower().replace("\\", "").replace("\t", "")
    assert not any(
        one in scheme for one in ("(javascript", ": javascript", "script&colon", "data:", "file:", "vbs")
    )
    plain = "[a](other.ipynb#x) [b](https://ok.example/(1)) [c](#there) <https://ok.example> [WARN] a: b"
    assert made(notebook(text(plain)))[0].cells[0].source == plain
