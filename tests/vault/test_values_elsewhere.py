"""Values that lie here and values that lie in Vault or OpenBao: the same contract, and what may go wrong there."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from vault_steps import BEARER, VALUE, leased, told, value_of, whole_database

from egress_parts import serving
from kv_server import ROLE_ID, SECRET_ID, KvServer
from nbkeep.doors.cli.platform_facts import platform_facts
from nbkeep.model.actor import OPERATOR, Role
from nbkeep.model.clock import ManualClock
from nbkeep.model.errors import NbkeepError, Refused, Unavailable
from nbkeep.settings import Settings
from nbkeep.store.tables import SecretRow
from nbkeep.vault import change, parse
from nbkeep.vault.place import VaultPlace, place_of
from nbkeep.vault.references import parse_reference
from nbkeep.vault.sources.hashicorp import Hashicorp
from vault_server_parts import connect, let_in, real, said

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from office_parts import OfficeForTests

__all__ = ["real"]
PATH = "secret/data/nbkeep/openai"
FROM = f"vault:{PATH}#key"


@dataclass
class Where:
    """Where values lie in a test. `keep` lets Jane use a secret; `turn` gives it another value."""

    office: OfficeForTests
    ada: Actor
    source: str | None
    write: Callable[[str], None]

    def keep(self, value: str = VALUE) -> str:
        """Return the session that is leased it."""
        binding = parse.binding(["api.openai.example"], header=BEARER, source=self.source)
        if self.source:
            self.write(value)
            change.check_source(self.office.settings, self.ada, binding)
        jane = self.office.user()
        with self.office.store.write() as tx:
            change.set_secret(tx, self.office.clock, change.source_of(self.office.settings), self.ada, "openai",
                              "" if self.source else value, binding, grants=["user:jane"])  # fmt: skip
        return self.office.ready(jane)

    def value(self, session: str) -> str:
        (lease,) = leased(self.office, session)
        return value_of(self.office, session, lease.lease_id)

    def turn(self, value: str) -> None:
        if self.source:
            self.write(value)
            return
        with self.office.store.write() as tx:
            source = change.source_of(self.office.settings)
            change.rotate_secret(tx, self.office.clock, source, self.ada, "openai", value)


@pytest.fixture
def kv() -> Generator[KvServer]:
    with serving(KvServer()) as server:
        yield server


def _prepared(url: str, token: str) -> tuple[str, str, Callable[[str], None]]:
    """Give nbkeep a role that reads beneath secret/nbkeep; return its ids, and who writes there."""

    role_id, secret_id = let_in(url, token, 'path "secret/data/nbkeep/*" { capabilities = ["read"] }')
    return (
        role_id,
        secret_id,
        lambda value: void(said(url, token, "POST", PATH, data={"key": value, "count": 3})),
    )


def void(_: object) -> None:
    """Return nothing."""


@pytest.fixture(params=["here", "stand-in", "openbao"])
def where(request: pytest.FixtureRequest, office: OfficeForTests) -> Where:
    ada = office.user("ada", Role.ADMIN)
    if request.param == "here":
        return Where(office, ada, None, void)
    if request.param == "stand-in":
        kv: KvServer = request.getfixturevalue("kv")
        connected = connect(office, kv.url, ROLE_ID, SECRET_ID)
        return Where(connected, ada, FROM, lambda value: kv.put(PATH, key=value, count=3))
    url, token = request.getfixturevalue("real")
    role_id, secret_id, write = _prepared(url, token)
    return Where(connect(office, url, role_id, secret_id), ada, FROM, write)


# The contract, wherever values lie


def test_a_value_is_had_for_a_lease_and_lies_nowhere_in_clear(where: Where) -> None:
    session = where.keep()
    assert where.value(session) == VALUE
    assert where.value(session) == VALUE
    assert VALUE not in whole_database(where.office)


def test_another_value_takes_its_place(where: Where) -> None:
    session = where.keep()
    where.turn("the-second-value")
    assert where.value(session) == "the-second-value"


def test_what_was_changed_in_the_database_is_not_handed_out(where: Where) -> None:
    session = where.keep()
    with where.office.store.read() as tx:
        kept = tx.query(SecretRow).one()
    for name, other in (
        ("hosts", ["evil.example:443"]),
        ("place", "X-Echo"),
        ("source", "vault:secret/data/x#key"),
    ):
        with where.office.store.write() as tx:
            setattr(tx.get_one(SecretRow, kept.id), name, other)
        with pytest.raises(Refused) as refusal:
            where.value(session)
        assert refusal.value.code == "secret-altered"
        with where.office.store.write() as tx:
            setattr(tx.get_one(SecretRow, kept.id), name, getattr(kept, name))
    assert where.value(session) == VALUE


def test_after_its_end_there_is_nothing(where: Where) -> None:
    session = where.keep()
    (lease,) = leased(where.office, session)
    with where.office.store.write() as tx:
        change.revoke_secret(
            tx, where.office.clock, change.source_of(where.office.settings), where.ada, "openai"
        )
    with pytest.raises(Refused, match="no live lease"):
        value_of(where.office, session, lease.lease_id)
    assert told(where.office, "secret.revoked") == ["secret.revoked"]


# What may go wrong elsewhere


@pytest.fixture
def there(office: OfficeForTests, kv: KvServer) -> Where:
    ada = office.user("ada", Role.ADMIN)
    return Where(
        connect(office, kv.url, ROLE_ID, SECRET_ID), ada, FROM, lambda value: kv.put(PATH, key=value)
    )


def test_who_may_say_where_a_value_lies_is_an_admin(there: Where, kv: KvServer) -> None:
    """Else anybody could have what nbkeep may read there sent to a host of their own."""
    jane = there.office.user()
    kv.put(PATH, key=VALUE)
    binding = parse.binding(["evil.example"], header=BEARER, source=FROM)
    with pytest.raises(Refused):
        change.check_source(there.office.settings, jane, binding)
    with there.office.store.write() as tx, pytest.raises(Refused):
        change.set_secret(
            tx, there.office.clock, change.source_of(there.office.settings), jane, "x", "", binding
        )
    assert kv.asked == []
    with there.office.store.write() as tx, pytest.raises(Refused, match="A value is given, and a place"):
        change.set_secret(
            tx, there.office.clock, change.source_of(there.office.settings), there.ada, "x", VALUE, binding
        )


def test_a_value_that_lies_elsewhere_is_not_rotated_here(there: Where) -> None:
    there.keep()
    with (
        there.office.store.write() as tx,
        pytest.raises(Refused, match="lies in vault:secret/data/nbkeep/openai#key"),
    ):
        source = change.source_of(there.office.settings)
        change.rotate_secret(tx, there.office.clock, source, there.ada, "openai", "another-value")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("vault:secret/data/nbkeep/nothing#key", "nothing at vault:secret/data/nbkeep/nothing#key"),
        ("vault:secret/data/nbkeep/openai#other", "no field 'other'"),
        ("vault:secret/data/nbkeep/openai#count", "no text in the field 'count'"),
        ("vault:secret/data/nbkeep/openai#key@7", "nothing at"),
        ("vault:secret/data/others/theirs#key", "does not let nbkeep read secret/data/others/theirs"),
        ("vault:secret/data/nbkeep/openai#short", "A value has 8 to"),
    ],
)
def test_what_is_not_there_is_said_when_it_is_set(
    there: Where, kv: KvServer, source: str, words: str
) -> None:
    kv.put(PATH, key=VALUE, count=3, short="x")
    with pytest.raises(Refused, match=words):
        change.check_source(
            there.office.settings, there.ada, parse.binding(["a.example"], header=BEARER, source=source)
        )


def test_a_certain_version_stays_that_version(there: Where, kv: KvServer) -> None:
    there.source = f"{FROM}@1"
    session = there.keep()
    there.turn("the-second-value")
    assert there.value(session) == VALUE
    kv.kept[PATH][0] = None
    with pytest.raises(Refused, match="not where it ought to lie"):
        there.value(session)


def test_keys_of_aws_lie_there_as_fields(there: Where, kv: KvServer) -> None:
    kv.put(PATH, access_key="AKIDEXAMPLE", secret_key="wJalrXUtnFEMI", ttl=3)
    source = change.source_of(there.office.settings)
    found = source.read(f"vault:{PATH}", parse.binding(["s3.example"], sigv4="eu-central-1/s3"))  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
    assert json.loads(found)["access_key_id"] == "AKIDEXAMPLE"  # pyright: ignore[reportUnknownArgumentType]


@pytest.mark.parametrize("state", ["sealed", "gone", "hangs"])
def test_while_it_is_away_no_value_is_had_and_none_is_made_up(there: Where, kv: KvServer, state: str) -> None:
    session = there.keep()
    assert there.value(session) == VALUE
    kv.is_sealed, kv.slow_s = state == "sealed", 4.0 if state == "hangs" else 0.0
    if state == "gone":
        kv.shutdown()
        kv.server_close()
    with pytest.raises(Unavailable, match="Vault cannot be asked"):
        there.value(session)


def test_a_session_is_not_told_what_lies_where(
    there: Where, kv: KvServer, caplog: pytest.LogCaptureFixture
) -> None:
    session = there.keep()
    kv.delete(PATH)
    with caplog.at_level(logging.WARNING), pytest.raises(Refused) as refusal:
        there.value(session)
    assert "nbkeep/openai" not in str(refusal.value)
    assert "There is nothing at vault:secret/data/nbkeep/openai#key" in caplog.text


# Signing in


def _client(kv: KvServer, folder: Path, clock: ManualClock | None = None, **more: str) -> Hashicorp:
    for name, text in (("role", ROLE_ID), ("id", SECRET_ID)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)
    place = VaultPlace(kv.url, role_id_file=f"{folder}/role", secret_id_file=f"{folder}/id")
    return Hashicorp(replace(place, **more), clock or ManualClock())


def test_one_sign_in_serves_until_it_is_renewed_or_ends(kv: KvServer, tmp_path: Path) -> None:
    kv.put(PATH, key=VALUE)
    clock, place = ManualClock(), parse_reference(FROM)
    client = _client(kv, tmp_path, clock)
    for after_s, wanted in ((0, "auth/approle/login"), (60, ""), (3000, "auth/token/renew-self"), (60, ""),
                            (7200, "auth/approle/login")):  # fmt: skip
        clock.advance(after_s)
        kv.asked.clear()
        assert client.read(place) == VALUE
        assert kv.asked == [*([wanted] if wanted else []), PATH]


def test_a_token_that_was_revoked_is_replaced_at_once(kv: KvServer, tmp_path: Path) -> None:
    kv.put(PATH, key=VALUE)
    client = _client(kv, tmp_path)
    client.check()
    client.read(parse_reference(FROM))
    kv.tokens.clear()
    assert client.read(parse_reference(FROM)) == VALUE


def test_credentials_are_read_anew_and_only_from_files_of_their_owner(kv: KvServer, tmp_path: Path) -> None:
    kv.put(PATH, key=VALUE)
    kv.secret_id = "the-next-secret-id"
    client = _client(kv, tmp_path)
    with pytest.raises(Refused, match="role id and secret id"):
        client.read(parse_reference(FROM))
    (tmp_path / "id").write_text(kv.secret_id)
    assert client.read(parse_reference(FROM)) == VALUE
    (tmp_path / "id").chmod(0o640)
    with pytest.raises(Refused, match="others than its owner"):
        client.check()
    assert SECRET_ID not in "".join(kv.asked)


def test_a_token_comes_from_its_file_and_goes_to_its_namespace(kv: KvServer, tmp_path: Path) -> None:
    kv.put(PATH, key=VALUE)
    kv.namespace, token = "team-a", tmp_path / "token"
    token.write_text(str(kv.give_token()["client_token"]))
    token.chmod(0o600)
    place = VaultPlace(kv.url, namespace="team-a", token_file=str(token))
    assert Hashicorp(place, ManualClock()).read(parse_reference(FROM)) == VALUE
    with pytest.raises(Refused, match="does not let nbkeep"):
        Hashicorp(replace(place, namespace=""), ManualClock()).read(parse_reference(FROM))


def test_after_it_did_not_answer_nobody_waits_for_it_again_at_once(kv: KvServer, tmp_path: Path) -> None:
    clock = ManualClock()
    client = _client(kv, tmp_path, clock)
    kv.slow_s = 4.0
    with pytest.raises(Unavailable, match="Timeout"):
        client.check()
    count = len(kv.asked)
    with pytest.raises(Unavailable, match="a moment ago"):
        client.check()
    kv.slow_s = 0.0
    clock.advance(3)
    client.check()
    assert len(kv.asked) == count + 1


def test_doctor_tells_whether_it_lets_nbkeep_in(there: Where, kv: KvServer) -> None:
    def line() -> tuple[str, str]:
        (fact,) = (one for one in platform_facts(there.office.settings) if one.id == "vault")
        return fact.status, fact.detail

    assert line() == ("holds", f"{kv.url} lets nbkeep in.")
    kv.role_id = "another"
    assert line() == ("missing", "Vault does not know nbkeep's role id and secret id.")
    kv.is_sealed = True
    assert line() == ("missing", "Vault cannot be asked: it answers 503.")


# Settings and references


@pytest.mark.parametrize(
    ("named", "values"),
    [
        ("vault-url", {"vault_url": "http://vault.acme.com:8200"}),
        ("vault-url", {"vault_url": "vault.acme.com"}),
        ("vault-url", {"vault_url": "https://vault.acme.com/v1/x"}),
        ("vault-url", {"vault_url": "https://me:pass@vault.acme.com"}),
        ("vault-login", {"vault_login": ""}),
        ("vault-login", {"vault_login": "token:relative"}),
        ("vault-login", {"vault_login": "hvs.a-token-itself"}),
        ("vault-login", {"vault_login": "approle:/only-one"}),
        ("vault-ca-file", {"vault_ca_file": "ca.pem"}),
    ],
)
def test_settings_that_cannot_be_right_are_named(short_dir: Path, named: str, values: dict[str, str]) -> None:
    right = {"vault_url": "https://vault.acme.com:8200", "vault_login": "token:/etc/nbkeep/vault-token"}
    assert place_of(Settings(data_dir=short_dir, **right)) is not None  # pyright: ignore[reportArgumentType]
    with pytest.raises(NbkeepError) as error:
        place_of(Settings(data_dir=short_dir, **(right | values)))  # pyright: ignore[reportArgumentType]
    assert error.value.code == f"invalid-{named}"


@pytest.mark.parametrize(
    "text",
    ["", "secret/data/db#x", "vault:", "vault:secret/db#x", "vault:data/db#x", "vault:secret/data#x",
     "vault:secret/data/../sys#x", "vault:secret/data/a//b#x", "vault:/secret/data/a#x", "vault:secret/data/a?list=true#x",
     "vault:secret/data/a#", "vault:secret/data/a#b#c", "vault:secret/data/a#b@0", "vault:secret/data/a#b@x",
     "vault:secret/data/%2e%2e/a#b", "vault:secret/data/a\n#b"],
)  # fmt: skip
def test_what_is_no_place_of_a_value_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        parse_reference(text)


def test_without_a_vault_nothing_can_lie_there(office: OfficeForTests) -> None:
    with pytest.raises(Refused, match="No Vault or OpenBao is connected"):
        change.check_source(
            office.settings, OPERATOR, parse.binding(["a.example"], header=BEARER, source=FROM)
        )
