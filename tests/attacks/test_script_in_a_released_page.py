"""A notebook's outputs, texts, drawings and names try to run script, load something, or cover the page that shows them.

The pages are opened in a real browser, their own policy taken away: the cleaning alone has to hold.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from browser_parts import chromium
from nbkeep.rendering import page as pages
from nbkeep.rendering import rebuild
from nbkeep.rendering.interface import Keep
from nbkeep.rendering.notes import Notes
from render_parts import b64, code, notebook, png, shown, text

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

__all__ = ["chromium"]
pytestmark = pytest.mark.attack

HIT = "window.hit=1"
PAYLOADS = [
    f"<script>{HIT}</script>", f"<img src=x onerror={HIT}>", f"<svg onload={HIT}>", f"<svg><script>{HIT}</script></svg>",
    f"<body onload={HIT}>", f"<details open ontoggle={HIT}>x</details>", f"<input autofocus onfocus={HIT}>",
    f"<iframe srcdoc='<script>parent.{HIT}</script>'></iframe>", f"<iframe src='javascript:parent.{HIT}'></iframe>",
    f"<object data='javascript:{HIT}'></object>", f"<embed src='javascript:{HIT}'>", f"<a id=go href='javascript:{HIT}'>x</a>",
    f"<a id=go href='java&#10;script:{HIT}'>x</a>", f"<a id=go href='&#1;javascript:{HIT}'>x</a>",
    f"<a id=go href='data:text/html,<script>opener.{HIT}</script>'>x</a>", f"<form action='javascript:{HIT}'><button id=go>x</button></form>",
    f"<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=x onerror={HIT}&gt;'></mglyph></table></mtext></math>",
    f"<svg></p><style><a title='</style><img src=x onerror={HIT}>'></a></style></svg>",
    f"<noscript><p title='</noscript><img src=x onerror={HIT}>'></noscript>", f"<template><img src=x onerror={HIT}></template>",
    f"<form><math><mtext></form><form><mglyph><style></math><img src=x onerror={HIT}></style></mglyph></form></mtext></math>",
    f"<svg><foreignObject><iframe srcdoc='<script>parent.{HIT}</script>'></iframe></foreignObject></svg>",
    f"<svg><animate onbegin={HIT} attributeName=x dur=1s></svg>", f"<svg><a xlink:href='javascript:{HIT}'><text id=go>x</text></a></svg>",
    f"<xmp><p title='</xmp><img src=x onerror={HIT}>'></xmp>", f"<plaintext><img src=x onerror={HIT}>",
    f"<textarea></textarea><img src=x onerror={HIT}>", f"<title><img src=x onerror={HIT}></title>", f"</main></body></html><script>{HIT}</script>",
    f"<img src='data:image/svg+xml,<svg xmlns=http://www.w3.org/2000/svg onload={HIT}/>'>", f"<div style='background:url(javascript:{HIT})'>x</div>",
    f"<meta http-equiv=refresh content='0;url=javascript:{HIT}'>", f"<base href='javascript:/'><a id=go href='#{HIT}'>x</a>",
    f"<p>\ue0000\ue001<img alt='\ue0000\ue001 onerror={HIT} src=x'>", f"`x`{{onclick={HIT}}}", f"$\\text{{<img src=x onerror={HIT}>}}$",
    f"$\\href{{javascript:{HIT}}}{{x}}$", f"$$\\style{{x}}{{<script>{HIT}</script>}}$$", f"[x](javascript:{HIT})", f"![x]( x' onerror='{HIT})",
    f"$\\text{{<script>{HIT}</script>}}$", f"$$\\text{{<iframe/>}}<script>{HIT}</script>$$",
    f"<javascript:{HIT}>", f"[x]: javascript:{HIT}\n[x]", f'```html"onclick={HIT}\n</pre><script>{HIT}</script>\n```', f"# <img src=x onerror={HIT}>",
    f'# " onmouseover="{HIT}', f"| a |\n|---|\n| <img src=x onerror={HIT}> |", f'![$x$ " onerror={HIT}](x)', f"<b/onclick={HIT}>x</b>",
]  # fmt: skip
LOADS = [
    "<img src=http://evil.invalid/1>", "<img srcset='http://evil.invalid/2 1x'>", "<link rel=stylesheet href=http://evil.invalid/3>",
    "<link rel=prefetch href=//evil.invalid/4>", "<style>@import 'http://evil.invalid/5';</style>", "<table background=http://evil.invalid/6><td>x</table>",
    "<div style='background:url(http://evil.invalid/7)'>x</div>", "<div style='background:\\75rl(http://evil.invalid/8)'>x</div>",
    "<style>#T_a{background:url(http://evil.invalid/9)} #T_a,*{background:url(//evil.invalid/10)}</style><b id=T_a>x</b>",
    "<video src=http://evil.invalid/11 poster=http://evil.invalid/12></video>", "<svg><image href=http://evil.invalid/13 /></svg>",
    "<iframe src=http://evil.invalid/14></iframe>", "<object data=http://evil.invalid/15></object>", "<input type=image src=http://evil.invalid/16>",
    "<style>@font-face{font-family:x;src:url(http://evil.invalid/17)}*{font-family:x}</style>", "<body background=http://evil.invalid/18>",
    "<div style='border-image:url(http://evil.invalid/19);content:image-set(\"http://evil.invalid/20\" 1x);cursor:url(//evil.invalid/21)'>x</div>",
    "![x](http://evil.invalid/22)", "<audio autoplay src=http://evil.invalid/23></audio>", "<meta http-equiv=refresh content='0;url=http://evil.invalid/24'>",
]  # fmt: skip
COVERS = [
    "<div style='position:fixed;top:0;left:0;width:100vw;height:100vh;background:red'>x</div>",
    "<div style='position:absolute;inset:0;width:99999px;height:99999px;background:red'>x</div>",
    "<style>*{background-color:rgb(1,2,3)} #T_y, main{background-color:rgb(1,2,3)}</style><i>x</i>",
    "<style>body{display:none}</style><style>#T_x{position:fixed;inset:0}main{display:none}</style><b id=T_x>x</b>",
    "<div style='margin:-9999px;transform:scale(99);padding:99999px;border:9999px solid red'>x</div>",
]
CHECK = """() => {
  const wrong = [];
  for (const one of document.querySelectorAll("*")) {
    if (/^(script|iframe|object|embed|link|base|form|input|button|video|audio|svg|template|frame|textarea)$/i.test(one.tagName)) wrong.push(one.outerHTML);
    if (one.tagName === "META" && /refresh/i.test(one.httpEquiv)) wrong.push(one.outerHTML);
    for (const said of one.attributes) {
      if (/^on/i.test(said.name) || /^(srcset|srcdoc|action|formaction|poster|background|ping|target)$/i.test(said.name)) wrong.push(one.outerHTML);
      if (/^(src|href|xlink:href)$/i.test(said.name) && !/^(data:image\\/|https?:|mailto:|#h-)/.test(said.value)) wrong.push(one.outerHTML);
      if (said.name === "src" && !/^data:image\\//.test(said.value)) wrong.push(one.outerHTML);
    }
    const style = getComputedStyle(one);
    if (style.position === "fixed" || style.backgroundColor === "rgb(1, 2, 3)" || style.backgroundImage.includes("url(")) wrong.push(one.outerHTML);
  }
  return wrong.slice(0, 5).map((html) => html.slice(0, 200));
}"""


def hostile(payloads: list[str]) -> bytes:
    name = f"<img src=x onerror={HIT}>.png"
    cells = [code(f"x = {json.dumps(one)}", shown(text_html=one)) for one in payloads]
    cells += [text(one) for one in payloads]
    cells += [
        code("a", shown(text_markdown=one), shown(text_latex=one), shown(text_plain=one)) for one in payloads
    ]
    cells += [
        code("a", shown(image_svg_xml=f'<svg xmlns="http://www.w3.org/2000/svg">{one}</svg>'))
        for one in payloads
    ]
    cells += [code("a", {"output_type": "stream", "name": one, "text": one},
                   {"output_type": "error", "ename": one, "evalue": one, "traceback": [f"\x1b[31m{one}\x1b[0m", one]},
                   shown(application_json={one: [one]})) for one in payloads]  # fmt: skip
    cells += [
        text(f"![{one}](attachment:{name})", attachments={name: {"image/png": b64(png())}})
        for one in payloads[:3]
    ]
    return notebook(*cells, language_info={"name": payloads[0]}, title=payloads[0])


def page_of(payloads: list[str], name: str = "<script>window.hit=1</script>.ipynb") -> str:
    made = rebuild.rebuild(hostile(payloads), Keep(), Notes())
    return pages.of_book(made, name, Notes()).decode()


@pytest.mark.parametrize("payloads", [PAYLOADS, LOADS, COVERS], ids=["runs", "loads", "covers"])
def test_nothing_runs_and_nothing_is_asked_for(
    chromium: Browser, tmp_path: Path, payloads: list[str]
) -> None:
    html = page_of(payloads)
    assert pages.POLICY in html
    file = tmp_path / "page.html"
    file.write_text(html.replace(pages.POLICY, ""), encoding="utf-8")
    context = chromium.new_context(viewport={"width": 900, "height": 700})
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: dialog.dismiss())
    page.goto(file.as_uri())
    assert page.evaluate(CHECK) == []
    # Read and written once more, as by a page that takes it into itself: where a mutation would wake up.
    page.evaluate("() => { const one = document.querySelector('main'); one.innerHTML = one.innerHTML; }")
    assert page.evaluate(CHECK) == []
    page.evaluate("() => document.querySelectorAll('#go, a:not([href^=http])').forEach((one) => one.click())")
    page.wait_for_timeout(100)
    assert page.evaluate("() => window.hit") is None
    assert [one for one in asked if not one.startswith(("data:image/", file.as_uri()))] == []
    context.close()


def test_the_own_policy_of_a_page_lets_nothing_run_either(chromium: Browser, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    bad = f"<script>{HIT}</script><img src=http://evil.invalid/ onerror={HIT}><iframe src=http://evil.invalid/></iframe>"
    file.write_bytes(pages.whole("x", bad, ("page.css",)))
    context = chromium.new_context()
    page = context.new_page()
    done: list[str] = []
    page.on("requestfinished", lambda request: done.append(request.url))
    page.goto(file.as_uri())
    assert page.evaluate("() => window.hit") is None
    assert [one for one in done if "evil" in one] == []
    context.close()
