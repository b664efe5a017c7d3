"""A person sees what tools left behind in their home, and deletes that alone; nobody else sees any of it."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from guard_parts import say
from nbkeep.audit.search import Wanted, search
from nbkeep.backends.interface import Volume
from nbkeep.model.actor import OPERATOR, Role
from nbkeep.model.errors import Refused
from nbkeep.sessions import leftovers
from nbkeep.sessions.leftovers import delete_leftovers, find_leftovers
from own_rules_parts import BADGE, RULES, set_rules
from release_parts import LEAKY, PATH, ask, run
from render_parts import needs_a_jail
from scan_parts import KEY

if TYPE_CHECKING:
    from nbkeep.backends.interface import LeftFiles
    from nbkeep.model.actor import Actor
    from office_parts import OfficeForTests

LEFT = "work/.ipynb_checkpoints/churn-checkpoint.ipynb"


@pytest.fixture
def jane(office: OfficeForTests) -> Actor:
    made = office.user("jane")
    office.backend.volumes["jane"] = Volume("xfs", 1 << 30, 0, 1 << 30)
    office.backend.held["jane", PATH] = b"{}"
    office.backend.held["jane", LEFT] = LEAKY
    return made


def test_what_is_left_is_told_masked_and_deleted_on_record(office: OfficeForTests, jane: Actor) -> None:
    found = find_leftovers(office, jane, "jane")
    [one] = found["files"]
    assert (one["path"], one["kind"], one["of"], one["may_go"]) == (LEFT, "checkpoint", PATH, True)
    assert KEY not in str(found)
    gone = delete_leftovers(office, jane, "jane", {one["key"]: one["version"]})
    assert gone == {"deleted": [LEFT], "kept": []}
    assert find_leftovers(office, jane, "jane")["files"] == []
    with office.store.read() as tx:
        [event] = search(tx, OPERATOR, Wanted(type="leftovers")).records
    assert (event["type"], event["data"]["paths"]) == ("leftovers.deleted", [LEFT])


def test_what_is_worked_with_or_was_changed_meanwhile_stays(office: OfficeForTests, jane: Actor) -> None:
    [one] = find_leftovers(office, jane, "jane")["files"]
    office.backend.held["jane", LEFT] = LEAKY + b" "
    kept = delete_leftovers(office, jane, "jane", {one["key"]: one["version"], PATH.encode().hex(): "x"})
    assert (kept["deleted"], len(kept["kept"])) == ([], 2)
    assert set(office.backend.held) == {("jane", PATH), ("jane", LEFT)}
    for wrong in ({}, {"zz": "x"}, {f"{number:04x}": "x" for number in range(501)}):
        with pytest.raises(Refused) as refused:
            delete_leftovers(office, jane, "jane", wrong)
        assert refused.value.status == 400


def test_nobody_sees_or_deletes_what_is_left_in_the_homes_of_others(
    office: OfficeForTests, jane: Actor
) -> None:
    """Attack: also an admin's token; whoever looks after homes is not told what stands in them."""
    [one] = find_leftovers(office, jane, "jane")["files"]
    for other in (office.user("bob"), office.user("ada", Role.ADMIN)):
        with pytest.raises(Refused) as refused:
            find_leftovers(office, other, "jane")
        assert refused.value.status == 404
        with pytest.raises(Refused) as refused:
            delete_leftovers(office, other, "jane", {one["key"]: one["version"]})
        assert refused.value.status == 404
    with pytest.raises(Refused) as refused:
        find_leftovers(office, jane, "nobody")
    assert refused.value.status == 404


@needs_a_jail
def test_own_rules_count_there_too(office: OfficeForTests, jane: Actor) -> None:
    pytest.importorskip("re2")
    office.backend.held["jane", "b.py~"] = f"badge = '{BADGE}'".encode()
    assert len(find_leftovers(office, jane, "jane")["files"]) == 1
    set_rules(office, RULES)
    assert len(find_leftovers(office, jane, "jane")["files"]) == 2


def test_a_secret_that_left_is_to_be_rotated_also_once_no_file_has_it(
    office: OfficeForTests, jane: Actor
) -> None:
    assert find_leftovers(office, jane, "jane")["rotate"] == []
    say(office, "everywhere", "export", secret="allow")
    ask(office, jane, LEAKY)
    run(office)
    del office.backend.held["jane", PATH], office.backend.held["jane", LEFT]
    [one] = find_leftovers(office, jane, "jane")["rotate"]
    assert (one["path"], one["how"], KEY in str(one)) == (PATH, "export", False)
    assert find_leftovers(office, jane, "jane")["files"] == []


def test_a_home_is_looked_through_once_at_a_time(
    office: OfficeForTests, jane: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "_looking", {"jane"})
    with pytest.raises(Refused, match="already") as refused:
        find_leftovers(office, jane, "jane")
    assert refused.value.status == 409


def test_two_requests_at_the_same_moment_do_not_both_look_through_a_home(
    office: OfficeForTests, jane: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attack: each asks whether the other is there already, and both go on."""
    both = threading.Barrier(2)

    class Watched(set[str]):
        def __contains__(self, one: object) -> bool:
            is_there = super().__contains__(one)
            with suppress(threading.BrokenBarrierError):
                both.wait(0.5)  # both have asked, where nothing keeps them from it
            return is_there

    looked: list[str] = []
    look = office.backend.leftovers

    def leftovers_of(user: str, rules: str) -> LeftFiles:
        looked.append(user)
        while len(looked) + len(refused) < 2:
            time.sleep(0.01)
        return look(user, rules)

    refused: list[int] = []

    def ask_once() -> None:
        try:
            find_leftovers(office, jane, "jane")
        except Refused as refusal:
            refused.append(refusal.status)

    monkeypatch.setattr(leftovers, "_looking", Watched())
    monkeypatch.setattr(office.backend, "leftovers", leftovers_of)
    threads = [threading.Thread(target=ask_once) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(20)
    assert (looked, refused) == (["jane"], [409])
