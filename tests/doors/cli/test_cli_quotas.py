"""`nbkeep quota`: set by admins, asked for by users, seen by auditors; and what each of them reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cli_parts import be

from nbkeep.model.actor import OPERATOR, Role
from nbkeep.people.projects import add_project, join_project
from nbkeep.quotas import ask
from quota_parts import SMALL, events_of, live, override, set_quota, standing, told

if TYPE_CHECKING:
    from cli_parts import Nbkeep, Result

    from office_parts import OfficeForTests

HOUR_US = 3_600_000_000


def soon(office: OfficeForTests, **later: float) -> str:
    """Return a moment as people type it, by the office's clock: days, hours from now."""
    return f"{office.clock.now() + timedelta(**later):%Y-%m-%dT%H:%M}"


def project(office: OfficeForTests, *people: str, name: str = "nlp") -> None:
    with office.store.write() as tx:
        add_project(tx, office.clock, OPERATOR, name)
        for one in people:
            join_project(tx, office.clock, OPERATOR, name, one)


def is_one_clear_line(done: Result) -> bool:
    """Tell whether it failed with what is wrong in one line, what to do next in another, and nothing else."""
    lines = done.err.splitlines()
    return (
        (done.code, done.out, len(lines)) == (1, "", 2)
        and lines[0].startswith("Error: ")
        and lines[0].endswith((".", "?"))
        and lines[1].startswith("       ")
        and lines[1].strip() != ""
    )


def waiting(nbkeep: Nbkeep) -> list[dict[str, Any]]:
    return nbkeep("quota", "requests", "--json").json


def what_is_set(nbkeep: Nbkeep) -> object:
    return nbkeep("quota", "list", "--json").json, nbkeep("quota", "requests", "--json").json


def test_quotas_from_their_setting_to_their_removal(nbkeep: Nbkeep, served: OfficeForTests) -> None:
    served.user()
    project(served, "jane")
    done = nbkeep("quota", "list")
    assert (done.code, done.out) == (0, "")
    assert "No quotas. Set one: `nbkeep quota set --everyone gpu=8h/day`." in done.err
    lines = (
        "set --user jane@acme.com --gpu-a100-hours-month 40 --sessions-at-once=2",
        "set --user jane gpu-a100=60h/month",
        "set --everyone hours=90min/day gpu-x9=1",
        "set --project nlp --cost-month 500 --flavor-notebook-cpu-small-hours-day 8",
        "list",
        "remove gpu-a100/month --user jane",
        "remove --project nlp --yes",
    )
    said = [nbkeep("quota", *line.split()) for line in lines]
    assert [one.code for one in said] == [0] * len(said), [one.err for one in said]
    assert "jane: 40 h of GPU (a100) a month (gpu-a100=40h/month)." in said[0].err
    assert "jane: 2 sessions at once (sessions=2)." in said[0].err
    assert "a100 yet" not in said[0].err
    assert "everyone: 1.5 h of compute a day (hours=1.5h/day)." in said[2].err
    assert "No flavor has x9 yet: until one does, this limits nothing." in said[2].err
    assert "project nlp: 500.00 EUR a month (cost=500.00/month)." in said[3].err
    assert "notebook-cpu-small yet" not in said[3].err
    title, *rows = said[4].out.splitlines()
    assert title.split() == ["OF", "QUOTA", "MEANS", "SET", "BY"]
    assert [row.split()[0] for row in rows] == ["everyone"] * 2 + ["project"] * 2 + ["jane"] * 2
    assert "60 h of GPU (a100) a month" in said[4].out
    assert "40 h" not in said[4].out, "the later one is in place of the earlier"
    assert all(row.endswith("operator") for row in rows)
    assert (said[5].err, said[6].err) == ("Removed.\n", "Removed.\n")
    left = nbkeep("quota", "list", "--json").json
    assert [(one["subject"], one["quota"]) for one in left["items"]] == [
        ("everyone", "gpu-x9=1"),
        ("everyone", "hours=1.5h/day"),
        ("jane", "sessions=2"),
    ]
    assert left["overrides"] == []


def test_json_has_what_a_program_needs(nbkeep: Nbkeep, served: OfficeForTests) -> None:
    served.user()
    made = nbkeep("quota", "set", "--user", "jane", "hours=2h/day", "flavor-none=1h/day", "--json")
    assert made.err == ""
    (first, second), notes = made.json["items"], made.json["notes"]
    assert first | {"id": "", "set_at": ""} == {
        "id": "", "subject": "jane", "kind": "user", "quota": "hours=2h/day", "key": "hours/day",
        "of": "hours of compute a day", "amount": 2 * HOUR_US, "words": "2 h of compute a day",
        "unit": "microseconds", "set_at": "", "set_by": "operator",
    }  # fmt: skip
    assert (second["key"], second["words"]) == ("flavor-none/day", "1 h of none a day")
    assert notes == ["No flavor has none yet: until one does, this limits nothing."]


def test_show_says_what_is_used_and_left(
    nbkeep: Nbkeep, served: OfficeForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    jane = served.user()
    set_quota(served, "hours=2h/day", "sessions=3", user="jane")
    live(served, 1800, served.ready(jane))
    by_operator = nbkeep("quota", "show", "--user", "JANE@acme.com")
    assert "No quota holds for them." in nbkeep("quota", "show").err, "the operator is nobody"
    be(served, jane, monkeypatch)
    shown = nbkeep("quota", "show")
    assert shown.code == by_operator.code == 0
    assert shown.out == by_operator.out
    title, hours, sessions = shown.out.splitlines()
    assert title.split()[2:7] == ["ALLOWED", "USED", "RESERVED", "LEFT", "EXPECTED"]
    assert " ".join(hours.split()) == "hours/day jane 2 h 30 min 0 h 1.5 h 24 h 2026-01-02 00:00"
    assert " ".join(sessions.split()) == "sessions jane 3 1 0 2 - -"
    found = nbkeep("quota", "show", "--json").json
    assert [one["quota"] for one in found] == ["hours/day", "sessions"]
    assert (found[0]["used"], found[0]["left"], found[0]["percent"]) == (HOUR_US // 2, 3 * HOUR_US // 2, 25)
    assert found[0]["back_at"] == "2026-01-02T00:00:00+00:00"
    assert found[1]["unit"] == "number"


def test_a_quota_below_what_is_used_leaves_nothing_and_refuses_the_next_start(
    nbkeep: Nbkeep, served: OfficeForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    jane = served.user()
    set_quota(served, "hours=2h/day", user="jane")
    live(served, 3600, served.ready(jane))
    assert nbkeep("quota", "set", "--user", "jane", "hours=15min/day").code == 0
    (now,) = nbkeep("quota", "show", "--user", "jane", "--json").json
    assert (now["allowed_words"], now["used_words"], now["left_words"]) == ("15 min", "1 h", "0 h")
    assert (now["level"], now["percent"]) == ("bad", 100)
    be(served, jane, monkeypatch)
    refused = nbkeep("session", "start", "--profile", SMALL)
    assert refused.code == 1
    assert "Not started: the quota of jane is 15 min of compute a day, 1 h are used." in refused.err
    assert "It is back on 2 January, 00:00 UTC." in refused.err
    assert "ask for more" in refused.err


def test_an_override_holds_until_it_is_ended(nbkeep: Nbkeep, served: OfficeForTests) -> None:
    jane = served.user()
    project(served, "jane")
    set_quota(served, "hours=2h/day", user="jane")
    set_quota(served, "hours=2h/day", project="nlp")
    until = soon(served, hours=8)
    words = until.replace("T", " ")
    given = nbkeep(
        "quota", "override", "--user", "jane", "--hours-day", "6", "--until", until, "--reason", "paper"
    )
    assert given.code == 0, given.err
    assert given.err.startswith(f"jane: hours=6h/day until {words} (UTC), quv_")
    assert standing(served, jane).allowed == 6 * HOUR_US
    assert any("hours=6h/day" in one for one in told(served, jane))
    lifted = nbkeep(
        "quota", "override", "--project", "nlp", "--until", until, "--reason", "fair", "--json"
    ).json
    assert [(one["subject"], one["quota"]) for one in lifted["items"]] == [("project nlp", "all=no limit")]
    listed = nbkeep("quota", "list")
    assert "OVERRIDE" in listed.out
    assert f"jane         hours=6h/day  {words}  paper" in listed.out
    assert "no limit" in nbkeep("quota", "show", "--user", "jane").out
    ids = {one["subject"]: one["id"] for one in nbkeep("quota", "list", "--json").json["overrides"]}
    first, second = ids["jane"], ids["project nlp"]
    for _ in range(2):
        ended = nbkeep("quota", "end-override", first)
        assert (ended.code, ended.err) == (0, "Ended.\n")
    # That she may use more is true no longer.
    assert told(served, jane) == ["What you were given beyond your quota was taken back: hours=6h/day."]
    assert standing(served, jane).allowed == 2 * HOUR_US
    assert [one["id"] for one in nbkeep("quota", "list", "--json").json["overrides"]] == [second]
    served.clock.advance(8 * 3600)
    assert "OVERRIDE" not in nbkeep("quota", "list").out


def test_an_override_for_some_hours_ends_so_long_from_now(nbkeep: Nbkeep, served: OfficeForTests) -> None:
    served.user()
    served.clock.set(datetime.now(UTC))
    made = nbkeep("quota", "override", "--user", "jane", "--until", "8h", "--reason", "paper", "--json").json
    lasts = datetime.fromisoformat(made["items"][0]["until"]) - served.clock.now()
    assert timedelta(hours=8) <= lasts < timedelta(hours=8, minutes=5)


def test_a_user_asks_and_is_given_more(
    nbkeep: Nbkeep, served: OfficeForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    jane, ops = served.user(), served.user("ops", Role.ADMIN)
    project(served, "jane")
    set_quota(served, "hours=0h/day", everyone=True)
    set_quota(served, "hours=0h/day", project="nlp")
    be(served, jane, monkeypatch)
    asked = nbkeep("quota", "ask", "hours/day", "--reason", "a paper")
    assert asked.code == 0
    assert "You are told in the portal and in JupyterLab when it is answered." in asked.err
    again = nbkeep("quota", "ask", "hours/day", "--reason", "still")
    assert again.err == asked.err, "the one that waits"
    served.clock.advance(1)
    assert nbkeep("quota", "ask", "hours/day", "--project", "nlp", "--reason", "ours").code == 0
    assert [(one["subject"], one["reason"], one["decided_at"]) for one in waiting(nbkeep)] == [
        ("jane", "a paper", None),
        ("project nlp", "ours", None),
    ]
    assert "waits" in nbkeep("quota", "requests").out

    be(served, ops, monkeypatch)
    first, second = (one["id"] for one in waiting(nbkeep))
    until = soon(served, days=1)
    given = nbkeep(
        "quota", "give", first, "--limit", "hours=3h/day", "--until", until, "--reason", "good luck"
    )
    assert (given.code, given.err) == (0, "jane has more of hours/day, and is told.\n")
    assert nbkeep("quota", "give", second, "--until", until).code == 0
    assert "Nobody waits for more." in nbkeep("quota", "requests").err
    answers = nbkeep("quota", "requests", "--answered").out
    assert "given by ops: good luck" in answers
    assert [one.allowed for one in (standing(served, jane), standing(served, jane, 1))] == [3 * HOUR_US, None]
    assert any("hours=3h/day" in one for one in told(served, jane))
    assert "project nlp may use more hours of compute a day, as you asked." in told(served, jane)

    twice = nbkeep("quota", "give", first, "--until", until)
    assert is_one_clear_line(twice)
    assert "ops has answered it already." in twice.err
    assert "`nbkeep quota requests --answered`" in twice.err


def test_a_user_is_denied_more_with_the_reason(
    nbkeep: Nbkeep, served: OfficeForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    jane = served.user()
    set_quota(served, "hours=0h/day", user="jane")
    be(served, jane, monkeypatch)
    nbkeep("quota", "ask", "hours/day", "--reason", "a paper")
    monkeypatch.setenv("NBKEEP_DATA", str(served.settings.data_dir))
    (request,) = waiting(nbkeep)
    denied = nbkeep("quota", "deny", request["id"], "--reason", "The month is over soon")
    assert (denied.code, denied.err) == (0, "jane is told.\n")
    assert standing(served, jane).allowed == 0
    set_quota(served, "sessions=3", everyone=True)
    assert told(served, jane) == [  # whatever is set later
        "You asked for more hours of compute a day. The answer is no: The month is over soon"
    ]
    be(served, jane, monkeypatch)
    assert "denied by operator: The month is over soon" in nbkeep("quota", "requests", "--answered").out
    assert "Nobody waits for more." in nbkeep("quota", "requests").err


@pytest.mark.parametrize(
    ("command", "what", "remedy"),
    [
        ("set --user jane --hours-weekly 4", "There is no option --hours-weekly.", "--hours-month"),
        ("set --user jane --hours-day", "--hours-day needs an amount.", "--hours-day 40"),
        ("set --user jane --hours-day many", "'hours=many/day': those are no hours.", "8h, 1.5h or 30min"),
        ("set --user jane --hours-day -3", "those are no hours", "8h, 1.5h or 30min"),
        ("set --user jane cost=much/day", "is not an amount of money for quota", "."),
        ("set --user jane sessions=1.5", "'sessions=1.5': that is no number of them", "a whole number"),
        ("set --user jane sessions=2/day", "sessions cannot be limited a day", "gpu-a100=8h/day"),
        ("set --user jane hours=8h/week", "'hours=8h/week' is no quota.", "gpu-a100=8h/day"),
        ("set --user jane hours=1h/day hours=2h/day", "One limit is given twice.", "Give each once."),
        ("set --user jane hours=3h/day cost=x/day", "is not an amount of money for quota", "."),
        ("set --user jane", "How much?", "gpu-a100=40h/month"),
        ("set hours=1h/day", "For whom is it?", "Give one user, one project, or everyone."),
        ("set --user jane --everyone hours=1h/day", "For whom is it?", "one project"),
        ("set --user jane --project nlp hours=1h/day", "For whom is it?", "one project"),
        ("set --user nobody hours=1h/day", "There is no user 'nobody'.", "nbkeep user list"),
        ("set --user a@acme.com hours=1h/day", "There is no user 'a@acme.com'.", "nbkeep user list"),
        ("set --project none hours=1h/day", "There is no project 'none'.", "nbkeep project list"),
        ("show --user nobody", "There is no user 'nobody'.", "nbkeep user list"),
        ("remove cost/day --user jane", "There is no quota 'cost/day'.", "nbkeep quota list"),
        ("remove everything --user jane", "'everything' is no quota.", "gpu-a100=8h/day"),
        ("remove hours/day", "For whom is it?", "one project"),
        ("remove hours/day --user nobody", "There is no user 'nobody'.", "nbkeep user list"),
        ("override --user jane --until 2020-01-01 --reason x", "ends in the future", "a later moment"),
        ("override --user jane --until 2099-01-01 --reason x", "within a year", "or set the quota itself"),
        ("override --user jane --until soon --reason x", "'soon' is not a time.", "2026-12-01T18:00 (UTC)"),
        ("override --user jane --until +1d --reason=", "needs a reason of up to 500", "the audit keeps it"),
        ("override --user jane hours=x/day --until +1d --reason x", "those are no hours", "8h, 1.5h or 30min"),
        ("override --until +1d --reason x", "For whom is it?", "one project"),
        ("override --user nobody --until +1d --reason x", "There is no user 'nobody'.", "nbkeep user list"),
        ("end-override quv_1", "There is no override 'quv_1'.", "nbkeep quota list"),
        ("end-override ..?user=jane", "There is no override '..?user=jane'.", "nbkeep quota list"),
        ("give qur_1 --until +1d", "There is no request 'qur_1'.", "nbkeep quota requests"),
        ("give REQUEST --until 2020-01-01", "ends in the future", "a later moment"),
        ("give REQUEST --until +1d --limit cost=9/day", "joe asked for hours/day.", "Give an amount of that"),
        ("give REQUEST --until +1d --limit hours=1h/day", "hours=1h/day is no more: the quota of joe is hours=1h/day",
         "Give more than that"),
        ("deny qur_1 --reason x", "There is no request 'qur_1'.", "nbkeep quota requests"),
        ("deny REQUEST --reason=", "It needs a reason of 1 to 500 characters.", "Say why; they are told."),
        ("ask hours/day --reason x", "Quotas are people's, and the operator is none.", "nbkeep login"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line_and_changes_nothing(
    nbkeep: Nbkeep, served: OfficeForTests, command: str, what: str, remedy: str
) -> None:
    served.user()
    joe = served.user("joe")
    set_quota(served, "hours=2h/day", user="jane")
    set_quota(served, "hours=1h/day", user="joe")
    with served.store.write() as tx:
        request = ask.ask(tx, served.clock, joe, "hours/day", reason="a paper").id
    before = what_is_set(nbkeep)
    words = command.replace("REQUEST", request).replace("+1d", soon(served, days=1)).split()
    done = nbkeep("quota", *words)
    assert is_one_clear_line(done), (done.out, done.err)
    said, next_step = done.err.splitlines()
    assert what in said
    assert remedy in next_step
    assert what_is_set(nbkeep) == before


def test_what_one_asks_for_is_a_quota_of_ones_own(
    nbkeep: Nbkeep, served: OfficeForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    jane, _ = served.user(), served.user("joe")
    project(served, "joe")
    for whom in ({"user": "jane"}, {"project": "nlp"}):
        set_quota(served, "hours=2h/day", **whom)
    be(served, jane, monkeypatch)
    for words, what in (
        (["cost/day", "--reason", "x"], "There is no quota 'cost/day'."),
        (["hours/day", "--project", "nlp", "--reason", "x"], "There is no quota 'hours/day'."),
        (["hours/day", "--project", "none", "--reason", "x"], "There is no quota 'hours/day'."),
        (["hours", "--reason", "x"], "'hours': hours cannot be limited at once."),
        (["hours/day", "--reason", " "], "It needs a reason of 1 to 500 characters."),
        (["hours/day", "--reason", "x" * 501], "It needs a reason of 1 to 500 characters."),
        (["hours/day", "--reason", "x" * 1001], "reason: String should have at most 1000 characters."),
    ):
        done = nbkeep("quota", "ask", *words)
        assert is_one_clear_line(done), done.err
        assert what in done.err
    assert waiting(nbkeep) == []


def test_a_user_sees_their_own_and_changes_nothing(
    nbkeep: Nbkeep, served: OfficeForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    jane, joe = served.user(), served.user("joe")
    project(served, "jane")
    project(served, "joe", name="secret")
    for limit, whom in (
        ("hours=2h/day", {"user": "jane"}),
        ("cost=7/month", {"user": "joe"}),
        ("sessions=3", {"everyone": True}),
        ("gpu=4", {"project": "nlp"}),
        ("gpu=9", {"project": "secret"}),
    ):
        set_quota(served, limit, **whom)
    hers, his = override(served, 8, user="jane"), override(served, 8, user="joe")
    with served.store.write() as tx:
        request = ask.ask(tx, served.clock, joe, "cost/month", reason="a paper").id
    before = what_is_set(nbkeep)
    be(served, jane, monkeypatch)
    seen = nbkeep("quota", "list", "--json").json
    assert [one["quota"] for one in seen["items"]] == ["sessions=3", "gpu=4", "hours=2h/day"]
    assert [one["id"] for one in seen["overrides"]] == [hers]
    assert "joe" not in nbkeep("quota", "list").out
    assert waiting(nbkeep) == []
    theirs, nobodys = (nbkeep("quota", "show", "--user", name) for name in ("joe", "nobody"))
    assert is_one_clear_line(theirs)
    assert theirs.err.replace("joe", "X") == nobodys.err.replace("nobody", "X")
    assert_may_not_change(nbkeep, served, hers, his, request)
    monkeypatch.setenv("NBKEEP_DATA", str(served.settings.data_dir))
    assert what_is_set(nbkeep) == before


def test_an_auditor_lists_all_and_changes_nothing(
    nbkeep: Nbkeep, served: OfficeForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    jane, vera = served.user(), served.user("vera", Role.AUDITOR)
    set_quota(served, "hours=2h/day", user="jane")
    hers = override(served, 8, user="jane")
    with served.store.write() as tx:
        request = ask.ask(tx, served.clock, jane, "hours/day", reason="a paper").id
    before = what_is_set(nbkeep)
    be(served, vera, monkeypatch)
    assert what_is_set(nbkeep) == before
    assert "a deadline" in nbkeep("quota", "list").out
    assert "a paper" in nbkeep("quota", "requests").out
    assert "hours/day" in nbkeep("quota", "show", "--user", "jane").out
    asked = nbkeep("quota", "ask", "hours/day", "--reason", "x")
    assert is_one_clear_line(asked)
    assert "needs the scope 'sessions'" in asked.err
    assert_may_not_change(nbkeep, served, hers, request)
    assert what_is_set(nbkeep) == before


def assert_may_not_change(nbkeep: Nbkeep, office: OfficeForTests, *ids: str) -> None:
    """Assert that each verb that changes something is refused, with whom to ask."""
    until = soon(office, days=1)
    lines = [
        "set --user jane hours=9h/day", "set --everyone hours=9h/day", "remove hours/day --user jane",
        "remove --user jane --yes", f"override --user jane --until {until} --reason x",
    ]  # fmt: skip
    lines += [f"end-override {one}" for one in ids if one.startswith("quv_")]
    for one in ids:
        if one.startswith("qur_"):
            lines += [f"give {one} --until {until}", f"deny {one} --reason x"]
    for line in lines:
        done = nbkeep("quota", *line.split())
        assert is_one_clear_line(done), (line, done.err)
        assert "This needs the scope 'admin:quotas'" in done.err
        assert "Ask an admin" in done.err


def test_all_of_a_subject_go_only_when_that_is_confirmed(nbkeep: Nbkeep, served: OfficeForTests) -> None:
    served.user()
    set_quota(served, "hours=2h/day", "sessions=2", user="jane")
    set_quota(served, "sessions=3", everyone=True)
    done = nbkeep("quota", "remove", "--user", "jane")
    assert (done.code, done.out) == (2, "")
    assert "Add --yes if you are sure." in done.err
    assert len(nbkeep("quota", "list", "--json").json["items"]) == 3
    assert nbkeep("quota", "remove", "--user", "jane", "--yes").code == 0
    assert [one["quota"] for one in nbkeep("quota", "list", "--json").json["items"]] == ["sessions=3"]
    assert nbkeep("quota", "remove", "--everyone", "--yes").code == 0
    assert nbkeep("quota", "list", "--json").json["items"] == []
    assert len(events_of(served, "quota.removed")) == 3


@pytest.mark.parametrize("options", ["--user jane --until 8h", "--user jane --reason x"])
def test_an_override_without_an_end_or_a_reason_is_no_command(
    nbkeep: Nbkeep, served: OfficeForTests, options: str
) -> None:
    served.user()
    done = nbkeep("quota", "override", *options.split())
    assert done.code == 2
    assert "Missing option" in done.err
    assert nbkeep("quota", "list", "--json").json["overrides"] == []


def test_who_is_invited_with_a_quota_has_it_from_the_beginning(
    nbkeep: Nbkeep, served: OfficeForTests
) -> None:
    invited = nbkeep(
        "user", "invite", "--email", "joe@acme.com", "--quota", "gpu-a100=8h/day", "--quota", "sessions=2"
    )
    assert invited.code == 0, invited.err
    assert "joe is invited" in invited.err
    found = nbkeep("quota", "list", "--json").json["items"]
    assert [(one["subject"], one["quota"]) for one in found] == [
        ("joe", "gpu-a100=8h/day"),
        ("joe", "sessions=2"),
    ]
    refused = nbkeep("user", "invite", "--email", "eve@acme.com", "--quota", "gpu-a100=8h/week")
    assert is_one_clear_line(refused), refused.err
    assert "'gpu-a100=8h/week' is no quota." in refused.err
    assert [one["name"] for one in nbkeep("user", "list", "--json").json] == ["joe"]


def test_what_people_write_cannot_steer_a_terminal(
    nbkeep: Nbkeep, served: OfficeForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    jane = served.user()
    set_quota(served, "hours=2h/day", user="jane")
    be(served, jane, monkeypatch)
    assert nbkeep("quota", "ask", "hours/day", "--reason", "a\x1b[2Jb").code == 0
    monkeypatch.setenv("NBKEEP_DATA", str(served.settings.data_dir))
    for done in (nbkeep("quota", "requests"), nbkeep("quota", "requests", "--json")):
        assert "\x1b" not in done.out
        assert "[2Jb" in done.out
