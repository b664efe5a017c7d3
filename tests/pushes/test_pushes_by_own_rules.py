"""What an organisation's own rules find keeps a push here: looked for in the real jail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from guard_parts import say
from nbkeep.detection import records
from nbkeep.model.gates import Found
from nbkeep.pushes.found import found_in
from nbkeep.pushes.job import examine_push
from nbkeep.pushes.judge import take_push
from nbkeep.pushes.pktline import line
from nbkeep.pushes.receive import Pushed
from nbkeep.pushes.values import Examined
from nbkeep.rendering.interface import Made
from nbkeep.rendering.kept import Documents
from nbkeep.store.detection_tables import OwnRulesRow
from office_parts import OfficeForTests, office
from own_rules_parts import BADGE, RULES, set_rules
from push_parts import FORGE, Repository, needs_git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nbkeep.pushes.values import Answer

__all__ = ["office"]
pytestmark = needs_git
pytest.importorskip("re2")


@pytest.fixture
def body(tmp_path: Path) -> Path:
    here = Repository(tmp_path / "here")
    here.commit(text=f"badge = '{BADGE}'\n")
    tip = here.git("rev-parse", "HEAD").strip()
    found = tmp_path / "body"
    found.write_bytes(
        line(f"{'0' * 40} {tip} refs/heads/main\0report-status".encode()) + b"0000" + here.pack()
    )
    return found


def pushed(
    office: OfficeForTests, session_id: str, body: Path, examine: Callable[..., Examined] = examine_push
) -> Answer:
    documents = Documents(office.settings.pushes_dir)
    return take_push(office.store, office.clock, office.settings, documents, session_id,
                     f"https://{FORGE}/risk.git", body, body.parent, examine)  # fmt: skip


def test_what_only_an_own_rule_knows_is_not_pushed_from_the_day_on_that_it_holds(
    office: OfficeForTests, body: Path
) -> None:
    session_id = office.ready(office.user("jane"))
    say(office, "everywhere", "push", secret="deny", unread="deny")
    assert pushed(office, session_id, body).passes
    set_rules(office)
    answer = pushed(office, session_id, body)
    assert (answer.passes, answer.why) == (False, "denied by policy")
    assert "Badge of Acme" in str(answer.lines)
    assert BADGE not in str(answer.lines)


def test_rules_that_changed_while_a_push_was_examined_examine_it_again(
    office: OfficeForTests, body: Path
) -> None:
    session_id = office.ready(office.user("jane"))
    say(office, "everywhere", "push", secret="deny")
    tries: list[str] = []

    def slow(source: Path, one: Pushed, repository: str, work: Path, *, page: bool, rules: str) -> Examined:
        found = examine_push(source, one, repository, work, page=page, rules=rules)
        tries.append(rules)
        if len(tries) == 1:
            set_rules(office)
        return found

    assert not pushed(office, session_id, body, slow).passes
    assert tries == ["", RULES]


def test_a_push_is_unread_where_rules_change_each_time(office: OfficeForTests, body: Path) -> None:
    session_id = office.ready(office.user("jane"))
    say(office, "everywhere", "push", unread="deny")
    set_rules(office)
    tries: list[str] = []

    def never_in_time(
        source: Path, one: Pushed, repository: str, work: Path, *, page: bool, rules: str
    ) -> Examined:
        del source, one, work, page
        tries.append(rules)
        with office.store.write() as tx:
            tx.get_one(OwnRulesRow, records.NAME).sha256 = str(len(tries)) * 64
        return Examined(Made(), "e" * 64, [repository, "refs/heads/main"])

    answer = pushed(office, session_id, body, never_in_time)
    assert len(tries) == 3
    assert not answer.passes
    assert "own rules changed each time" in str(answer.lines)


def test_rules_that_cannot_be_read_any_more_leave_a_push_unread(office: OfficeForTests, body: Path) -> None:
    """Attack: a row that was changed by hand, or by a release that takes other files."""
    session_id = office.ready(office.user("jane"))
    say(office, "everywhere", "push", unread="deny")
    assert pushed(office, session_id, body).passes
    set_rules(office)
    with office.store.write() as tx:
        tx.get_one(OwnRulesRow, records.NAME).text = "[[rules]]\nid = 'x'\nregex = '''(?=a)'''\n"
    answer = pushed(office, session_id, body)
    assert not answer.passes
    assert "own rules cannot be read" in str(answer.lines), answer.lines


@pytest.mark.parametrize("page", [True, False])
def test_rules_that_find_more_than_anybody_needs_leave_a_push_unread(tmp_path: Path, page: bool) -> None:
    here = Repository(tmp_path / "here")
    here.commit(text="q " * 30_000)
    source = tmp_path / "pack"
    source.write_bytes(here.pack())
    one = Pushed((), frozenset(), (), 0)
    rules = "[[rules]]\nid = 'x'\nregex = '''q'''\n"
    made = examine_push(source, one, f"https://{FORGE}/", tmp_path, page=page, rules=rules).made
    assert Found.UNREAD in found_in(made)
    assert "takes too long to look through" in (made.problem or made.not_read[0].reason)
