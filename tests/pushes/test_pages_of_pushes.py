"""What a reviewer is shown of a push: all of it, or a sign that there is more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guard_parts import say
from nbkeep.model.actor import Role
from nbkeep.pushes.judge import take_push
from nbkeep.pushes.pktline import line
from nbkeep.pushes.values import Examined
from nbkeep.pushes.walk import File
from nbkeep.rendering.interface import Made
from nbkeep.rendering.kept import Documents
from nbkeep.scanning.values import Finding, Place
from nbkeep.store.push_tables import PushRow
from office_parts import office

if TYPE_CHECKING:
    from pathlib import Path

    from office_parts import OfficeForTests

__all__ = ["office"]
_TEXT = b"0" * 40 + b" " + b"a" * 40 + b" refs/heads/x\0report-status"


def test_a_push_of_which_no_page_was_made_is_not_held(office: OfficeForTests, tmp_path: Path) -> None:
    session_id = office.ready(office.user("jane"))
    office.user("rita", Role.REVIEWER)
    finding = Finding("a.py", Place(), 1, 1, "aws-access-key-id", "secret", "AWS key", "critical", "AKIA…PD")
    where = "https://forge.acme.local/risk.git"
    body = tmp_path / "body"
    body.write_bytes(line(_TEXT) + b"0000PACK")

    def examine(*_: object, page: bool, **__: object) -> Examined:
        say(office, "everywhere", "push", secret="review")  # while it is examined
        return Examined(Made(findings=[finding]), "e" * 64, [where, "x"], 0, 1, 1, has_page=page)

    def push() -> str:
        documents = Documents(office.settings.pushes_dir)
        answer = take_push(
            office.store, office.clock, office.settings, documents, session_id, where, body, tmp_path, examine
        )
        assert not answer.passes
        with office.store.read() as tx:
            assert (tx.get(PushRow, answer.push_id) is None) == (not answer.push_id)
        return answer.why

    assert push() == "not examined"
    assert push() == "waits for a review"


def test_names_of_a_file_beyond_many_are_counted() -> None:
    file = File("a" * 40, 1)
    for number in range(250):
        file.add_place(f"{number}.py")
        file.add_place(f"{number % 200}.py")
    assert (len(file.places), file.place_count - len(file.places)) == (200, 50)
