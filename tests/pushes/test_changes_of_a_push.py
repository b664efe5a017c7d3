"""Reviewer and author see what changed since a file was pushed before, with what was found marked and masked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from guard_parts import say
from nbkeep.model.actor import ROLE_SCOPES, Role
from nbkeep.pushes.decide import approve_push
from nbkeep.pushes.since import Earlier, add_changes
from nbkeep.pushes.values import Page
from nbkeep.pushes.view import page_of
from nbkeep.rendering.kept import Documents
from nbkeep.store.push_tables import PushRow
from push_parts import needs_git
from scan_parts import KEY

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from push_parts import Pushing

MANY = "".join(f"line {number}\n" for number in range(40))


def newest(at_work: Pushing) -> PushRow:
    with at_work.office.store.read() as tx:
        return tx.query(PushRow).order_by(PushRow.requested_at.desc(), PushRow.id.desc()).limit(1).one()


def shown(at_work: Pushing, who: Actor) -> list[dict[str, Any]]:
    office = at_work.office
    documents = Documents(office.settings.pushes_dir)
    return page_of(office.store, office.clock, documents, who, newest(at_work).id)["files"]


def said(file: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the rows of what changed, as one reads them."""
    return [(what, "".join(text for text, _ in line)) for what, line in file["changes"]["rows"]]


def pushed(at_work: Pushing, rita: Actor) -> str:
    """Push, have it approved, and push again."""
    office = at_work.office
    assert "was not sent yet" in at_work.push().stderr
    row = newest(at_work)
    with office.store.write() as tx:
        approve_push(tx, office.clock, office.settings, rita, row.id, fingerprint=row.fingerprint)
    assert at_work.push().returncode == 0
    at_work.outside.report()
    office.clock.advance(1)
    return row.id


@needs_git
@pytest.mark.usefixtures("without_a_jail")
def test_a_second_push_shows_what_changed_since_the_first(at_work: Pushing) -> None:
    say(at_work.office, "everywhere", "push", secret="review")
    at_work.judge_now()
    rita = at_work.office.user("rita", Role.REVIEWER)
    at_work.commit(text=f'key = "{KEY}"\n{MANY}')
    assert "was not sent yet" in at_work.push().stderr
    assert all("changes" not in one for one in shown(at_work, rita)), "nothing was there before"
    with at_work.office.store.write() as tx:
        row = tx.query(PushRow).one()
        tx.delete(row)
    first = pushed(at_work, rita)
    at_work.commit(text=f'key = "{KEY}"\n{MANY.replace("line 20", "LINE 20")}', message="One line")
    at_work.commit("new.py", "print()\n", message="Another file")
    second = at_work.commit(text=f'other = "{KEY}"\n{MANY.replace("line 20", "LINE 20")}', message="The name")
    assert "was not sent yet" in at_work.push().stderr
    for who in (rita, at_work.jane):
        one, new, two = sorted(shown(at_work, who), key=lambda file: (file["commit"] == second, file["path"]))
        assert one["changes"]["push_id"] == first
        assert said(one)[0][0] == "same", "a line with a value in it is always shown"
        assert said(one)[1:] == [
            ("gap", "17 lines as before"), ("same", "line 17"), ("same", "line 18"), ("same", "line 19"),
            ("removed", "line 20"), ("added", "LINE 20"),
            ("same", "line 21"), ("same", "line 22"), ("same", "line 23"), ("gap", "16 lines as before"),
        ]  # fmt: skip
        assert (two["changes"]["push_id"], two["changes"]["commit"]) == ("", one["commit"])
        (removed, old), (added, fresh) = two["changes"]["rows"][:2]
        assert (removed, added) == ("removed", "added")
        assert [title for _, title in old if title] == [title for _, title in fresh if title]
        assert "changes" not in new
        assert KEY not in str((one, two))


@needs_git
@pytest.mark.usefixtures("without_a_jail")
def test_an_author_is_shown_nothing_of_what_others_pushed(at_work: Pushing) -> None:
    say(at_work.office, "everywhere", "push", secret="review")
    at_work.judge_now()
    office, rita = at_work.office, at_work.office.user("rita", Role.REVIEWER)
    at_work.commit(text=f'key = "{KEY}"\n{MANY}')
    pushed(at_work, rita)
    bob = office.user("bob")
    with office.store.write() as tx:
        tx.query(PushRow).one().user_id = bob.id  # it was his
    at_work.commit(text=f'key = "{KEY}"\n')
    assert "was not sent yet" in at_work.push().stderr
    assert at_work.jane.scopes != ROLE_SCOPES[Role.REVIEWER]
    assert all("changes" not in one for one in shown(at_work, at_work.jane))
    assert all("changes" in one for one in shown(at_work, rita))


def file(*cells: str, path: str = "a.ipynb", hidden: str = "") -> dict[str, Any]:
    parts = [
        {"cell": at, "part": "source", "line": 1, "pieces": [[text, ""]]} for at, text in enumerate(cells, 1)
    ]
    return {"path": path, "commit": "c" * 40, "parts": parts, "hidden": hidden}


def test_a_cell_that_moves_is_no_change_and_what_is_cut_off_is_told() -> None:
    before = Page(commits=[], files=[file("a = 1\n", "b = 2\n")])
    page = Page(commits=[], files=[file("new\n", "a = 1\n", "b = 2\n", hidden="It is longer.")])
    add_changes(page, [Earlier("psh_1", "2026-01-01T00:00:00+00:00", before)])
    found = page["files"][0]
    assert [one for one in said(found) if one[0] in {"added", "removed"}] == [
        ("added", "Cell 1 source"), ("added", "new"),
    ]  # fmt: skip
    assert found["changes"]["partly"]


def test_what_was_made_to_be_slow_to_compare_is_bounded() -> None:
    texts = ["\n".join("xy"[(at * at) % (7 + which) % 2] for at in range(30_000)) for which in (0, 1)]
    before, page = (Page(commits=[], files=[file(text)]) for text in texts)
    add_changes(page, [Earlier("psh_1", "", before)])
    changes = page["files"][0]["changes"]
    assert len(changes["rows"]) <= 2_001
    assert changes["partly"]
