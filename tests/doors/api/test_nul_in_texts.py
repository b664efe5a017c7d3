"""The character NUL in what people send: it is refused or finds nothing, on either engine of databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nbkeep.model.actor import Role
from nbkeep.people import tokens
from office_parts import any_office, client_for

if TYPE_CHECKING:
    from office_parts import OfficeForTests

__all__ = ["any_office"]


@pytest.mark.parametrize(
    "path",
    ["releases/rel_%00", "releases/%00/preview", "shares/shr_%00", "sessions/ses_%00", "users/%00",
     "audit?actor=%00", "audit?text=a%00b", "sessions?state=%00", "shares?which=%00", "projects/%00"],
)  # fmt: skip
def test_it_is_no_fault_of_the_platform(any_office: OfficeForTests, path: str) -> None:
    office = any_office
    root = office.user("root", Role.ADMIN)
    with office.store.write() as tx:
        _, token = tokens.create_token(tx, office.clock, root, "test", sorted(root.scopes), 86400)
    answer = client_for(office.app(), token).get(f"/api/v1/{path}")
    is_list = answer.status_code == 200 and answer.json()["items"] == []
    assert is_list or answer.status_code in {400, 404}, answer.text
