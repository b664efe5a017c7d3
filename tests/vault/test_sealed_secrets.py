"""Values at rest: sealed under keys of their own, bound to what they were set for."""

from __future__ import annotations

import base64

import pytest
from vault_steps import VALUE, keep, leased, told, value_of, whole_database

from nbkeep.model.actor import OPERATOR
from nbkeep.model.errors import Refused
from nbkeep.settings import Settings
from nbkeep.store.tables import SecretRow, SecretVersionRow
from nbkeep.vault import change, master
from nbkeep.vault.sources.embedded import EmbeddedSource
from office_parts import OfficeForTests


def test_a_value_comes_back_for_a_lease_and_lies_nowhere_in_clear(any_office: OfficeForTests) -> None:
    office = any_office
    jane = office.user()
    keep(office, jane, "openai", "user:jane")
    session = office.ready(jane)
    (lease,) = leased(office, session)
    assert value_of(office, session, lease.lease_id) == VALUE
    if office.store.is_sqlite:
        found = whole_database(office)
        assert "openai" in found
        for form in (VALUE, base64.b64encode(VALUE.encode()).decode(), VALUE.encode().hex()):
            assert form not in found


def test_the_master_key_is_made_at_the_first_use_for_its_owner_alone(office: OfficeForTests) -> None:
    file = office.settings.secrets_dir / "vault-key"
    assert not file.exists()
    keep(office, office.user())
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_lost_master_key_is_told_and_never_made_anew_over_what_is_sealed(office: OfficeForTests) -> None:
    jane = office.user()
    keep(office, jane)
    file = office.settings.secrets_dir / "vault-key"
    file.unlink()
    with pytest.raises(Refused, match="master key of the secrets cannot be read"):
        keep(office, jane, "another")
    assert not file.exists()


def test_a_master_key_that_others_may_read_is_not_used(office: OfficeForTests) -> None:
    jane = office.user()
    keep(office, jane)
    (office.settings.secrets_dir / "vault-key").chmod(0o644)
    with pytest.raises(Refused, match="others than its owner may read it"):
        keep(office, jane, "another")


def _moved_host(row: SecretRow, _version: SecretVersionRow) -> None:
    row.hosts = ["evil.example:443"]


def _moved_place(row: SecretRow, _version: SecretVersionRow) -> None:
    row.place = "X-Echo-Me"


def _altered_value(_row: SecretRow, version: SecretVersionRow) -> None:
    data = bytearray(base64.b64decode(version.sealed or ""))
    data[-1] ^= 1
    version.sealed = base64.b64encode(data).decode()


@pytest.mark.parametrize("alter", [_moved_host, _moved_place, _altered_value])
def test_what_was_changed_in_the_database_is_not_handed_out(office: OfficeForTests, alter: object) -> None:
    jane = office.user()
    row = keep(office, jane, "openai", "user:jane")
    session = office.ready(jane)
    (lease,) = leased(office, session)
    with office.store.write() as tx:
        alter(tx.get_one(SecretRow, row.id), tx.get_one(SecretVersionRow, (row.id, 1)))  # pyright: ignore[reportCallIssue]
    with pytest.raises(Refused) as refusal:
        value_of(office, session, lease.lease_id)
    assert refusal.value.code == "secret-altered"


def test_the_ciphertext_of_another_secret_or_version_does_not_open(office: OfficeForTests) -> None:
    jane = office.user()
    first = keep(office, jane, "openai", "user:jane")
    second = keep(office, jane, "other", value="another-value-altogether")
    session = office.ready(jane)
    (lease,) = leased(office, session)
    with office.store.write() as tx:
        to, source = tx.get_one(SecretVersionRow, (first.id, 1)), tx.get_one(SecretVersionRow, (second.id, 1))
        to.sealed, to.wrapped_key, to.master_key_id = source.sealed, source.wrapped_key, source.master_key_id
    with pytest.raises(Refused, match="not what was sealed"):
        value_of(office, session, lease.lease_id)


def test_a_new_master_key_rewraps_and_the_old_one_may_go(office: OfficeForTests) -> None:
    jane = office.user()
    keep(office, jane, "openai", "user:jane")
    keep(office, jane, "other")
    session = office.ready(jane)
    (lease,) = leased(office, session)
    made = master.add_key(office.settings)
    with office.store.write() as tx:
        assert change.rewrap_secrets(tx, office.clock, office.settings, OPERATOR) == (made, 2)
    with office.store.write() as tx:
        assert change.rewrap_secrets(tx, office.clock, office.settings, OPERATOR) == (made, 0)
    file = office.settings.secrets_dir / "vault-key"
    newest = file.read_text().splitlines()[0]
    file.write_text(newest + "\n")
    assert value_of(office, session, lease.lease_id) == VALUE
    assert told(office, "secret.key-rotated") == ["secret.key-rotated"]


def test_a_rotated_value_replaces_the_old_one_which_is_deleted(office: OfficeForTests) -> None:
    jane = office.user()
    row = keep(office, jane, "openai", "user:jane")
    session = office.ready(jane)
    (lease,) = leased(office, session)
    source = EmbeddedSource(office.settings)
    with office.store.write() as tx:
        change.rotate_secret(tx, office.clock, source, jane, "openai", "the-second-value\n")
    assert value_of(office, session, lease.lease_id) == "the-second-value"
    with office.store.read() as tx:
        old = tx.get_one(SecretVersionRow, (row.id, 1))
    assert (old.sealed, old.wrapped_key) == (None, None)


def test_master_keys_may_come_from_a_file_elsewhere_or_the_environment(
    office: OfficeForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = Settings(data_dir=office.settings.data_dir, vault_key="file:/etc/acme/vault-key")
    assert str(elsewhere.vault_key_at) == "/etc/acme/vault-key"
    monkeypatch.setenv("ACME_VAULT", "a" * 40 + " " + "b" * 40)
    found = master.master_keys(Settings(data_dir=office.settings.data_dir, vault_key="env:ACME_VAULT"))
    assert len({one.id for one in found}) == 2
    for wrong in ("vault", f"file:{office.settings.data_dir}/key", "file:relative", "env:A B"):
        with pytest.raises(Refused, match=r"vault-key|place of a key|data directory"):
            Settings(data_dir=office.settings.data_dir, vault_key=wrong)
