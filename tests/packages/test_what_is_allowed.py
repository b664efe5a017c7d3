"""Rules, advisories and pages as pure functions, on values shaped like those of real indexes."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from packaging.version import Version

from nbkeep.model.clock import ManualClock
from nbkeep.packages import advisories
from nbkeep.packages.known import Known
from nbkeep.packages.licences import is_allowed, licence_of
from nbkeep.packages.pages import JSON_TYPE, RefusedFile, place_of, read_page, write_page, write_refusal
from nbkeep.packages.parse import policy_from
from nbkeep.packages.rules import refuse_file, refuse_project
from nbkeep.packages.values import NO_FACTS, Facts, IndexFile, PackagePolicy, in_force, in_force_of

NOW = datetime(2026, 11, 21, tzinfo=UTC)
URL = "https://pypi.org/simple/numpy/"
FILES = "https://files.pythonhosted.org/packages/1a/2b/3c"
SHA = "a" * 64


def policy(**wanted: Any) -> PackagePolicy:
    found = policy_from(wanted)
    assert found is not None
    return found


def file(version: str = "1.26.4", **other: Any) -> IndexFile:
    name = f"numpy-{version}.tar.gz"
    made = IndexFile("numpy", Version(version), name, f"{FILES}/{name}", f"files.pythonhosted.org:443/{name}", SHA,
                     NOW - timedelta(days=30))  # fmt: skip
    return replace(made, **other)


@pytest.mark.parametrize(
    ("rules", "name", "why"),
    [
        ({}, "numpy", ""),
        ({"allow": "numpy"}, "numpy", ""),
        ({"allow": "numpy"}, "numpy-evil", "not on the allow-list"),
        ({"allow": "scikit-*"}, "scikit-learn", ""),
        ({"allow": "scikit-*"}, "scikit", "not on the allow-list"),
        ({"deny": "evil"}, "evil", "evil is on the deny-list"),
        ({"deny": "ev*"}, "evil", "evil is on the deny-list (ev*)"),
        ({"allow": "*", "deny": "evil"}, "evil", "deny-list"),
        ({"allow": "none"}, "numpy", ""),
    ],
)
def test_projects(rules: dict[str, Any], name: str, why: str) -> None:
    found = refuse_project(policy(**rules), name)
    assert (why in found) if why else not found


@pytest.mark.parametrize(
    ("rules", "version", "why"),
    [
        ({"pins": "numpy<2"}, "1.26.4", ""),
        ({"pins": "numpy<2"}, "2.0.0rc1", "only numpy<2 is allowed"),
        ({"pins": "numpy<2"}, "2.0.0", "only numpy<2 is allowed"),
        ({"pins": "NumPy==1.26.*"}, "1.26.4.post1", ""),
        ({"pins": "numpy==1.26.4"}, "1.26.4+local", ""),
        ({"pins": "numpy<2,numpy!=1.26.4"}, "1.26.4", "only numpy!=1.26.4 is allowed"),
        ({"pins": "pandas<2"}, "2.0", ""),
        ({"pins": "numpy<2"}, "1!1.0", "only numpy<2 is allowed"),
        ({"min_age": "29d"}, "1.0", ""),
        ({"min_age": "31d"}, "1.0", "younger than 31d"),
    ],
)
def test_versions(rules: dict[str, Any], version: str, why: str) -> None:
    found = refuse_file(policy(**rules), file(version), NO_FACTS, NOW)
    assert (why in found) if why else not found


def test_what_an_index_does_not_say() -> None:
    assert "does not say when" in refuse_file(policy(min_age="1d"), file(uploaded_at=None), NO_FACTS, NOW)
    assert "no SHA-256" in refuse_file(policy(require_hash=True), file(sha256=""), NO_FACTS, NOW)
    assert not refuse_file(policy(), file(sha256="", uploaded_at=None), NO_FACTS, NOW)


def test_without_advisories_nothing_is_known_to_be_sound() -> None:
    wary = policy(no_vulnerable=True)
    assert "no advisories are loaded" in refuse_file(wary, file("1.0"), Facts(is_loaded=False), NOW)
    assert not refuse_file(wary, file("1.0"), Facts(), NOW)


def test_approvals_are_of_versions() -> None:
    only = policy(only_approved=True)
    assert "not approved" in refuse_file(only, file("1.26.4"), Facts(approved=frozenset({"1.26.5"})), NOW)
    assert not refuse_file(only, file("1.26.4"), Facts(approved=frozenset({"1.26.4"})), NOW)


@pytest.mark.parametrize(
    ("events", "inside", "outside"),
    [
        ([{"introduced": "0"}, {"fixed": "2.0"}], ["0.1", "0.dev0", "2.0rc1", "1.9"], ["2.0", "3"]),
        ([{"introduced": "1.0"}, {"last_affected": "1.4"}], ["1.0", "1.4"], ["0.9", "1.4.1", "1.5"]),
        ([{"introduced": "0"}], ["0.1", "99"], []),
        (
            [{"introduced": "3.0"}, {"fixed": "3.2"}, {"introduced": "1.0"}, {"fixed": "1.2"}],
            ["1.1", "3.0", "3.1"],
            ["0.9", "1.2", "2.0", "3.2"],
        ),
        ([{"introduced": "what"}], ["1.0"], []),
    ],
)
def test_ranges_of_advisories(events: list[dict[str, str]], inside: list[str], outside: list[str]) -> None:
    package = {"ecosystem": "PyPI", "name": "Num.Py"}
    record = {
        "id": "PYSEC-1",
        "affected": [{"package": package, "ranges": [{"type": "ECOSYSTEM", "events": events}]}],
    }
    (found,) = advisories.read_advisory(record)
    assert found["name"] == "num-py"
    assert all(advisories.affects(found, Version(one)) for one in inside)
    assert not any(advisories.affects(found, Version(one)) for one in outside)


def test_advisories_of_others_and_with_a_list() -> None:
    others = [
        {"package": {"ecosystem": "npm", "name": "x"}, "versions": ["1"]},
        {"package": {"ecosystem": "PyPI", "name": "x"}, "versions": ["1.0", "odd one"],
         "ranges": [{"type": "GIT", "events": [{"introduced": "0"}]}]},
    ]  # fmt: skip
    (found,) = advisories.read_advisory({"id": "GHSA-1", "affected": others})
    assert advisories.affects(found, Version("1"))
    assert not advisories.affects(found, Version("1.1"))


def page(*files: dict[str, Any]) -> bytes:
    """Return a page as PyPI sends it."""
    return json.dumps({
        "meta": {"_last-serial": 7, "api-version": "1.4"}, "name": "numpy", "versions": ["1.26.4"],
        "alternate-locations": [], "project-status": {"status": "active"}, "files": list(files),
    }).encode()  # fmt: skip


REAL = {
    "core-metadata": {"sha256": "b" * 64}, "data-dist-info-metadata": {"sha256": "b" * 64},
    "filename": "numpy-1.26.4-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    "hashes": {"sha256": SHA}, "provenance": "https://pypi.org/integrity/x", "requires-python": ">=3.9",
    "size": 18_300_000, "upload-time": "2024-02-05T23:52:42.159866Z",
    "url": f"{FILES}/numpy-1.26.4-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", "yanked": False,
}  # fmt: skip


def test_a_page_is_written_with_what_was_understood_alone() -> None:
    (found,) = read_page(page(REAL), JSON_TYPE, URL, "numpy")
    assert (str(found.version), found.sha256, found.uploaded_at) == (
        "1.26.4", SHA, datetime(2024, 2, 5, 23, 52, 42, 159866, UTC),
    )  # fmt: skip
    said = json.loads(write_page("numpy", [found], [], as_json=True, for_pip=True))
    (entry,) = said["files"]
    assert entry == {key: one for key, one in REAL.items() if key not in {"provenance", "yanked"}}
    again = write_page("numpy", [found], [], as_json=False, for_pip=True)
    (back,) = read_page(again, "text/html; charset=utf-8", URL, "numpy")
    assert back == replace(found, uploaded_at=None, size=None)


def test_reasons_of_refused_files_are_for_those_who_show_them() -> None:
    refused = [RefusedFile(file(f"{n}.0"), "only numpy<2, or so; (profile p)") for n in range(2, 60)]
    for_uv = json.loads(write_page("numpy", [file()], refused, as_json=True, for_pip=False))["files"]
    assert len(for_uv) == 21, "the newest ones only"
    assert {one.get("yanked", "") for one in for_uv} == {"", "nbkeep: only numpy<2, or so; (profile p)"}
    assert for_uv[1]["filename"] == "numpy-59.0.tar.gz"
    for_pip = json.loads(write_page("numpy", [], refused, as_json=True, for_pip=True))["files"]
    assert for_pip[0]["requires-python"] == "===nbkeep:only-numpy<2-or-so-profile-p"
    whole = write_refusal("my-evil", "no", as_json=False, for_pip=False)
    assert b'data-yanked="nbkeep: no"' in whole
    assert b"my_evil-0-py3-none-any.whl" in whole


def test_old_html_pages_of_plain_indexes() -> None:
    text = f"""<html><a href="../../x/numpy-1.0.tar.gz#sha256={SHA}" data-requires-python="&gt;=3.8">numpy-1.0.tar.gz</a>
    <a href="/x/numpy-1.1.tar.gz#md5=abc" data-yanked="bad">y</a><a name="top">z</a>
    <a href="/x/numpy-1.2-py3-none-any.whl" data-core-metadata="true"
    data-upload-time="2024-02-05T23:52:42Z">w</a></html>"""
    one, two, three = read_page(text.encode(), "text/html", URL, "numpy")
    assert (one.url, one.sha256, one.requires_python) == ("https://pypi.org/x/numpy-1.0.tar.gz", SHA, ">=3.8")
    assert (two.sha256, two.yanked) == ("", "bad")
    assert (three.has_metadata, three.metadata_sha256) == (True, "")
    assert (two.uploaded_at, three.uploaded_at) == (None, datetime(2024, 2, 5, 23, 52, 42, tzinfo=UTC))


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://Files.Example.:443/a?b", "files.example:443/a?b"),
        ("http://files.example/a", "files.example:80/a"),
        ("https://jane@files.example/a", ""),
        ("ftp://files.example/a", ""),
        ("https:///a", ""),
        ("https://files.example:x/a", ""),
        ("https://127.1/a", ""),
    ],
)
def test_places(url: str, place: str) -> None:
    assert place_of(url) == place


def test_what_is_known_of_pages_is_bounded_and_ages() -> None:
    clock = ManualClock()
    known = Known(clock, most=2)
    first, second = file("1.0", place="a"), file("2.0", place="b")
    known.learn("i", "one", [first, second])
    known.learn("i", "two", [second])
    assert known.find("i", "one", "a") is None, "the oldest page has made room"
    assert known.find("i", "two", "b") == second
    assert known.find("other", "two", "b") is None
    clock.advance(3600)
    assert known.find("i", "two", "b") is None


def test_a_policy_travels_as_text() -> None:
    made = policy(
        allow="numpy", pins="numpy<2", min_age="7d", file_hosts="files.acme.local", only_approved=True
    )
    sent = in_force_of("pii", made, "7")
    assert in_force(sent.text()) == sent
    assert in_force_of("pii", policy(allow="numpy"), "7").facts == "", "what is not needed wakes no gateway"
    for wrong in ("", "{}", '{"policy": {"odd": 1}, "source": "x", "facts": ""}', "[]"):
        with pytest.raises(ValueError, match=r"polic|JSON|Expecting"):
            in_force(wrong)


@pytest.mark.parametrize(
    ("metadata", "licence"),
    [
        ("License-Expression: mit or apache-2.0", "MIT OR Apache-2.0"),
        ("License: BSD-3-Clause\nClassifier: License :: OSI Approved :: MIT License", "BSD-3-Clause"),
        ("License: Copyright (c) 2010, all rights\n  reserved", ""),
        ("Classifier: License :: OSI Approved :: MIT License", "MIT"),
        (
            "Classifier: License :: OSI Approved :: MIT License\nClassifier: License :: GNU General Public License v3 (GPLv3)",
            "MIT AND GPL-3.0-only",
        ),
        ("Classifier: License :: OSI Approved", ""),
        ("Classifier: License :: Other/Proprietary License", ""),
        ("Name: x", ""),
    ],
)
def test_the_licence_in_metadata(metadata: str, licence: str) -> None:
    text = f"Metadata-Version: 2.4\n{metadata}\n\nLicense-Expression: MIT\n"
    assert licence_of(text.encode()) == licence


@pytest.mark.parametrize(
    ("expression", "is_met"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("GPL-3.0-only OR MIT AND BSD-3-Clause", True),
        ("(MIT OR GPL-3.0-only) AND BSD-3-Clause", True),
        ("(MIT OR BSD-3-Clause) AND GPL-3.0-only", False),
        ("GPL-3.0-only AND (MIT OR BSD-3-Clause)", False),
        ("((MIT))", True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", False),
        ("MIT WITH Classpath-exception-2.0", False),
        ("", False),
    ],
)
def test_licences_that_are_met(expression: str, *, is_met: bool) -> None:
    assert is_allowed(expression, ("MIT", "BSD-3-Clause")) is is_met
