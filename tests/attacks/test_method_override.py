"""Attack: send a method that is allowed, and have the server take another one from a header."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from keyed_parts import HOST
from restricted_parts import OTHER_HOST, judging

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from restricted_parts import Judged

pytestmark = pytest.mark.attack


@pytest.fixture
def judged(tmp_path: Path) -> Generator[Judged]:
    with judging(tmp_path) as found:
        yield found


@pytest.mark.parametrize(
    "name",
    [
        "X-HTTP-Method-Override",
        "x-http-method",
        "X-Method-Override",
        "X_HTTP_Method_Override",
        "X-Http_Method-override",
        "X-Original-Method",
        "X-Forwarded-Method",
    ],
)
def test_a_header_with_another_method_is_refused(judged: Judged, name: str) -> None:
    for allow, deny in ((f"POST@{HOST}", ""), (HOST, f"DELETE@{HOST}")):
        judged.reach(f"{allow} {OTHER_HOST}", deny)
        status, said = judged.ask("POST", "/x", {name: "DELETE"})
        assert status == 403
        assert "may have another method by its header" in said
        assert f"{name}: DELETE".lower() not in said.lower(), "only the name is told"
        assert judged.clear("POST", "/x", f"{name}: DELETE", "Content-Length: 0").startswith(b"HTTP/1.1 403 ")
    assert judged.arrived == []
    judged.gateway.add(f"{OTHER_HOST}:{judged.echo.port}")
    assert judged.ask("POST", "/x", {name: "DELETE"}, host=OTHER_HOST)[0] == 200, (
        "no rule is about its requests"
    )


@pytest.mark.parametrize(
    "query",
    [
        "_method=DELETE",
        "a=1&_METHOD=DELETE",
        "a=1;%5fmethod=DELETE",
        ".method=DELETE",
        "+_method=DELETE",
        "_method[]=DELETE",
        "%5Bmethod=DELETE",
        "x-http-method-override=DELETE",
        "_method",
    ],
)
def test_a_query_with_another_method_is_refused(judged: Judged, query: str) -> None:
    """As Symfony, Laravel and Express take it; PHP reads a dot or a bracket as `_`."""
    for allow, deny in ((f"POST@{HOST}", ""), (HOST, f"DELETE@{HOST}")):
        judged.reach(allow, deny)
        status, said = judged.ask("POST", f"/x?{query}")
        assert (status, "may have another method by its query" in said) == (403, True), said
        assert judged.clear("POST", f"/x?{query}", "Content-Length: 0").startswith(b"HTTP/1.1 403 ")
    assert judged.arrived == []
    assert judged.ask("POST", "/x?method=DELETE&my_method=1&q=_method")[0] == 200
    judged.reach(f"{HOST}/x")
    assert judged.ask("POST", f"/x?{query}")[0] == 200, "no rule is about methods"


def test_methods_in_other_letters_are_refused(judged: Judged) -> None:
    judged.reach(HOST, f"DELETE@{HOST}")
    for method in ("delete", "Delete", "DELETE1", "DEL-ETE-", "D%45LETE"):
        status, said = judged.ask(method, "/x")
        assert (status, "not in capital letters" in said) == (403, True), said
    assert judged.ask("DELETE", "/x")[0] == 403
    assert judged.arrived == []
