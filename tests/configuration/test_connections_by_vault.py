"""Connections whose roles a Vault makes, in the configuration as a file: there and back, and refused in words."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from nbkeep.configuration import apply as configuration
from nbkeep.model.actor import OPERATOR, SCOPES, Actor
from nbkeep.model.errors import Refused
from nbkeep.store.tables import SecretRow
from office_parts import office

if TYPE_CHECKING:
    from typing import Any

    from nbkeep.configuration.apply import Change
    from office_parts import OfficeForTests

__all__ = ["office"]
HEAD = "apiVersion: nbkeep/v1\nkind: Configuration\n"
ONE = "connections: [{name: lake, postgres: db.acme.local/sales, vault_role: %s, grants: [everyone]}]"


@pytest.fixture
def there(office: OfficeForTests) -> OfficeForTests:
    """An office that is connected to a Vault, which nobody asks here."""
    settings = replace(office.settings, vault_url="https://vault.acme.com", vault_login="token:/etc/x")
    return replace(office, settings=settings)


def apply(office: OfficeForTests, text: str, actor: Actor = OPERATOR) -> list[Change]:
    document = configuration.read(HEAD + text)
    return configuration.apply(office.store, office.clock, office.settings, actor, document, dry_run=False)


def exported(office: OfficeForTests) -> list[dict[str, Any]]:
    with office.store.read() as tx:
        return configuration.export(tx, office.clock, office.settings, OPERATOR)["connections"]


def test_it_goes_there_and_back_and_the_second_time_nothing_changes(there: OfficeForTests) -> None:
    apply(there, ONE % "readonly")
    (one,) = exported(there)
    assert one == {
        "name": "lake", "postgres": "db.acme.local:5432", "local_port": 5432, "database": "sales",
        "tls": "verify", "vault_role": "database/creds/readonly", "grants": ["everyone"],
    }  # fmt: skip
    assert apply(there, ONE % "readonly") == []
    assert apply(there, ONE % "database/creds/readonly") == []


def test_another_role_is_another_connection_and_the_secret_goes_with_it(there: OfficeForTests) -> None:
    apply(there, ONE % "readonly")
    apply(there, ONE % "eu/readonly")
    assert exported(there)[0]["vault_role"] == "eu/creds/readonly"
    apply(there, "connections: []")
    with there.store.read() as tx:
        assert [one.revoked_at is None for one in tx.query(SecretRow).all()] == [False, False]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (ONE % "../sys", "no role of a database engine"),
        (ONE % "7", "not text|no text|vault_role"),
        ("connections: [{name: q, tcp: 'mq:5672', vault_role: ro}]", "PostgreSQL alone"),
        ("connections: [{name: q, postgres: db, database: s, role: r, vault_role: ro}]", "one that is made"),
        ("connections: [{name: q, postgres: db, database: s, secret: pw, vault_role: ro}]", "A password is named"),
        ("connections: [{name: q, postgres: db/a, database: b, vault_role: ro}]", "Two databases"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_words(there: OfficeForTests, text: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        apply(there, text)
    assert exported(there) == []


def test_without_a_vault_it_is_refused(office: OfficeForTests) -> None:
    with pytest.raises(Refused, match="No Vault or OpenBao is connected"):
        apply(office, ONE % "readonly")


def test_who_may_not_say_where_values_lie_declares_none(there: OfficeForTests) -> None:
    scopes = frozenset(SCOPES) - {"admin:secrets"}
    with pytest.raises(Refused, match="admin:secrets"):
        apply(there, ONE % "readonly", Actor(id="usr_x", name="x", scopes=scopes))
