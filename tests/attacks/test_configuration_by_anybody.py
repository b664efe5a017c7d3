"""Somebody who is signed in sends a large configuration: they are turned away before a byte of it is parsed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from nbkeep.configuration import document
from nbkeep.model.actor import Role
from nbkeep.model.errors import Refused
from nbkeep.people.tokens import create_token
from office_parts import client_for
from portal_parts import portal

if TYPE_CHECKING:
    from portal_parts import Portal

__all__ = ["portal"]
pytestmark = pytest.mark.attack
# To parse it takes minutes; to send it, no time.
LARGE = "- a: [1, 2, 3, {b: c}]\n" * 150_000
FORM = LARGE[:300_000]  # a larger form is refused as it is read


@pytest.mark.parametrize(("role", "scope"), [(Role.USER, "self"), (Role.AUDITOR, "audit:read")])
def test_nothing_is_parsed_for_who_may_not_configure(
    portal: Portal, monkeypatch: pytest.MonkeyPatch, role: Role, scope: str
) -> None:
    person = portal.person("jane", role)
    with portal.office.store.write() as tx:
        token = create_token(tx, portal.office.clock, person.actor, name="t", scopes=[scope], valid_s=3600)[1]
    parsed: list[int] = []

    def note(text: str, _sections: object) -> dict[str, Any]:
        parsed.append(len(text))
        return {}

    monkeypatch.setattr(document, "read", note)
    with client_for(portal.app, token) as client:
        for query in ("", "?dry_run=true"):
            answer = client.post(f"/api/v1/config{query}", content=LARGE.encode())
            assert answer.status_code == 403, answer.text
    for do in ("compare", "apply"):
        assert person.post("/admin/config", document=FORM, do=do).status_code == 403
    assert parsed == []


@pytest.mark.parametrize(
    "deep", ["[" * 200_000, "- " * 200_000, "? " * 200_000, "\n".join(" " * one + "a:" for one in range(999))]
)
def test_a_document_that_is_nested_deeply_ends_no_process(deep: str) -> None:
    """libyaml would read it by recursion, until the stack is full."""
    began_s = time.process_time()
    with pytest.raises(Refused, match="nested more than"):
        document.read(deep, [])
    assert time.process_time() - began_s < 10


@pytest.mark.parametrize("odd", ["a: !!bool x", "!!timestamp x", "a: !!python/name:os.system", "a: \ud800"])
def test_a_document_that_its_reader_stumbles_over_is_refused_in_a_sentence(odd: str) -> None:
    with pytest.raises(Refused, match="cannot be read"):
        document.read(odd, [])
