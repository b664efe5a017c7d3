"""Attack: have a project removed and another created under its name, and take over what was granted to the old one."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from nbkeep.model.actor import OPERATOR
from nbkeep.model.errors import Refused
from nbkeep.store.tables import ConnectionGrantRow, SecretGrantRow
from nbkeep.vault import change as secrets
from nbkeep.vault.sources.embedded import EmbeddedSource
from office_parts import OfficeForTests, any_office
from project_parts import declare, join, keep, make, remove, told

__all__ = ["any_office"]
pytestmark = pytest.mark.attack


def test_nothing_of_the_old_one_comes_back(any_office: OfficeForTests) -> None:
    office = any_office
    mallory, jane = office.user("mallory"), office.user("jane")
    make(office, "orion", "jane")
    keep(office, "openai", "project:orion")
    keep(office, "ended", "project:orion")
    declare(office, "project:orion")
    with office.store.write() as tx:  # a secret that has ended keeps its record, and may not keep a grant
        secrets.revoke_secret(tx, office.clock, EmbeddedSource(office.settings), OPERATOR, "ended")
    hers = office.ready(jane)
    remove(office, take_grants=True)
    make(office, "orion", lead="mallory")
    theirs = office.ready(mallory)
    assert told(office, theirs) == told(office, hers) == set()
    with office.store.read() as tx:
        for row in (SecretGrantRow, ConnectionGrantRow):
            left = select(func.count()).select_from(row).where(row.grantee.like("project:%"))
            assert tx.scalar(left) == 0
    join(office, mallory, "jane")
    assert told(office, hers) == set()


def test_nothing_can_be_granted_before_it_is_there(any_office: OfficeForTests) -> None:
    office = any_office
    with pytest.raises(Refused):
        keep(office, "openai", "project:orion")
    with pytest.raises(Refused):
        declare(office, "project:orion")
    mallory = office.user("mallory")
    make(office, "orion", lead="mallory")
    assert told(office, office.ready(mallory)) == set()
