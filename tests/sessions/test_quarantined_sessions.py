"""What a session in quarantine is admitted as, what it gets of its person, and what nobody can make of it later."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from connection_grants_parts import NAME as CONNECTION
from connection_grants_parts import declare, keep_password
from guard_parts import change_profile
from nbkeep.audit.search import Wanted, search
from nbkeep.backends.interface import LaunchSpec
from nbkeep.data import change as data_change
from nbkeep.data import parse as data_parse
from nbkeep.data.reads import note_read
from nbkeep.doors.api import sessions as api_sessions
from nbkeep.grants.request import request_grant
from nbkeep.guard.records import contexts_of_homes, profiles_of
from nbkeep.model.actor import OPERATOR, Role
from nbkeep.model.errors import Refused, Unavailable
from nbkeep.outbox.notices import add_notice, dismiss_in_session, list_notices, notices_in_session
from nbkeep.profiles import profiles
from nbkeep.releases.request import request_release
from nbkeep.releases.values import Wanted as WantedRelease
from nbkeep.rendering.kept import Documents
from nbkeep.sessions import quarantine
from nbkeep.sessions.askable import askable
from nbkeep.sessions.catalogue import ask_for_dataset, catalogue, withdraw_dataset
from nbkeep.sessions.diagnose import Surroundings, diagnose
from nbkeep.sessions.launch import launch
from nbkeep.sessions.quarantine import Document, offered, request_in_quarantine, run_in_quarantine
from nbkeep.sessions.resume import resume_session
from nbkeep.sessions.start import start_session
from nbkeep.sessions.stop import stop_session
from nbkeep.sessions.view import own_view
from nbkeep.store.tables import SessionRow
from nbkeep.vault import change as secrets
from nbkeep.vault import parse as vault_parse
from nbkeep.vault.hand_out import hand_out
from nbkeep.vault.leases import begin_of_user, list_leases
from nbkeep.vault.sources.embedded import EmbeddedSource
from office_parts import client_for

if TYPE_CHECKING:
    from office_parts import OfficeForTests

SMALL, CLOSED = "notebook-cpu-small", "quarantine"
OPEN = {
    "egress_allowlist": ["pypi.org"], "egress_asklist": ["huggingface.co"], "public_internet": True,
    "project_hosts": True, "keep_state": True, "downloads": "allow", "egress_dry_run": True,
}  # fmt: skip


def told(office: OfficeForTests) -> dict[str, Any]:
    """Return what the gateway is told of all sessions."""
    api = client_for(office.app(), office.settings.secret("gateway-token"))
    return api.get("/internal/v1/gateway/policies").raise_for_status().json()


def give_everything(office: OfficeForTests) -> str:
    """Keep a secret and grant a connection to everyone, publish a dataset; return the dataset's id."""
    binding = vault_parse.binding(["api.openai.example"], header="Authorization: Bearer {}")
    lake = vault_parse.binding(["s3.acme.local:9000"], s3="eu-central-1")
    keep_password(office)
    declare(office, "everyone")
    with office.store.write() as tx:
        source = EmbeddedSource(office.settings)
        secrets.set_secret(
            tx,
            office.clock,
            source,
            OPERATOR,
            "openai",
            "sk-live-51",
            binding,
            env="KEY",
            grants=["everyone"],
        )
        keys = "AKIA7777777777777777:wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"
        secrets.set_secret(tx, office.clock, source, OPERATOR, "lake", keys, lake)
        dataset = data_parse.source(
            "sales", "s3://lake/sales", "public", region="eu-central-1", endpoint="https://s3.acme.local:9000"
        )
        return data_change.add_dataset(
            tx, office.clock, OPERATOR, dataset, owner="jane", secret="lake", purpose="All sales"
        ).id


def spec_of(office: OfficeForTests, session_id: str) -> LaunchSpec:
    row = office.row(session_id)
    answer = launch(office, user="jane", server_name=row.name, session_id=session_id, profile=None, env={})
    return LaunchSpec(**answer["launch"])


def test_it_is_told_of_nothing_that_its_persons_other_session_gets(any_office: OfficeForTests) -> None:
    office = any_office
    jane = office.user()
    dataset = give_everything(office)
    own, closed = office.ready(jane), office.ready(jane, CLOSED)
    with office.store.write() as tx:
        begin_of_user(tx, office.clock, OPERATOR, jane.id)
        leases = {session.id: lease.id for lease, _, session, _ in list_leases(tx, OPERATOR)}
    said = told(office)
    assert set(leases) == {own} == {one["session_id"] for one in said["leases"]}
    assert set(said["connections"]["granted"]) == {own}
    assert closed not in said["datasets"]["readers"]
    assert own in said["datasets"]["readers"]
    with office.store.read() as tx, pytest.raises(Refused):
        hand_out(tx, secrets.source_of(office.settings), office.clock.now(), closed, leases[own])
    with office.store.write() as tx, pytest.raises(Refused):
        note_read(tx, office.clock, office.settings, closed, dataset)
    with office.store.read() as tx:
        shown = catalogue(tx, office.clock, office.settings, office.row(closed))
    assert (shown["datasets"], shown["connections"]) == ([], [])


def test_its_launch_holds_no_placeholder_no_port_and_no_key_of_state(office: OfficeForTests) -> None:
    jane = office.user()
    give_everything(office)
    spec = spec_of(office, start_session(office, jane, CLOSED))
    assert spec.quarantine
    assert spec.local_ports == {}
    assert spec.home_size_bytes == 2 << 30
    assert spec.server_env["NBKEEP_PLACEHOLDERS"] == "{}"
    assert "NBKEEP_STATE_KEY" not in spec.server_env
    own = spec_of(office, start_session(office, jane, SMALL))
    assert not own.quarantine
    assert CONNECTION in own.local_ports
    assert own.home_size_bytes == 10 << 30


def test_opening_its_profile_opens_no_session_that_was_started_closed(any_office: OfficeForTests) -> None:
    office = any_office
    jane = office.user()
    session = office.ready(jane, CLOSED)
    change_profile(office, CLOSED, quarantine=False, **OPEN)
    [policy] = [one for one in told(office)["policies"] if one["session_id"] == session]
    assert [one for one in policy["rules"] if one["effect"] == "allow"] == []
    assert not policy["public_internet"]
    assert not policy["dry_run"]
    with office.store.read() as tx:
        view = own_view(tx, office.clock, office.settings, office.row(session))
    assert view["quarantine"]
    assert {one["decision"] for one in view["leaving"]["download"].values()} == {"deny"}
    assert view["profile"]["network_words"].startswith("No network")
    # One that is started now is an ordinary one, with all that is hers.
    assert not office.row(office.ready(jane, CLOSED)).quarantine


def test_nothing_leaves_it_and_it_does_not_close_what_its_person_does_elsewhere(
    office: OfficeForTests,
) -> None:
    jane = office.user()
    own, closed = office.ready(jane), office.ready(jane, CLOSED)
    with office.store.read() as tx:
        views = [own_view(tx, office.clock, office.settings, office.row(one)) for one in (own, closed)]
        assert profiles_of(tx, jane.id) == (SMALL,)
    assert [view["leaving"]["download"]["nothing"]["decision"] for view in views] == ["allow", "deny"]
    assert views[1]["leaving"]["download"]["nothing"]["scope"] == "quarantine"
    with office.store.write() as tx:
        wanted = WantedRelease(path="a.ipynb", gate="export", reason="x", session_id=closed)
        with pytest.raises(Refused) as refused:
            request_release(tx, office.clock, office.settings, jane, wanted)
        assert refused.value.code == "in-quarantine"
        released = request_release(
            tx, office.clock, office.settings, jane, WantedRelease(path="a.ipynb", gate="export", reason="x")
        )
        assert released.session_id == own


def test_one_in_quarantine_never_stands_for_the_latest_that_wrote_into_the_home(
    office: OfficeForTests,
) -> None:
    """What an ended session of a stricter profile has written is still sent out by that profile's rules."""
    jane, strict = office.user(), "notebook-cpu-large"
    own = office.ready(jane)
    office.clock.advance(60)
    office.change(office.ready(jane, strict), state="stopped")
    for state in ("ready", "stopped"):
        office.clock.advance(60)
        closed = office.ready(jane, CLOSED)
        office.change(closed, state=state)
        with office.store.read() as tx:
            [of_home] = contexts_of_homes(tx, {jane.id: ""}).values()
            named = profiles_of(tx, jane.id)
        assert tuple(one.profile for one in of_home) == named == (strict, SMALL)
        office.change(closed, state="stopped")
    assert office.row(own).state == "ready"


def test_one_may_be_beside_all_others_and_no_second(office: OfficeForTests) -> None:
    jane, none = office.user(max_sessions=1), office.user("none", max_sessions=0)
    office.ready(jane)
    first = office.ready(jane, CLOSED)
    with pytest.raises(Refused) as refused:
        start_session(office, jane, CLOSED)
    assert refused.value.code == "one-in-quarantine"
    with pytest.raises(Refused) as normal:
        start_session(office, jane, SMALL)
    assert normal.value.code == "too-many-sessions"
    with pytest.raises(Refused) as nobody:
        start_session(office, none, CLOSED)
    assert nobody.value.code == "no-sessions-allowed"
    stop_session(office, jane, first)


def test_what_was_kept_is_resumed_in_no_quarantine(office: OfficeForTests) -> None:
    jane = office.user()
    session = office.ready(jane)
    office.change(
        session, state="suspended", kept={"saved_at": "", "bytes": 1, "kernels": [], "sequence": 1},
        ended_at=office.clock.now(),
    )  # fmt: skip
    with pytest.raises(Refused) as refused:
        resume_session(office, jane, session, CLOSED)
    assert refused.value.code == "not-in-quarantine"


def test_nothing_can_be_asked_for_in_it(office: OfficeForTests) -> None:
    jane = office.user()
    give_everything(office)
    session = office.ready(jane, CLOSED)
    for kind, what in (("dataset", "sales"), ("connection", CONNECTION), ("host", "pypi.org")):
        with office.store.write() as tx, pytest.raises(Refused):
            request_grant(tx, office.clock, office.settings, jane, what, kind=kind, reason="x", duration="1h",
                          session_id=session)  # fmt: skip


def test_what_runs_in_it_asks_for_nothing_and_ends_nothing_once_its_profile_is_an_ordinary_one(
    office: OfficeForTests,
) -> None:
    jane = office.user()
    give_everything(office)
    session = office.ready(jane, CLOSED)
    change_profile(office, CLOSED, quarantine=False)
    change_profile(office, CLOSED, **OPEN)
    said = {"reason": "x", "duration": "1h"}
    with office.store.write() as tx:
        row = tx.get_one(SessionRow, session)
        for kind, what in (("dataset", "sales"), ("connection", CONNECTION), ("host", "huggingface.co")):
            with pytest.raises(Refused) as refused:
                request_grant(
                    tx, office.clock, office.settings, jane, what, kind=kind, session_id=session, **said
                )
            assert refused.value.code == "in-quarantine"
        with pytest.raises(Refused) as asked:
            ask_for_dataset(tx, office.clock, office.settings, row, "sales", **said)
        assert asked.value.code == "in-quarantine"
        # What she has asked for herself, for the same profile, is not withdrawn from there.
        request_grant(
            tx, office.clock, office.settings, jane, "sales", kind="dataset", profile=CLOSED, **said
        )
        with pytest.raises(Refused) as ended:
            withdraw_dataset(tx, office.clock, row, "sales")
        assert ended.value.code == "in-quarantine"
        assert askable(tx, office.settings, row, office.clock.now()) == []


def test_it_shows_and_puts_away_no_notice_of_its_persons(office: OfficeForTests) -> None:
    jane = office.user()
    own = office.ready(jane)
    closed, token = office.launched(jane, CLOSED)
    with office.store.write() as tx:
        for about in (None, own, closed):
            add_notice(tx, office.clock, jane.id, "k", "x", session_id=about)
        shown = {one: {n.session_id for n in notices_in_session(tx, tx.get_one(SessionRow, one))}
                 for one in (own, closed)}  # fmt: skip
        ids = {one.session_id: one.id for one in list_notices(tx, jane)}
    assert shown == {own: {own, None}, closed: {closed}}
    door = client_for(office.app(), token)
    for about, status in ((None, 404), (own, 404), (closed, 204)):
        answer = door.post(f"/internal/v1/session/notices/{ids[about]}/dismiss", json={})
        assert answer.status_code == status
    assert door.post("/internal/v1/session/tour", json={"done": True}).json() == {"tour_done": False}
    with office.store.write() as tx:
        assert {one.session_id for one in list_notices(tx, jane)} == {None, own}
        # An ordinary session puts away what it shows, and no notice of another session.
        row = tx.get_one(SessionRow, own)
        with pytest.raises(Refused):
            dismiss_in_session(tx, office.clock, row, ids[closed])
        for about in (None, own, None):
            dismiss_in_session(tx, office.clock, row, ids[about])
        tx.flush()
        assert list_notices(tx, jane) == []


def test_a_profile_in_quarantine_closes_what_it_was_not_told_and_refuses_what_it_was(
    office: OfficeForTests,
) -> None:
    change_profile(office, SMALL, **OPEN)
    change_profile(office, SMALL, quarantine=True)
    with office.store.read() as tx:
        now = profiles.get_profile(tx, OPERATOR, SMALL)[0]
    assert (now.egress_allowlist, now.egress_asklist, now.public_internet) == ((), (), False)
    assert (now.project_hosts, now.keep_state, now.downloads, now.packages) == (False, False, "deny", None)
    for field, value in OPEN.items():
        with pytest.raises(Refused) as refused:
            change_profile(office, SMALL, **{field: value})
        assert refused.value.code == f"invalid-{field}"
    with pytest.raises(Refused):
        change_profile(office, "notebook-cpu-large", quarantine=True, public_internet=True)
    change_profile(office, SMALL, packages={"allow": ["numpy"]})  # said by name, it is taken


def test_a_kept_document_is_in_the_home_before_anything_runs(office: OfficeForTests, tmp_path: Path) -> None:
    jane, documents = office.user(), Documents(tmp_path / "documents")
    sha256 = documents.put(b'{"cells": []}')
    session = run_in_quarantine(office, jane, documents, Document("../../up/<b>plan</b>.ipynb", sha256))
    assert office.backend.given == {(session, "b>.ipynb"): b'{"cells": []}'}
    assert office.hub.calls == [("start", "jane", CLOSED)]
    row = office.row(session)
    assert (row.quarantine, row.opens, row.profile_name) == (True, "b>.ipynb", CLOSED)
    with office.store.read() as tx:
        view = own_view(tx, office.clock, office.settings, row)
        [record] = search(tx, OPERATOR, Wanted(type="session.document-quarantined"), limit=9).records
    assert view["url"].endswith(f"/user/jane/{CLOSED}/lab/tree/b%3E.ipynb")
    assert record["data"]["sha256"] == sha256


def test_a_document_is_run_nowhere_else_and_by_nobody_who_is_not_offered_it(
    office: OfficeForTests, tmp_path: Path
) -> None:
    jane, auditor = office.user(), office.user("otto", Role.AUDITOR)
    documents = Documents(tmp_path / "documents")
    kept = Document("a.ipynb", documents.put(b"{}"))
    with pytest.raises(Refused) as refused:
        run_in_quarantine(office, jane, documents, kept, SMALL)
    assert refused.value.code == "not-in-quarantine"
    with pytest.raises(Unavailable):
        run_in_quarantine(office, jane, documents, Document("a.ipynb", "0" * 64))
    with office.store.read() as tx:
        assert tuple(offered(tx, office.settings, one) for one in (jane, auditor)) == (CLOSED, None)
    change_profile(office, CLOSED, enabled=False)
    with office.store.read() as tx:
        assert offered(tx, office.settings, jane) is None
    with pytest.raises(Refused) as none:
        run_in_quarantine(office, jane, documents, kept)
    assert none.value.code == "no-quarantine"
    assert office.backend.given == {}


def test_a_node_that_is_away_leaves_no_session_that_waits(office: OfficeForTests, tmp_path: Path) -> None:
    jane, documents = office.user(), Documents(tmp_path / "documents")
    kept = Document("a.ipynb", documents.put(b"{}"))

    def gone(*_: object) -> None:
        raise Unavailable("warden-away", "The node does not answer.", "Try again.")

    office.backend.give_file = gone  # pyright: ignore[reportAttributeAccessIssue]  it is away between two steps
    with pytest.raises(Unavailable):
        request_in_quarantine(office, jane, documents, kept)
    with office.store.read() as tx:
        assert [one.state for one in tx.query(SessionRow).all()] == ["failed"]


def test_nobody_is_told_that_its_files_are_kept(office: OfficeForTests) -> None:
    closed = office.ready(office.user(), CLOSED)
    office.change(closed, state="stopped")
    [found] = diagnose(office.row(closed), office.clock.now(), Surroundings())
    assert found.remedy == "It was in quarantine: its files went with it. Start another one to try again."


def test_its_tabs_are_no_neighbours_of_the_others(office: OfficeForTests) -> None:
    jane = office.user()
    own, first = office.ready(jane), office.ready(jane, CLOSED)
    office.change(first, state="stopped")  # a tab of it lives on, for as long as nobody closes it
    second = office.ready(jane, CLOSED)
    assert office.row(first).name == office.row(second).name
    hosts: list[str] = []
    for session in (own, first, second):
        with office.store.read() as tx:
            url = str(own_view(tx, office.clock, office.settings, office.row(session))["url"])
        hosts.append(str(urlsplit(url).hostname))
    assert hosts[:2] == ["jane.localhost", f"0-q-{first.removeprefix('ses_')}.localhost"]
    assert len({*hosts}) == 3
    for label in (host.partition(".")[0] for host in hosts):
        assert re.fullmatch("[a-z0-9][a-z0-9-]{0,61}[a-z0-9]", label)  # RFC 1035, RFC 1123
    office.settings = replace(office.settings, unsafe_shared_origin=True)
    with pytest.raises(Refused) as refused:
        start_session(office, office.user("john"), CLOSED)
    assert refused.value.code == "shared-origin"


def test_a_document_is_sent_by_the_api_and_too_large_a_one_is_not_taken(
    office: OfficeForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.user()
    api = client_for(office.app(), office.settings.secret("operator-token"))
    monkeypatch.setattr(api_sessions, "MOST_BYTES", 100)
    monkeypatch.setattr(quarantine, "MOST_BYTES", 100)
    asked = {"name": "../a b.ipynb", "user": "jane"}
    large = api.post("/api/v1/sessions/quarantined", params=asked, content=b"x" * 101)
    assert (large.status_code, large.json()["code"]) == (413, "document-too-large")
    made = api.post("/api/v1/sessions/quarantined", params=asked, content=b"{}")
    assert made.status_code == 201, made.text
    assert made.json()["quarantine"]
    assert made.json()["url"].endswith("/lab/tree/a%20b.ipynb")
    assert office.backend.given == {(made.json()["session_id"], "a b.ipynb"): b"{}"}
