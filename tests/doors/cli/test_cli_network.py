"""`nbkeep network` and what a profile may reach, on the command line and as a file."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from cli_parts import Nbkeep

from gateway_parts import make_gateway
from nbkeep.app import open_office
from nbkeep.doors.supervisor.prepare import prepare
from nbkeep.model.errors import Refused
from nbkeep.settings import Settings
from office_parts import OfficeForTests

PROFILE = "notebook-cpu-small"


def test_a_profiles_reach_is_set_shown_explained_and_refused_when_wrong(nbkeep: Nbkeep) -> None:
    rules = "pypi.org,*.acme.local:80,443,10.1.0.0/16:5432"
    done = nbkeep("profile", "set", PROFILE, "--egress-allowlist", rules, "--egress-denylist", "bad.acme.local",
                  "--public-internet", "--egress-dry-run", "--json")  # fmt: skip
    assert done.json["egress_allowlist"] == ["pypi.org", "*.acme.local:80,443", "10.1.0.0/16:5432"]
    assert (done.json["public_internet"], done.json["egress_dry_run"]) == (True, True)
    shown = nbkeep("profile", "show", PROFILE).out
    assert "Reaches the public internet and pypi.org" in shown
    assert "but not bad.acme.local. On trial" in shown
    assert nbkeep("profile", "set", PROFILE, "--no-public-internet", "--no-egress-dry-run").code == 0
    told = nbkeep("network", "explain", "x.acme.local:22", "--profile", PROFILE)
    assert told.out.startswith("x.acme.local:22 is refused: no rule allows x.acme.local:22.")
    told = nbkeep("network", "explain", "bad.acme.local", "--profile", PROFILE)
    assert "deny bad.acme.local:*" in told.out
    assert f"profile {PROFILE}" in told.out
    before = nbkeep("profile", "show", PROFILE, "--json").json
    bad = nbkeep("profile", "set", PROFILE, "--egress-allowlist", "pypi.org,127.1", "--public-internet")
    assert (bad.code, "'127.1'" in bad.err) == (1, True)
    assert nbkeep("profile", "show", PROFILE, "--json").json == before
    more = nbkeep(
        "profile", "set", PROFILE, "--egress-allowlist", "+b.example:80,443 -pypi.org", "--json"
    ).json
    assert more["egress_allowlist"] == ["*.acme.local:80,443", "10.1.0.0/16:5432", "b.example:80,443"]
    for wrong in ("+c.example,d.example", "-pypi.org", "+127.1", "+"):
        assert nbkeep("profile", "set", PROFILE, "--egress-allowlist", wrong).code == 1, wrong
    assert nbkeep("profile", "set", PROFILE, "--egress-allowlist", "none").code == 0
    assert nbkeep("profile", "show", PROFILE, "--json").json["egress_allowlist"] == []
    for wrong in (
        ("pypi.org",),
        ("pypi.org", "--profile", "a", "--session", "b"),
        ("", "--profile", PROFILE),
    ):
        assert nbkeep("network", "explain", *wrong).code == 1


def test_rules_about_requests_are_set_shown_kept_in_files_and_explained(
    nbkeep: Nbkeep, tmp_path: Path
) -> None:
    rules = ["GET|HEAD@github.com:80,443/acme/*", "pypi.org"]
    done = nbkeep("profile", "set", PROFILE, "--egress-allowlist", ",".join(rules), "--egress-denylist",
                  "DELETE@*.org pypi.org/admin*", "--json")  # fmt: skip
    assert (done.json["egress_allowlist"], done.json["egress_denylist"]) == (
        rules,
        ["DELETE@*.org", "pypi.org/admin*"],
    )
    assert "GET|HEAD@github.com:80,443/acme/*" in nbkeep("profile", "show", PROFILE).out

    def explained(*asked: str) -> str:
        return " ".join(nbkeep("network", "explain", *asked, "--profile", PROFILE).out.split())

    assert explained("github.com").startswith(
        "github.com:443 is allowed: the rule 'allow GET|HEAD@github.com:80,443/acme/*'"
    )
    assert "ask with a method and a path" in explained("github.com")
    assert explained("github.com", "--path", "/acme/x").startswith(
        "GET /acme/x at github.com:443 is allowed: "
    )
    assert "no rule allows this POST request" in explained(
        "github.com", "--method", "post", "--path", "/acme/x"
    )
    assert explained("https://github.com/other?x=1").startswith("GET /other at github.com:443 is refused: ")
    assert "two ways" in explained("github.com", "--path", "/acme/../other")
    assert "'deny DELETE@*.org:*'" in explained("pypi.org", "--method", "DELETE")
    assert explained("https://example.com/other").startswith("example.com:443 is refused: ")
    for wrong in (("--path", "acme"), ("--method", "G T")):
        assert nbkeep("network", "explain", "github.com", *wrong, "--profile", PROFILE).code == 1
    for wrong in ("GET@10.0.0.0/8", "GET@*", "github.com/a/../b", "nonsense!@github.com"):
        bad = nbkeep("profile", "set", PROFILE, "--egress-allowlist", wrong)
        assert (bad.code, wrong in bad.err) == (1, True), wrong
    assert nbkeep("profile", "set", PROFILE, "--egress-asklist", "GET@github.com").code == 1
    file = tmp_path / "all.yaml"
    assert nbkeep("export", "-o", str(file)).code == 0
    entry = next(one for one in yaml.safe_load(file.read_text())["profiles"] if one["name"] == PROFILE)
    assert entry["egress_allowlist"] == rules
    assert "Nothing" in (again := nbkeep("apply", "-f", str(file), "--yes")).out + again.err
    assert nbkeep("profile", "set", PROFILE, "--egress-allowlist", f"-{rules[0]}").code == 0
    assert nbkeep("profile", "show", PROFILE, "--json").json["egress_allowlist"] == ["pypi.org"]


def test_the_log_and_what_stands_out(nbkeep: Nbkeep, served: OfficeForTests) -> None:
    assert "No connections" in nbkeep("network", "log").err
    jane = served.user("jane")
    session_id = served.ready(jane)
    gateway = make_gateway(served)
    gateway.pull()
    gateway.report(gateway.record(session_id, "evil.example"))
    gateway.report(gateway.record(session_id, "2001:db8::1", 5432, allowed=True, bytes_out=5 << 20))
    log = nbkeep("network", "log")
    assert "[2001:db8::1]:5432" in log.out
    assert "REFUSED" in log.out
    denied = nbkeep("network", "log", "--denied", "--user", "jane", "--session", session_id, "--json").json
    assert [one["host"] for one in denied] == ["evil.example"]
    assert nbkeep("network", "log", "--trial", "--json").json == []
    # The office of this test has a clock of its own: all time is looked at.
    top = nbkeep("network", "top", "--since", "2020-01-01").out
    assert top.index("2001:db8::1") < top.index("evil.example") < top.index("all")
    assert (
        nbkeep("network", "top", "--by", "user", "--since", "2020-01-01", "--json").json["items"][0]["user"]
        == "jane"
    )
    assert nbkeep("network", "top", "--by", "moon").code == 1
    assert nbkeep("network", "log", "--denied", "--trial").code == 1


def test_what_a_profile_reaches_goes_through_a_file_and_back(nbkeep: Nbkeep, tmp_path: Path) -> None:
    assert (
        nbkeep("profile", "set", PROFILE, "--egress-allowlist", "a.example:80,443", "--egress-dry-run").code
        == 0
    )
    file = tmp_path / "all.yaml"
    assert nbkeep("export", "-o", str(file)).code == 0
    document = yaml.safe_load(file.read_text())
    entry = next(one for one in document["profiles"] if one["name"] == PROFILE)
    assert (entry["egress_allowlist"], entry["egress_dry_run"]) == (["a.example:80,443"], True)
    assert (document["settings"]["egress_denylist"], document["settings"]["connections_retention_s"]) == (
        [],
        90 * 86400,
    )
    assert "Nothing" in (again := nbkeep("apply", "-f", str(file), "--yes")).out + again.err
    entry["egress_denylist"] = ["127.1"]
    file.write_text(yaml.safe_dump(document))
    assert nbkeep("apply", "-f", str(file), "--yes").code == 1
    entry["egress_denylist"] = ["b.example"]
    file.write_text(yaml.safe_dump(document))
    assert nbkeep("apply", "-f", str(file), "--yes").code == 0
    assert nbkeep("profile", "show", PROFILE, "--json").json["egress_denylist"] == ["b.example"]


def test_a_platform_list_that_is_wrong_is_told_at_the_start(short_dir: Path) -> None:
    short_dir.joinpath("config.toml").write_text('egress_denylist = ["evil.example", "127.1"]\n')
    settings = Settings.load(short_dir, {})
    with pytest.raises(Refused, match=r"'127\.1'"):
        prepare(settings)
    with pytest.raises(Refused, match=r"'127\.1'"):
        open_office(settings, None, None)  # pyright: ignore[reportArgumentType]
    assert not (short_dir / "nbkeep.db").exists()
    assert Settings.load(short_dir, {"NBKEEP_EGRESS_DENYLIST": "a.example, b.example"}).egress_denylist == (
        "a.example",
        "b.example",
    )
    short_dir.joinpath("config.toml").write_text("egress_denylist = 5\n")
    with pytest.raises(Refused, match="egress_denylist"):
        Settings.load(short_dir, {})


def test_hosts_of_projects_and_rules_of_classes_are_set_shown_and_explained(nbkeep: Nbkeep) -> None:
    assert nbkeep("project", "add", "orion").code == 0
    done = nbkeep(
        "project", "set", "orion", "--egress-allowlist", "wiki.acme.local", "--egress-denylist", "bad.example"
    )
    assert (done.code, "wiki.acme.local" in done.out, "bad.example" in done.out) == (0, True, True)
    explained = ("network", "explain", "wiki.acme.local", "--profile", PROFILE, "--project", "orion")
    assert "is refused" in nbkeep(*explained).out
    assert nbkeep("profile", "set", PROFILE, "--project-hosts").code == 0
    assert "added" in nbkeep("profile", "show", PROFILE).out
    told = nbkeep(*explained).out
    assert "is allowed" in told
    assert "project orion" in told
    closed = nbkeep(*explained, "--classification", "pii").out
    assert "is refused" in closed
    assert "closed by class pii" in closed
    done = nbkeep("classification", "set", "internal", "--egress-only", "docs.example", "--json")
    assert done.json["egress_only"] == ["docs.example"]
    assert "docs.example" in nbkeep("classification", "list").out
    left = nbkeep(*explained, "--classification", "internal").out
    assert "is not among what class internal leaves open" in left
    for wrong in (
        ("project", "set", "orion"),
        ("project", "set", "orion", "--egress-allowlist", "*"),
        ("project", "set", "nope", "--egress-denylist", "x.example"),
        ("classification", "set", "internal"),
        ("classification", "set", "secret", "--no-public-internet"),
        ("classification", "set", "pii", "--public-internet"),
        ("network", "explain", "x.example", "--session", "ses_x", "--project", "orion"),
    ):
        assert nbkeep(*wrong).code in {1, 2}, wrong
    assert nbkeep("volume", "classified", "nobody").code == 1
