"""Shares and the gallery from the command line: listed, looked at, shortened, ended."""

from __future__ import annotations

from pathlib import Path

from cli_parts import Nbkeep

from nbkeep.shares.look import look
from office_parts import OfficeForTests
from share_parts import in_browser, share


def test_an_admin_lists_shortens_and_ends_what_somebody_shares(
    nbkeep: Nbkeep, served: OfficeForTests
) -> None:
    jane, bob = served.user("jane"), served.user("bob")
    made = share(served, jane, "user:bob", "everyone").id
    look(served, in_browser(bob), made, "page")
    (listed,) = nbkeep("share", "list", "--all", "--json").json
    assert (listed["id"], listed["state"], listed["audience"]) == (made, "live", ["everyone", "user:bob"])
    assert "Churn in Q3" in nbkeep("share", "list", "--all").out
    assert "http://localhost:8000/portal/shared/" + made in nbkeep("share", "show", made).out
    assert "bob" in nbkeep("share", "views", made).out
    later = nbkeep("share", "shorten", made, "--until", "2099-01-01")
    assert (later.code, "not later" in later.err) == (1, True)
    assert "reason" in nbkeep("share", "revoke", made, "--yes").err
    done = nbkeep("share", "revoke", made, "--yes", "--reason", "wrong figures")
    assert (done.code, "shared no more" in done.err + done.out) == (0, True)
    assert "wrong figures" in nbkeep("share", "show", made).out
    absent = nbkeep("share", "show", "shr_00000000000000000000")
    assert (absent.code, "no document here" in absent.err) == (1, True)
    assert nbkeep("share", "views", "../../users").code == 1


def test_the_operator_is_nobody_to_whom_something_is_published(
    nbkeep: Nbkeep, served: OfficeForTests, tmp_path: Path
) -> None:
    made = share(served, served.user("jane"), "everyone", gate="publish").id
    assert nbkeep("gallery", "list").code == nbkeep("gallery", "search", "churn").code == 0
    assert nbkeep("gallery", "list", "--json").json == []
    file = tmp_path / "churn.html"
    got = nbkeep("share", "get", made, "--out", str(file))
    assert (got.code, file.exists()) == (1, False)
