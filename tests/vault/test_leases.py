"""Who may keep, grant and use secrets, and from when to when a session is leased one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from vault_steps import VALUE, keep, leased, told, value_of

from nbkeep.egress.aws_keys import aws_keys
from nbkeep.model.actor import OPERATOR, Role
from nbkeep.model.errors import Refused
from nbkeep.people.users import change_user
from nbkeep.sessions.launch import launch
from nbkeep.sessions.stop import stop_session
from nbkeep.vault import change, leases, parse
from nbkeep.vault.records import find_secret, list_secrets
from nbkeep.vault.sources.embedded import EmbeddedSource
from nbkeep.vault.view import secret_view

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from office_parts import OfficeForTests


def test_a_session_is_leased_what_its_person_was_granted_and_nothing_else(office: OfficeForTests) -> None:
    jane, admin = office.user(), office.user("ada", Role.ADMIN)
    keep(office, admin, "openai", "user:jane")
    keep(office, admin, "for-ada", "user:ada")
    keep(office, admin, "for-users", "role:user")
    keep(office, admin, "for-all", "everyone", host="api.other.example")
    session = office.ready(jane)
    # Two want the same header of the same host: the one granted by name counts.
    assert [one.name for one in leased(office, session)] == ["openai", "for-all"]
    with office.store.read() as tx:
        assert {one[1].name for one in leases.list_leases(tx, jane)} == {"openai", "for-users", "for-all"}


def test_kernels_see_a_placeholder_and_no_value(office: OfficeForTests) -> None:
    jane = office.user()
    keep(office, jane, "openai", "user:jane")
    session = office.requested(jane)
    answer = launch(office, user="jane", server_name=office.row(session).name, session_id=session,
                    profile=None, env={})  # fmt: skip
    env = answer["launch"]["server_env"]
    assert json.loads(env["NBKEEP_PLACEHOLDERS"]) == {"OPENAI_API_KEY": "nbkeep-placeholder-openai"}
    assert VALUE not in json.dumps(answer)


def _stop(office: OfficeForTests, jane: Actor, session: str) -> None:
    stop_session(office, jane, session)


def _revoke(office: OfficeForTests, jane: Actor, session: str) -> None:
    with office.store.write() as tx:
        change.revoke_secret(tx, office.clock, EmbeddedSource(office.settings), jane, "openai")


def _ungrant(office: OfficeForTests, jane: Actor, session: str) -> None:
    with office.store.write() as tx:
        change.ungrant_secret(tx, office.clock, jane, "openai", "user:jane")


def _disable(office: OfficeForTests, jane: Actor, session: str) -> None:
    with office.store.write() as tx:
        change_user(tx, office.clock, OPERATOR, "jane", status="disabled")


@pytest.mark.parametrize("end", [_stop, _revoke, _ungrant, _disable])
def test_a_lease_ends_with_its_session_grant_secret_or_person(office: OfficeForTests, end: object) -> None:
    jane = office.user()
    keep(office, jane, "openai", "user:jane")
    session = office.ready(jane)
    (lease,) = leased(office, session)
    end(office, jane, session)  # pyright: ignore[reportCallIssue]
    assert leased(office, session) == []
    with pytest.raises(Refused) as refusal:
        value_of(office, session, lease.lease_id)
    assert refusal.value.code == "no-lease"
    assert told(office, "secret.leased", "secret.lease-ended") == ["secret.leased", "secret.lease-ended"]


def test_a_role_that_was_lost_takes_its_leases_along(office: OfficeForTests) -> None:
    ada, bea = office.user("ada", Role.ADMIN), office.user("bea", Role.ADMIN)
    keep(office, ada, "openai", "role:admin")
    session = office.ready(bea)
    assert leased(office, session)
    with office.store.write() as tx:
        change_user(tx, office.clock, ada, "bea", role="notebook.user")
    assert leased(office, session) == []


def test_a_grant_reaches_sessions_that_run(office: OfficeForTests) -> None:
    ada, jane = office.user("ada", Role.ADMIN), office.user()
    keep(office, ada)
    session = office.ready(jane)
    assert leased(office, session) == []
    with office.store.write() as tx:
        change.grant_secret(tx, office.clock, ada, "openai", "user:jane")
    assert [one.name for one in leased(office, session)] == ["openai"]


def test_a_lease_is_of_no_use_to_another_session(office: OfficeForTests) -> None:
    jane, bob = office.user(), office.user("bob")
    keep(office, jane, "openai", "user:jane")
    janes, bobs = office.ready(jane), office.ready(bob)
    (lease,) = leased(office, janes)
    with pytest.raises(Refused, match="no live lease"):
        value_of(office, bobs, lease.lease_id)


def test_a_person_grants_to_themselves_and_an_owner_who_is_admin_to_others(office: OfficeForTests) -> None:
    """What is added to somebody's requests decides in whose account their work arrives."""
    jane, ada = office.user(), office.user("ada", Role.ADMIN)
    office.user("bob")
    with pytest.raises(Refused, match="granted to others by an admin"):
        keep(office, jane, "mine", "everyone")
    keep(office, jane, "mine", "user:jane")
    with office.store.write() as tx, pytest.raises(Refused, match="Only its owner may grant"):
        change.grant_secret(tx, office.clock, ada, "mine", "user:bob")
    keep(office, ada, "ours", "user:bob", "role:user", "everyone")


def test_others_secrets_look_absent_and_are_not_changed(office: OfficeForTests) -> None:
    jane, bob, ada = office.user(), office.user("bob"), office.user("ada", Role.ADMIN)
    keep(office, jane, "openai", "user:jane")
    keep(office, ada, "shared", "everyone")
    with office.store.read() as tx:
        assert [row.name for row in list_secrets(tx, bob)] == ["shared"]
        assert [row.name for row in list_secrets(tx, ada)] == ["openai", "shared"]
        with pytest.raises(Refused) as refusal:
            find_secret(tx, bob, "openai")
        assert refusal.value.status == 404
        assert secret_view(tx, bob, find_secret(tx, bob, "shared"))["grants"] is None
    with office.store.write() as tx, pytest.raises(Refused, match="not yours to change"):
        change.rotate_secret(
            tx, office.clock, EmbeddedSource(office.settings), bob, "shared", "bobs-own-account-key"
        )


def test_names_belong_to_their_owners(office: OfficeForTests) -> None:
    jane, bob = office.user(), office.user("bob")
    keep(office, jane, "github")
    keep(office, bob, "github")
    with pytest.raises(Refused, match="You have a secret named"):
        keep(office, bob, "github")
    with office.store.read() as tx, pytest.raises(Refused, match="There are 2 secrets named"):
        find_secret(tx, OPERATOR, "github")


@pytest.mark.parametrize(
    ("hosts", "header", "query", "basic"),
    [
        ([], "A: {}", None, None),
        (["*.example.com"], "A: {}", None, None),
        (["10.0.0.1"], "A: {}", None, None),
        (["a.example:0"], "A: {}", None, None),
        (["a.example/x"], "A: {}", None, None),
        (["a.example"], "Authorization", None, None),
        (["a.example"], "Authorization: {} {}", None, None),
        (["a.example"], "X: {}\r\nY: z", None, None),
        (["a.example"], "Host: {}", None, None),
        (["a.example"], "Transfer-Encoding: {}", None, None),
        (["a.example"], "A: {}", "key", None),
        (["a.example"], None, "a&b", None),
        (["a.example"], None, None, "a:b"),
    ],
)
def test_a_binding_that_could_not_be_kept_is_refused(
    hosts: list[str], header: str | None, query: str | None, basic: str | None
) -> None:
    with pytest.raises(Refused):
        parse.binding(hosts, header, query, basic)


@pytest.mark.parametrize(
    "value", ["short", "two\nlines-of-it", "zero\0byte-in-it", "ünicode-value", "x" * 20_000]
)
def test_a_value_that_could_change_a_request_is_refused_without_being_repeated(value: str) -> None:
    with pytest.raises(Refused) as refusal:
        parse.secret_value(value)
    assert value not in str(refusal.value)


@pytest.mark.parametrize(
    "name", ["PATH", "LD_PRELOAD", "PYTHONPATH", "HTTPS_PROXY", "SSL_CERT_FILE", "lower", "A B"]
)
def test_a_placeholder_cannot_change_how_programs_run(name: str) -> None:
    with pytest.raises(Refused):
        parse.env_name(name)


@pytest.mark.parametrize(
    ("host", "scope"),
    [
        ("s3.example", "eu-central-1"),
        ("s3.example", "eu-central-1/s3/x"),
        ("s3.example", "EU/s3"),
        ("*.example", "eu-central-1/s3"),
        ("*", "eu-central-1/s3"),
        ("a.*.example", "eu-central-1/s3"),
        ("*.*.example", "eu-central-1/s3"),
        ("*.10.0.0.1", "eu-central-1/s3"),
    ],
)
def test_a_signature_is_for_a_region_and_a_service_on_hosts_of_a_name(host: str, scope: str) -> None:
    with pytest.raises(Refused):
        parse.binding([host], sigv4=scope)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("AKIDEXAMPLE:wJalr/XUt+nFEMI\n", {"AKIDEXAMPLE", "wJalr/XUt+nFEMI"}),
        ("AKIDEXAMPLE:wJalr/XUt:a/token==", {"AKIDEXAMPLE", "wJalr/XUt", "a/token=="}),
        (
            '{"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "has:colons"}',
            {"AKIDEXAMPLE", "has:colons"},
        ),
        (
            '{"access_key": "AKIDEXAMPLE", "secret_key": "wJalrXUt", "security_token": null}',
            {"AKIDEXAMPLE", "wJalrXUt"},
        ),
    ],
)
def test_keys_of_aws_are_read_in_the_forms_in_which_people_have_them(text: str, parts: set[str]) -> None:
    kept = parse.secret_value(text, "sigv4")
    assert aws_keys(kept).parts == parts
    assert parse.secret_value(kept, "sigv4") == kept


@pytest.mark.parametrize(
    "text",
    ["", "AKIDEXAMPLE", "AKIDEXAMPLE:", ":wJalrXUt", "AKIDEXAMPLE:short", "AKID:wJalrXUtnFEMI", "a b c d e f:wJalrXUt",
     "AKIDEXAMPLE:wJalrXUt:token-token:more", "{", '{"Credentials": [1]}', '{"access_key_id": "AKIDEXAMPLE"}',
     "AKIDEXAMPLE:wJalr XUtnFEMI", "AKIDEXAMPLE:wJalrXUt\x00nFEMI"],
)  # fmt: skip
def test_what_is_no_key_of_aws_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(Refused) as refusal:
        parse.secret_value(text, "sigv4")
    assert not text or text not in str(refusal.value)


def test_a_session_with_keys_of_aws_holds_placeholders_where_its_programs_look(
    office: OfficeForTests,
) -> None:
    jane = office.user()
    with office.store.write() as tx:
        change.set_secret(tx, office.clock, EmbeddedSource(office.settings), jane, "lake", "AKIDEXAMPLE:wJalrXUtnFEMI",
                          parse.binding(["*.s3.example"], sigv4="eu-central-1/s3"), grants=["user:jane"])  # fmt: skip
    session = office.requested(jane)
    answer = launch(office, user="jane", server_name=office.row(session).name, session_id=session,
                    profile=None, env={})  # fmt: skip
    assert json.loads(answer["launch"]["server_env"]["NBKEEP_PLACEHOLDERS"]) == {
        "AWS_ACCESS_KEY_ID": "nbkeep-placeholder-lake",
        "AWS_SECRET_ACCESS_KEY": "nbkeep-placeholder-lake",
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    assert "AKIDEXAMPLE" not in json.dumps(answer)
