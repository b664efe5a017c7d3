"""Rules of an organisation hold at every gate; a file of them that is wrong, hostile or slow never does."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from guard_parts import say
from nbkeep.audit.search import Wanted, search
from nbkeep.detection import change, check, records
from nbkeep.detection.check import checked, tried
from nbkeep.model.actor import OPERATOR, Role
from nbkeep.model.errors import Refused
from nbkeep.releases.values import State
from nbkeep.rendering import job
from nbkeep.rendering.interface import Made, Order
from nbkeep.sessions.view import own_view
from nbkeep.store.detection_tables import OwnRulesRow
from nbkeep.store.tables import SessionRow
from own_rules_parts import BADGE, QUADRATIC, RULES, set_rules
from release_parts import ask, notebook, row, run
from render_parts import needs_a_jail
from scan_parts import KEY

if TYPE_CHECKING:
    from office_parts import OfficeForTests

pytest.importorskip("re2")


def events(office: OfficeForTests) -> list[tuple[str, dict[str, object]]]:
    with office.store.read() as tx:
        found = search(tx, OPERATOR, Wanted(type="rules")).records
    return [(one["type"], one["data"]) for one in reversed(found)]


@needs_a_jail
def test_own_rules_are_set_by_who_decides_what_may_leave_and_each_change_is_on_record_once(
    any_office: OfficeForTests,
) -> None:
    office = any_office
    ada, jane, rita = office.user("ada", Role.ADMIN), office.user("jane"), office.user("rita", Role.AUDITOR)
    set_rules(office, by=ada)
    set_rules(office, by=ada)
    more = RULES + "[[rules]]\nid = 'acme-pin'\nregex = '''PIN [0-9]{8}'''\n"
    set_rules(office, more, by=ada)
    with office.store.read() as tx:
        shown = records.show_rules(tx, rita)
        assert [one["id"] for one in shown["rules"]] == ["acme-badge", "acme-pin"]
        assert (shown["text"], shown["set_by"]) == (more, "ada")
        with pytest.raises(Refused):
            records.show_rules(tx, jane)
    with office.store.write() as tx, pytest.raises(Refused, match="admin:releases"):
        change.set_rules(tx, office.clock, jane, RULES)
    with office.store.write() as tx, pytest.raises(Refused, match="admin:releases"):
        change.unset_rules(tx, office.clock, jane)
    with office.store.write() as tx:
        assert change.unset_rules(tx, office.clock, ada)
        assert not change.unset_rules(tx, office.clock, ada)
        assert records.own_rules(tx).text == ""
    said = events(office)
    assert [one for one, _ in said] == ["rules.set", "rules.set", "rules.unset"]
    assert (said[1][1]["added"], said[1][1]["before_sha256"]) == (["acme-pin"], said[0][1]["sha256"])


@needs_a_jail
def test_what_an_own_rule_finds_keeps_a_document_from_leaving(office: OfficeForTests) -> None:
    jane = office.user("jane")
    say(office, "everywhere", "export", secret="deny")
    data = notebook(f"badge = '{BADGE}'")
    first = ask(office, jane, data)
    run(office, job.make)
    assert row(office, first).state == State.READY
    set_rules(office)
    second = ask(office, jane, data)
    run(office, job.make)
    found = row(office, second)
    assert (found.state, found.findings[0]["rule"]) == (State.DENIED, "acme-badge")
    assert BADGE not in str([found.findings, found.answer, found.problem])


@needs_a_jail
def test_rules_that_changed_while_a_document_was_examined_examine_it_again(office: OfficeForTests) -> None:
    jane = office.user("jane")
    say(office, "everywhere", "export", secret="deny")
    tries: list[str] = []

    def slow(source: Path, order: Order, into: Path, *, timeout_s: float = 120) -> Made:
        made = job.make(source, order, into, timeout_s=timeout_s)
        tries.append(order.rules)
        if len(tries) == 1:
            set_rules(office)
        return made

    release_id = ask(office, jane, notebook(f"badge = '{BADGE}'"))
    run(office, slow)
    assert tries == ["", RULES]
    assert row(office, release_id).state == State.DENIED


@needs_a_jail
def test_rules_that_cannot_be_read_any_more_leave_a_document_unread(office: OfficeForTests) -> None:
    """Attack: a row that was changed by hand, or by a release that takes other files."""
    jane = office.user("jane")
    set_rules(office)
    with office.store.write() as tx:
        held = tx.get_one(OwnRulesRow, records.NAME)
        held.text = "[[rules]]\nid = 'x'\nregex = '''(?=a)'''\n"
    release_id = ask(office, jane, notebook("1 + 1"))
    run(office, job.make)
    found = row(office, release_id)
    assert found.found == ["unread"]
    assert "own rules cannot be read" in found.problem
    assert found.state not in {State.READY, State.RELEASED}


@needs_a_jail
def test_a_rule_that_finds_a_piece_of_a_key_leaves_nothing_of_the_key_in_what_is_redacted(
    tmp_path: Path,
) -> None:
    """Attack, or a slip: an own rule comes before those that nbkeep has, and takes their place."""
    source = tmp_path / "a"
    source.write_bytes(notebook(f"key = '{KEY}'"))
    for kind in ("secret", "personal"):
        rules = f"[[rules]]\nid = 'piece'\nkind = '{kind}'\nregex = '''AKIA'''\n"
        made = job.make(source, Order("a.ipynb", "ipynb", rules=rules), tmp_path)
        assert made.redacted is not None, made.not_redacted
        left = made.redacted.file.read_bytes()
        assert KEY[4:].encode() not in left
        assert {one.kind for one in made.findings} == {"secret"}


@needs_a_jail
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (" \n", "is empty"),
        ("[[rules]]\nid='x'\nregex='.'\n", "takes too long"),
        ("a=" + "[" * 50_000, "not TOML"),
        ("rules = [1]", "without an id"),
        (
            "[[rules]]\nid='gitlab-token'\nregex='ACME-[0-9]{9}'\n",
            "Built-in rules have these ids: gitlab-token",
        ),
        ("[[rules]]\nid='x'\nregex='x'\nkind=[]\n", "has no kind"),
        ("[[rules]]\nid='x'\nregex='x'\ntitle=\"a\\u001b[2J\"\n", "cannot be shown"),
        ("x = '\ud800'", "not UTF-8"),
        ("#" * (2 << 20) + "#", "more than 2 MiB"),
    ],
)
def test_a_file_that_is_wrong_or_hostile_is_refused_in_words(text: str, said: str) -> None:
    with pytest.raises(Refused) as refused:
        checked(text)
    assert said in refused.value.message
    assert refused.value.remedy


@needs_a_jail
def test_an_example_that_is_never_made_ends_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attack: thousands of digits of which no three are alike are looked for at random."""
    monkeypatch.setattr(check, "TIMEOUT_S", 1.0)
    with pytest.raises(Refused, match="not read within 1 seconds"):
        checked("[[rules]]\nid='x'\nregex='x'\nexamples=['{digits:9000}']\n")


@needs_a_jail
def test_who_sets_rules_is_told_of_those_whose_names_of_files_count_for_nothing() -> None:
    text = (
        RULES.replace("examples", "#")
        + "path = 'x'\n[[rules]]\nid = 'acme-pin'\nregex = '''PIN [0-9]{8}'''\n"
    )
    assert [one.ignores_names for one in checked(text).rules] == [True, False]


@needs_a_jail
def test_a_sample_is_tried_and_only_shown_masked() -> None:
    found = tried(RULES, f"badge {BADGE}\nkey = '{KEY}'\n")
    assert [(one.rule, one.line, one.is_own) for one in found.found] == [
        ("acme-badge", 1, True),
        ("aws-access-key-id", 2, False),
    ]
    assert not {BADGE, KEY} & {str(value) for one in found.found for value in asdict(one).values()}
    with pytest.raises(Refused, match="1 MiB"):
        tried("", "x" * (1 << 21))


@needs_a_jail
def test_a_running_session_is_told_with_its_next_heartbeat(office: OfficeForTests) -> None:
    jane = office.user("jane")
    session_id = office.ready(jane)

    def view() -> str:
        with office.store.read() as tx:
            return own_view(tx, office.clock, office.settings, tx.get_one(SessionRow, session_id))[
                "own_rules"
            ]

    assert view() == ""
    set_rules(office)
    assert view() == records.hash_of(RULES)


@needs_a_jail
def test_a_rule_that_takes_the_square_of_a_text_is_not_set(office: OfficeForTests) -> None:
    with pytest.raises(Refused, match="bomb"):
        set_rules(office, QUADRATIC)
    with office.store.read() as tx:
        assert records.own_rules_sha256(tx) == ""
