"""`nbkeep packages`: policies, approvals and advisories on the command line, and in the portal."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from gateway_parts import make_gateway

if TYPE_CHECKING:
    from pathlib import Path

    from cli_parts import Nbkeep

    from office_parts import OfficeForTests

PROFILE = "notebook-cpu-small"


def osv(key: str, name: str) -> dict[str, Any]:
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.0"}]}]
    return {
        "id": key,
        "details": "prose",
        "affected": [{"package": {"ecosystem": "PyPI", "name": name}, "ranges": ranges}],
    }


def test_a_policy_is_set_piece_by_piece_shown_and_ended(nbkeep: Nbkeep) -> None:
    assert "no package policy" in nbkeep("packages", "policy", "show", PROFILE).err
    done = nbkeep("packages", "policy", "set", PROFILE, "--index", "https://pypi.org/simple/", "--allow",
                  "numpy,pandas,scikit-*", "--deny", "evil", "--pin", "numpy<2", "--min-age", "7d", "--require-hash",
                  "--no-vulnerable")  # fmt: skip
    assert done.code == 0, done.err
    assert "only numpy, pandas, scikit-* but not evil; numpy<2; at least 7d old; with a SHA-256" in done.err
    assert "Nothing is let in before advisories are known" in done.err
    said = nbkeep(
        "packages",
        "policy",
        "set",
        PROFILE,
        "--deny",
        "none",
        "--pin",
        "numpy<2",
        "--pin",
        "pandas>2",
        "--json",
    )
    assert (said.json["deny"], said.json["pins"], said.json["min_age_s"]) == (
        [],
        ["numpy<2", "pandas>2"],
        604800,
    )
    assert "scikit-*" in nbkeep("packages", "policy", "show", PROFILE).out
    assert "scikit-*" in nbkeep("profile", "show", PROFILE).out
    for wrong in (("--pin", "numpy"), ("--index", "pypi"), ("--allow", "a b/c"), ("--min-age", "x"), ()):
        assert nbkeep("packages", "policy", "set", PROFILE, *wrong).code != 0, wrong
    assert nbkeep("packages", "policy", "show", PROFILE, "--json").json == said.json
    told = nbkeep("network", "explain", "files.pythonhosted.org", "--profile", PROFILE)
    assert f"package policy of profile {PROFILE}" in told.out
    assert nbkeep("packages", "policy", "clear", PROFILE).code == 0
    assert nbkeep("packages", "policy", "show", PROFILE, "--json").json is None


def test_what_came_in_is_listed_and_approved(nbkeep: Nbkeep, served: OfficeForTests) -> None:
    session_id = served.ready(served.user("jane"))
    record = {"id": uuid4().hex, "session_id": session_id, "at": served.clock.now().isoformat(), "name": "numpy",
              "version": "1.26.4", "file": "numpy-1.26.4.tar.gz", "index": "https://pypi.org/simple",
              "sha256": "a" * 64, "size_bytes": 7, "outcome": "installed", "reason": ""}  # fmt: skip
    make_gateway(served).client.post(
        "/internal/v1/gateway/packages", json={"records": [record]}
    ).raise_for_status()
    assert "numpy==1.26.4" in nbkeep("packages", "unreviewed").out
    (one,) = nbkeep("packages", "session", session_id, "--json").json
    assert (one["sha256"], one["approved"]) == ("a" * 64, False)
    assert "numpy==1.26.4 is approved" in nbkeep("packages", "approve", "NumPy==1.26.4").err
    assert "Nothing" in nbkeep("packages", "unreviewed").err
    assert "numpy==1.26.4" in nbkeep("packages", "approved").out
    assert nbkeep("packages", "revoke", "numpy==1.26.4").code == 0
    assert nbkeep("packages", "revoke", "numpy==1.26.4").code == 1
    for wrong in ("numpy", "numpy==what", "../x==1"):
        assert nbkeep("packages", "approve", wrong).code == 1, wrong


def test_advisories_come_from_a_zip_a_folder_or_a_file(nbkeep: Nbkeep, tmp_path: Path) -> None:
    packed, folder, single = tmp_path / "all.zip", tmp_path / "osv", tmp_path / "one.json"
    with zipfile.ZipFile(packed, "w") as file:
        for number in range(3):
            file.writestr(f"PYSEC-{number}.json", json.dumps(osv(f"PYSEC-{number}", f"p{number}")))
    assert "3 advisories about 3 packages" in nbkeep("packages", "advisories", "load", str(packed)).err
    folder.mkdir()
    (folder / "a.json").write_text(json.dumps(osv("GHSA-1", "numpy")))
    assert "1 advisories about 1 packages" in nbkeep("packages", "advisories", "load", str(folder)).err
    for wrong in ("no json", "[]", '{"id": 7}', json.dumps({"id": "x", "affected": []})):
        single.write_text(wrong)
        assert nbkeep("packages", "advisories", "load", str(single)).code == 1, wrong
    assert nbkeep("packages", "advisories", "load", str(tmp_path / "none.json")).code == 1
    assert nbkeep("packages", "advisories", "status", "--json").json["advisories"] == 1, "nothing was lost"
    single.write_text("\n".join(json.dumps(osv(f"MAL-{n}", "evil")) for n in range(2)))
    assert "2 advisories about 1 packages" in nbkeep("packages", "advisories", "load", str(single)).err
