"""Evidence packs from the command line: built, listed, downloaded, and verified on another machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_parts import Nbkeep

from nbkeep.doors.worker.evidence import EvidenceBuilder
from office_parts import OfficeForTests

DAYS = ("--from", "2026-01-01", "--to", "2026-01-31")


@pytest.fixture
def background(served: OfficeForTests) -> Iterator[None]:
    """The loop of the office that makes packs."""
    builder, over = EvidenceBuilder(served), threading.Event()

    def rounds() -> None:
        while not over.wait(0.1):
            builder.round()

    thread = threading.Thread(target=rounds)
    thread.start()
    yield
    over.set()
    thread.join(10)
    builder.wait(10)


@pytest.mark.usefixtures("background")
def test_a_pack_is_built_downloaded_and_verified_with_public_material_alone(
    nbkeep: Nbkeep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    nbkeep("user", "invite", "--email", "jane@acme.com")
    public, file = tmp_path / "audit.pem", tmp_path / "january.zip"
    public.write_text(nbkeep("audit", "key").out)
    done = nbkeep("evidence", "build", "--framework", "nist-csf-2.0", *DAYS, "--out", str(file))
    assert done.code == 0, done.err
    assert "not covered" in done.out
    assert file.stat().st_mode & 0o077 == 0
    (listed,) = nbkeep("evidence", "list", "--json").json
    assert (listed["state"], listed["asked_by"]) == ("ready", "operator")
    assert listed["id"] in nbkeep("evidence", "list").out
    again = tmp_path / "again.zip"
    assert nbkeep("evidence", "download", listed["id"], "--out", str(again)).code == 0
    assert again.read_bytes() == file.read_bytes()
    monkeypatch.setenv("NBKEEP_DATA", "/nowhere")
    verified = nbkeep("evidence", "verify", str(file), "--key", str(public))
    assert verified.code == 0, verified.err
    assert "Verified: nist-csf-2.0, 2026-01-01 to 2026-01-31." in verified.out
    assert nbkeep("evidence", "verify", str(file), "--key", str(public), "--json").json["ok"]
    file.write_bytes(file.read_bytes()[:-500])
    broken = nbkeep("evidence", "verify", str(file), "--key", str(public))
    assert (broken.code, "truncated" in broken.err) == (1, True)
    assert nbkeep("evidence", "verify", "/nowhere.zip", "--key", str(public)).code == 1
    assert nbkeep("evidence", "verify", str(again), "--key", "/nowhere.pem").code == 1
    public.write_text("no key")
    assert "no public key" in nbkeep("evidence", "verify", str(again), "--key", str(public)).err


def test_wishes_that_cannot_be_are_refused_in_a_sentence(nbkeep: Nbkeep):
    refused = nbkeep("evidence", "build", "--framework", "iso-27001", *DAYS)
    assert (refused.code, "Known: nist-csf-2.0" in refused.err) == (1, True)
    refused = nbkeep(
        "evidence", "build", "--framework", "owasp-nhi", "--from", "2026-02-01", "--to", "2026-01-01"
    )
    assert (refused.code, "earlier day first" in refused.err) == (1, True)
    assert nbkeep("evidence", "download", "evd_00000000000000000000").code == 1
    assert "No pack yet" in nbkeep("evidence", "list").out + nbkeep("evidence", "list").err
