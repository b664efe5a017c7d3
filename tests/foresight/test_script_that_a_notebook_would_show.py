"""Script that reaches what is shown by way of the document's own code, and script that only shows and hides."""

from __future__ import annotations

import pytest

from foresight_parts import code, of, of_weight, shown

SPEAKS = "Jupyter.notebook.kernel.execute('x')"
REACHES = {
    "_repr_html_": f'class A:\n    def _repr_html_(self):\n        return "<script>{SPEAKS}</script>"',
    "_repr_html_ of parts": f"class A:\n    def _repr_html_(self):\n        out = '<b>'\n        out += \"<script>{SPEAKS}</script>\"\n        return out + self.x",
    "_repr_svg_": "class A:\n    def _repr_svg_(self):\n        return '<svg onload=a()></svg>'",
    "_repr_markdown_": "class A:\n    def _repr_markdown_(self):\n        return '[x](javascript:a())'",
    "_repr_javascript_": "class A:\n    def _repr_javascript_(self):\n        return 'send(document.cookie)'",
    "_repr_mimebundle_": "class A:\n    def _repr_mimebundle_(self, **more):\n        return {'text/plain': 'A', 'text/html': '<img src=x onerror=a()>'}",
    "a bundle that was made before": "class A:\n    def _repr_mimebundle_(self, **more):\n        data = {'application/javascript': 'send(document.cookie)'}\n        return data",
    "a method that is put in later": "A._repr_html_ = lambda self: '<img src=x onerror=a()>'",
    "display, raw": "display({'text/html': '<img src=x onerror=a()>'}, raw=True)",
    "display of a name, raw": "from IPython.display import display as d\nb = {'application/javascript': 'send(document.cookie)'}\nd(b, raw=True)",
    "publish_display_data": "from IPython.display import publish_display_data\npublish_display_data({'application/javascript': 'send(document.cookie)'})",
    "publish_display_data by name": "from IPython.display import publish_display_data as p\np(data={'text/html': '<img src=x onerror=a()>'})",
    "the publisher of IPython": "get_ipython().display_pub.publish({'text/html': '<img src=x onerror=a()>'})",
    "anywidget": "import anywidget\nclass W(anywidget.AnyWidget):\n    _esm = 'export default { render() { fetch(\"/api/contents\") } }'",
    "anywidget, put in later": "import anywidget\nclass W(anywidget.AnyWidget): pass\nW._esm = 'send(document.cookie)'",
}  # fmt: skip


@pytest.mark.parametrize("name", REACHES)
def test_script_that_code_gives_to_be_shown_is_found(name: str) -> None:
    told = of_weight(of("1", REACHES[name]), "dangerous")
    assert any(one.kind == "active" and one.spot.cell == 2 for one in told), told


def test_what_is_shown_without_script_is_no_alarm() -> None:
    found = of(
        "class A:\n    def _repr_html_(self):\n        return f'<b>{self.name}</b>'\n    def _repr_markdown_(self):\n        return '# A'\n    def _repr_latex_(self):\n        return '$x$'",
        "class B:\n    def _repr_mimebundle_(self, **more):\n        return {'text/plain': 'document.cookie', 'text/html': '<i>B</i>'}",
        "display({'text/plain': 'a', 'text/html': '<b>a</b>'}, raw=True)\ndisplay(df)\ndisplay({'a': '<img src=x onerror=a()>'})",
    )  # fmt: skip
    assert of_weight(found, "dangerous", "notable") == []


def test_script_of_widgets_and_of_methods_is_worth_a_look() -> None:
    for source, words in (
        ("import anywidget\nclass W(anywidget.AnyWidget):\n    _esm = 'export default { render({ el }) { el.innerText = 1 } }'", "runs script in the browser"),
        ("import anywidget, pathlib\nclass W(anywidget.AnyWidget):\n    _esm = pathlib.Path(here)", "script in the browser"),
        ("import anywidget\nclass W(anywidget.AnyWidget):\n    _esm = 'https://cdn.example/w.js'", "cdn.example"),
        ("class A:\n    def _repr_javascript_(self):\n        return self.text", "_repr_javascript_"),
    ):  # fmt: skip
        found = of(source)
        assert of_weight(found, "dangerous") == []
        assert any(words in one.what for one in of_weight(found, "notable")), source


TOGGLE = (
    "code_show=true; \nfunction code_toggle() {\n if (code_show){\n $('div.input').hide();\n } else {\n $('div.input').show();\n }\n"
    " code_show = !code_show\n} \n$( document ).ready(code_toggle);\n"
)
FORM = '<form action="javascript:code_toggle()"><input type="submit" value="Click here to toggle on/off the raw code."></form>'
TOGGLES = {
    "the usual one": f"<script>{TOGGLE}</script>\n{FORM}",
    "with a link": f'<script>{TOGGLE}</script>The raw code is hidden. Click <a href="javascript:code_toggle()">here</a>.',
    "of one cell": "<script>\nfunction code_toggle_1() {\n  $('div.cell.code_cell.rendered.selected').find('div.input').toggle();\n}\n</script>\n<a href=\"javascript:code_toggle_1()\">Toggle</a>",
    "a button": "<button onclick=\"$('.input, .prompt, .output_stderr').toggle();\">Toggle code</button>",
}  # fmt: skip


@pytest.mark.parametrize("name", TOGGLES)
def test_a_code_toggle_is_worth_a_look_and_no_alarm(name: str) -> None:
    for cell in (
        f"from IPython.display import HTML\nHTML({TOGGLES[name]!r})",
        code("1", shown(html=TOGGLES[name])),
    ):
        found = of(cell)
        assert of_weight(found, "dangerous") == []
        assert any("only shows and hides" in one.what for one in of_weight(found, "notable")), found.acts


MORE = {
    "network": "fetch('https://evil.example/');",
    "a picture": "new Image().src = 'https://evil.example/';",
    "eval": "eval('a' + 'b');",
    "cookies": "x = document.cookie;",
    "cookies by brackets": "x = document['coo' + 'kie'];",
    "the kernel": "Jupyter.notebook.kernel.execute('x');",
    "the kernel by IPython": "IPython.notebook.kernel.execute('x');",
    "another page": "location = 'evil.example';",
    "a handler": "onerror = code_toggle;",
    "markup": "$('<img src=x onerror=a()>').show();",
    "a request of jQuery": "$.get('x');",
    "a constructor": "code_toggle.constructor('a')();",
    "letters by number": "$('\\x3cimg src=x\\x3e').show();",
    "a template": "$(`<img>`).show();",
}


@pytest.mark.parametrize("name", MORE)
def test_a_code_toggle_that_does_more_stays_dangerous(name: str) -> None:
    for html in (
        f"<script>{TOGGLE}{MORE[name]}</script>{FORM}",
        f"<script>{TOGGLE}</script>{FORM}<script>{MORE[name]}</script>",
        f'<script>{TOGGLE}</script>{FORM}<svg onload="{MORE[name]}"></svg>',
    ):
        assert of_weight(of(code("1", shown(html=html))), "dangerous"), html
