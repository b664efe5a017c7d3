"""The record: read, checked and taken out from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_parts import Nbkeep

from office_parts import OfficeForTests


def test_an_export_is_verified_with_no_server_at_all(
    nbkeep: Nbkeep, served: OfficeForTests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in ("a", "b", "c"):
        nbkeep("user", "invite", "--email", f"{name}@acme.com")
    file = tmp_path / "export.jsonl"
    assert nbkeep("audit", "export", "-o", str(file)).code == 0
    assert file.stat().st_mode & 0o077 == 0
    monkeypatch.setenv("NBKEEP_DATA", "/nowhere")
    done = nbkeep("audit", "verify", "--file", str(file))
    assert done.code == 0, done.err
    assert "Intact: 4 records" in done.out


def test_a_changed_export_is_broken_and_ends_with_code_1(nbkeep: Nbkeep, tmp_path: Path):
    nbkeep("user", "invite", "--email", "jane@acme.com")
    file = tmp_path / "export.jsonl"
    nbkeep("audit", "export", "-o", str(file))
    file.write_text(file.read_text().replace("jane@acme.com", "joan@acme.com"))
    broken = nbkeep("audit", "verify", "--file", str(file))
    assert broken.code == 1
    assert "BROKEN" in broken.err
    as_json = nbkeep("audit", "verify", "--file", str(file), "--json")
    assert (as_json.code, as_json.json["ok"]) == (1, False)


@pytest.mark.parametrize(
    "content", ["", "{}", "[]\n", "\x00\x01", '{"export": {}}\n', '{"export": 3}\n', "[" * 100_000]
)
def test_files_that_are_no_export_are_refused_in_a_sentence(nbkeep: Nbkeep, tmp_path: Path, content: str):
    file = tmp_path / "bad.jsonl"
    file.write_text(content)
    broken = nbkeep("audit", "verify", "--file", str(file))
    assert broken.code == 1
    assert "fault in nbkeep" not in broken.err, broken.err


def test_the_servers_chain_is_verified_against_a_head_noted_earlier(nbkeep: Nbkeep):
    nbkeep("user", "invite", "--email", "jane@acme.com")
    noted = nbkeep("audit", "verify", "--json").json["hash"]
    nbkeep("user", "invite", "--email", "omar@acme.com")
    assert nbkeep("audit", "verify", "--known-head", noted).code == 0
    refused = nbkeep("audit", "verify", "--known-head", "f" * 64)
    assert refused.code == 1
    assert "computed anew" in refused.err


def test_search_finds_by_words_person_kind_and_time(nbkeep: Nbkeep):
    nbkeep("user", "invite", "--email", "jane@acme.com")
    nbkeep("profile", "set", "notebook-cpu-small", "--idle-stop", "20min")
    assert [one["type"] for one in nbkeep("audit", "search", "--type", "profile", "--json").json] == [
        "profile.changed"
    ]
    assert len(nbkeep("audit", "search", "jane@acme.com", "--actor", "operator", "--json").json) == 1
    assert nbkeep("audit", "search", "--until", "2000-01-01").out == ""
    assert nbkeep("audit", "search", "--since", "yesterday-ish").code == 1


def test_tail_shows_the_newest_last(nbkeep: Nbkeep):
    for number in range(5):
        nbkeep("user", "invite", "--email", f"u{number}@acme.com")
    lines = nbkeep("audit", "tail", "-n", "2").out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["4", "5"]


def test_an_export_to_standard_output_is_json_lines(nbkeep: Nbkeep):
    lines = nbkeep("audit", "export").out.splitlines()
    assert "export" in json.loads(lines[0])
    assert "head" in json.loads(lines[-1])


def test_an_export_is_verified_elsewhere_with_the_public_key_alone(
    nbkeep: Nbkeep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    nbkeep("user", "invite", "--email", "jane@acme.com")
    public, file = tmp_path / "audit.pem", tmp_path / "export.jsonl"
    public.write_text(nbkeep("audit", "key").out)
    assert "PRIVATE" not in public.read_text()
    nbkeep("audit", "export", "-o", str(file))
    monkeypatch.setenv("NBKEEP_DATA", "/nowhere")
    done = nbkeep("audit", "verify", str(file), "--key", str(public))
    assert done.code == 0, done.err
    assert "Signed 2026-01-01" in done.out
    for junk in ("", "-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----\n", "\x00"):
        public.write_text(junk)
        refused = nbkeep("audit", "verify", str(file), "--key", str(public))
        assert refused.code == 1
        assert "no public key" in refused.err
    assert nbkeep("audit", "verify", str(file), "--key", "/nowhere/key").code == 1


def test_exports_for_other_programs(nbkeep: Nbkeep):
    nbkeep("user", "invite", "--email", "jane@acme.com")
    assert nbkeep("audit", "export", "--format", "csv").out.splitlines()[0].startswith('"seq","at"')
    found = nbkeep("audit", "export", "--format", "ocsf", "--type", "user").out.splitlines()
    assert [json.loads(line)["class_uid"] for line in found] == [3001]
    assert nbkeep("audit", "export", "--format", "xml").code == 2


def test_destinations_are_added_shown_paused_and_removed(nbkeep: Nbkeep, tmp_path: Path):
    secret = tmp_path / "siem-secret"
    secret.write_text("0123456789abcdef0123456789abcdef\n")
    secret.chmod(0o600)
    place = ("--webhook", "https://siem.invalid/nbkeep", "--secret", f"file:{secret}")
    assert nbkeep("audit", "forward", "add", "siem", *place).code == 0
    assert nbkeep("audit", "forward", "add", "siem", *place).code == 1
    assert nbkeep("audit", "forward", "add", "log", "--syslog", "127.0.0.1:5140", "--plain").code == 0
    shown = nbkeep("audit", "forward", "list").out
    assert "https://siem.invalid:443" in shown
    assert "syslog://127.0.0.1:5140" in shown
    tried = nbkeep("audit", "forward", "test", "siem")
    assert (tried.code, "its name is not found" in tried.err) == (1, True)
    assert nbkeep("audit", "forward", "pause", "siem").code == 0
    assert nbkeep("audit", "forward", "list", "--json").json[1]["state"] == "paused"
    assert "lacks 4 records" in nbkeep("audit", "forward", "resume", "siem").err
    assert nbkeep("audit", "forward", "remove", "siem", "--yes").code == 0
    assert nbkeep("audit", "forward", "pause", "siem").code == 1
    kinds = [one["type"] for one in nbkeep("audit", "search", "--type", "audit", "--json").json]
    assert kinds == [
        "audit.forward-removed",
        "audit.forward-resumed",
        "audit.forward-paused",
        "audit.forward-added",
        "audit.forward-added",
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        ("--webhook", "http://siem.acme.com/"),
        ("--webhook", "https://siem.acme.com/"),
        ("--syslog", "siem.acme.com", "--plain"),
        ("--syslog", "siem.acme.com", "--secret", "env:SIEM"),
        ("--syslog", "siem.acme.com", "--ca-file", "relative.pem"),
        ("--webhook", "https://169.254.169.254/", "--secret", "env:SIEM"),
        (),
    ],
)
def test_destinations_that_cannot_be_are_refused_in_a_sentence(nbkeep: Nbkeep, wrong: tuple[str, ...]):
    refused = nbkeep("audit", "forward", "add", "siem", *wrong)
    assert refused.code in {1, 2}
    assert "fault in nbkeep" not in refused.err
    assert nbkeep("audit", "forward", "list", "--json").json == []
