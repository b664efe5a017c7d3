"""Real git pushes to a real forge through a real gateway: what policies say of it holds, and git says why."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from guard_parts import say
from push_parts import needs_git
from scan_parts import KEY

if TYPE_CHECKING:
    from push_parts import Pushing

pytestmark = needs_git


def deny_secrets(at_work: Pushing) -> None:
    say(at_work.office, "everywhere", "push", secret="deny", personal="deny", unread="deny")
    at_work.judge_now()


def test_without_a_policy_pushes_go_on_as_they_are(at_work: Pushing) -> None:
    tip = at_work.commit(text=f'key = "{KEY}"\n')
    assert at_work.push().returncode == 0
    assert at_work.refs == {"refs/heads/main": tip}
    assert at_work.outside.asked == [], "nobody looked"


def test_a_clean_push_passes_is_on_record_and_the_next_one_too(at_work: Pushing) -> None:
    deny_secrets(at_work)
    at_work.commit(message="First\n\nSigned-off-by: Jane Doe <jane@acme.com>")
    done = at_work.push()
    assert done.returncode == 0, done.stderr
    tip = at_work.commit("b.py", "y = 2\n" * 2000)
    at_work.git("tag", "-a", "v1", "-m", "The first")
    done = at_work.push("origin", "main", "v1")
    assert done.returncode == 0, done.stderr
    assert at_work.refs["refs/heads/main"] == tip
    assert "refs/tags/v1" in at_work.refs
    records = at_work.events("push.examined")
    assert [(one["outcome"], one["commits"], one["found"]) for one in records] == [
        ("passed", 1, ["nothing"]),
        ("passed", 1, ["nothing"]),
    ]
    assert at_work.push("origin", ":refs/tags/v1").returncode == 0, "a deletion sends nothing"
    assert "refs/tags/v1" not in at_work.refs


def test_a_key_in_an_older_commit_keeps_all_of_it_here_and_git_says_why(at_work: Pushing) -> None:
    deny_secrets(at_work)
    at_work.commit("secrets.env", f"AWS_KEY={KEY}\n")
    (at_work.here / "secrets.env").unlink()
    at_work.commit(message="Nothing to see")
    done = at_work.push()
    assert done.returncode != 0
    said = (
        "remote: nbkeep: this push was not sent. Pushing commits is denied: 1 secret (rule for everything)."
    )
    assert said in done.stderr, done.stderr
    assert "nbkeep:   secrets.env, line 1, commit " in done.stderr
    assert "[remote rejected] main -> main (nbkeep: denied by policy)" in done.stderr
    assert KEY not in done.stderr, "what was found is masked"
    assert at_work.refs == {}
    assert at_work.forge.pushed == [], "not a byte of it was sent"
    told = json.dumps(at_work.events("push.examined"))
    assert '"outcome": "refused"' in told
    assert KEY not in told


def test_what_the_office_cannot_examine_is_not_sent(at_work: Pushing) -> None:
    deny_secrets(at_work)
    at_work.commit()
    at_work.outside.is_office_away = True
    done = at_work.push()
    assert "could not be examined, so it was not sent" in done.stderr
    assert at_work.forge.pushed == []
    at_work.outside.is_office_away = False
    assert at_work.push().returncode == 0
