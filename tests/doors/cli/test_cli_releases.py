"""`nbkeep release`: asked for by an author, looked at and decided by a reviewer, taken once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli_parts import be

from nbkeep.model.actor import Role
from release_parts import CLEAN, LEAKY, PATH, row, run
from scan_parts import KEY

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from cli_parts import Nbkeep

    from office_parts import OfficeForTests


def test_a_document_from_its_request_to_a_file(
    nbkeep: Nbkeep, served: OfficeForTests, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    jane, rita = served.user("jane"), served.user("rita", Role.REVIEWER)
    served.backend.held["jane", PATH] = LEAKY
    asking = ("release", "request", PATH, "--gate", "export", "--reason", "for the board")
    nobody = nbkeep(*asking)
    assert (nobody.code, "the operator is none" in nobody.err) == (1, True)
    with monkeypatch.context() as hers:
        be(served, jane, hers)
        asked = nbkeep(*asking, "--form", "ipynb", "--without", "markdown", "--keep", "raw-cells")
        release_id = asked.out.strip()
        assert "is being examined" in asked.err
        run(served)
        shown = nbkeep("release", "show", release_id)
        assert "waiting" in shown.out
        assert KEY not in shown.out
        early = nbkeep("release", "get", release_id, "-o", str(tmp_path / "early"))
        assert (early.code, (tmp_path / "early").exists()) == (1, False)
    kept = row(served, release_id).keep
    assert (kept["markdown"], kept["raw_cells"], kept["code"]) == (False, True, True)
    with monkeypatch.context() as reviewers:
        be(served, rita, reviewers)
        assert release_id in nbkeep("release", "list", "--to-review").out
        page = tmp_path / "preview.html"
        nbkeep("release", "preview", release_id, "-o", str(page))
        assert "cell" in page.read_text()
        sha256 = row(served, release_id).redacted_sha256
        assert sha256 in nbkeep("release", "show", release_id).out
        other = nbkeep("release", "approve", release_id, "--sha256", "0" * 64, "--redacted")
        assert (other.code, "is not what would leave" in other.err) == (1, True)
        done = nbkeep("release", "approve", release_id, "--sha256", sha256, "--redacted")
        assert "is ready (redacted)" in done.err
    with monkeypatch.context() as hers:
        be(served, jane, hers)
        file = tmp_path / "churn.ipynb"
        assert sha256 in nbkeep("release", "get", release_id, "-o", str(file)).err
        assert KEY not in file.read_text()
        again = nbkeep("release", "get", release_id, "-o", str(file))
        assert "is given once" in again.err


def test_what_is_sent_back_denied_and_withdrawn(
    nbkeep: Nbkeep, served: OfficeForTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    jane = served.user("jane")
    served.backend.held["jane", PATH] = LEAKY
    served.backend.held["jane", "a.csv"] = CLEAN
    ids = list[str]()
    with monkeypatch.context() as hers:
        be(served, jane, hers)
        for number in range(2):
            made = nbkeep(
                "release", "request", PATH, "--gate", "export", "--reason", f"try {number}", "--json"
            )
            ids.append(made.json["id"])
        made = nbkeep("release", "request", "a.csv", "--gate", "download", "--json")
        assert "withdrawn" in nbkeep("release", "withdraw", made.json["id"]).err
        assert nbkeep("release", "request", "a.csv", "--gate", "export", "--keep", "all").code != 0
    run(served)
    back = nbkeep("release", "send-back", ids[0], "--cell", "2: take the key out", "--cell", "1=why?")
    assert "was sent back" in back.err, back
    assert nbkeep("release", "send-back", ids[1], "--cell", "no number").code != 0
    assert "is denied" in nbkeep("release", "deny", ids[1], "--reason", "not for outside").err
    with monkeypatch.context() as hers:
        be(served, jane, hers)
        shown = nbkeep("release", "show", ids[0])
        assert "Cell 2: take the key out" in shown.err + shown.out
        assert "not for outside" in nbkeep("release", "show", ids[1]).out
        states = [one["state"] for one in nbkeep("release", "list", "--mine", "--json").json]
    assert sorted(states) == ["denied", "sent-back", "withdrawn"]
