"""Attack: keep a secret of one's own, which the gateway adds as a header that names another path or method.

What is added comes after the request was held against the rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from keyed_parts import HOST
from restricted_parts import judging

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
    ("place", "value", "says"),
    [
        ("X-Original-URL", "/admin/all", "another path by its header x-original-url"),
        ("x_rewrite_url", "/admin/all", "another path by its header x-rewrite-url"),
        ("X-HTTP-Method-Override", "PROPPATCH", "another method by its header x-http-method-override"),
    ],
)
def test_no_header_of_a_secret_names_another_request(
    judged: Judged, place: str, value: str, says: str
) -> None:
    judged.reach(f"GET|POST@{HOST}/acme/*")
    judged.gateway.add(f"{HOST}:{judged.echo.port}", place=place, template="{}", value=value)
    status, said = judged.ask("POST", "/acme/x")
    assert (status, says in said) == (403, True), said
    assert value not in said
    assert judged.arrived == []


def test_no_query_of_a_secret_names_another_method(judged: Judged) -> None:
    judged.reach(f"GET|POST@{HOST}")
    judged.gateway.add(f"{HOST}:{judged.echo.port}", kind="query", place="_method", value="PROPPATCH")
    status, said = judged.ask("POST", "/x")
    assert (status, "another method by its query" in said) == (403, True), said
    assert judged.arrived == []


def test_other_secrets_are_added_as_ever(judged: Judged) -> None:
    judged.reach(f"GET|POST@{HOST}/acme/*")
    judged.gateway.add(f"{HOST}:{judged.echo.port}", value="sk-live-123456")
    assert judged.ask("POST", "/acme/x")[0] == 200
    assert judged.echo.sent("Authorization") == ["Bearer sk-live-123456"]
