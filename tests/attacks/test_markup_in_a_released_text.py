"""A text of a notebook that leaves as a notebook holds HTML that acts, loads, or says what nobody sees."""

from __future__ import annotations

import json
import re

import pytest

from nbkeep.rendering import book, sources
from nbkeep.rendering.notes import Notes
from render_parts import made, notebook, text

pytestmark = pytest.mark.attack

BAD = re.compile(r"<[a-z!/][^>]*(?:onerror|evil|hid|javascript)", re.IGNORECASE)
ACTING = "<img src=x onerror=alert(1)>"
TEXTS = {
    "a slash for a blank": "<img/src=https://evil.example/p.png onerror=alert(1)>",
    "a slash for a blank, shown": "<div/data-k='hid'>words</div>",
    "a link that acts": "<a href=javascript:alert(1)>x</a>",
    "a link that acts, in quotes": "<a href=' javascript:alert(1)'>x</a>",
    "a picture from elsewhere": "<img src='https://evil.example/p.png'>",
    "a tag within a tag": "<<q1>img src=https://evil.example/p.png>",
    "a comment within a comment": "<!-<!-- -->- hid -->",
    "quotes that do not match": '<img title=\'a" src="https://evil.example/x">',
    "code over two paragraphs": f"`a\n\n{ACTING}\n\nb`",
    "code over a heading": f"`a\n# {ACTING}\nb`",
    "code over an item": f"`a\n1. {ACTING}\nb`",
    "code over the cells of a table": f"| a | b |\n|---|---|\n| ` | {ACTING} ` |",
    "a tick that is a word": f"\\` {ACTING} `",
    "fences in a block of HTML": f"<div>\n```\n{ACTING}\n```\n</div>",
    "fences that are none": f"``` `a\n{ACTING}\n```",
    "fences that stand too far in": f"    ```\n{ACTING}\n    ```",
    "a tag that goes on in code": '<img alt="`" src=https://evil.example/x onerror="`">',
    "no end": "<img src=https://evil.example/p.png onerror=alert(1)\n",
}


@pytest.mark.parametrize("source", list(TEXTS.values()), ids=list(TEXTS))
def test_no_tag_that_acts_or_loads_is_left_in_a_notebook(source: str) -> None:
    found, _ = made(notebook(text(f"words\n\n{source}")))
    leaves = "".join(json.loads(book.as_json(found))["cells"][0]["source"])
    assert not BAD.search(leaves), leaves
    assert made(book.as_json(found))[0] == found


@pytest.mark.parametrize(
    "source",
    ["`<b onx=1>` and ``a ` <i hid>``", "```\n<b onx=1>\n\n<!-- x -->\n```", "~~~ html\n<b onx=1>\n~~~\n",
     "- a\n\n    ```\n    List<String>\n    ```\n", "<https://example.com/?a=b>", "[a](<https://example.com/x>)",
     "<a href='https://example.com/?a=1&b=2'>x</a>", "<img src=\"attachment:p.png\" alt='a>b'>", "a < b, 1<2"],
)  # fmt: skip
def test_code_links_and_signs_stay_as_they_are(source: str) -> None:
    assert sources.shown(source, Notes()) == source


def test_a_formula_is_still_one() -> None:
    assert sources.shown("$a<b$", Notes()) == "$a< b$"


@pytest.mark.parametrize(
    "source",
    ["`" * 100_000, "<a ``` ` " * 20_000, "".join("`" * (1 + n % 300) + "< " for n in range(3_000)),
     "](" + " " * 100_000 + "<", "](<" * 30_000, "<a b=" * 30_000, "<script>" * 20_000, "<!--" * 30_000, "<?" * 50_000,
     "".join(f"[l{n}]: https://example.com/{n}\n" for n in range(5_000)), "<\n```\n" * 20_000],
    ids=lambda source: repr(source[:8]),
)  # fmt: skip
def test_texts_of_one_sign_are_read_at_once(source: str) -> None:
    """In time that grows with the text: each took minutes, or would, if it grew with its square."""
    sources.shown(source, Notes())
