"""Real pip and real uv pick what is allowed by themselves, and say why the rest is not."""

from __future__ import annotations

import hashlib
import http.client
import ssl
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from nbkeep.packages.values import Facts
from packages_parts import FILES

if TYPE_CHECKING:
    from conftest import Clients
    from packages_parts import Index, Shop

NOW = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def stocked(index: Index) -> Index:
    for version in ("1.0", "1.1", "2.0"):
        index.publish("nbone", version)
    index.publish("nbtwo", "1.0", requires="nbone")
    index.publish("evil", "1.0")
    return index


def both(clients: Clients, *what: str) -> list[Any]:
    return [clients.pip(*what), clients.uv(*what)]


def said(done: Any) -> str:
    """Return what a client printed: pip cannot show blanks in a reason."""
    return " ".join((done.stdout + done.stderr).replace("-", " ").split())


def installed(shop: Shop) -> set[tuple[str, str]]:
    return {(one["name"], one["version"]) for one in shop.packages_seen() if one["outcome"] == "installed"}


def test_they_pick_an_allowed_version_and_it_is_on_record(
    stocked: Index, shop: Shop, clients: Clients
) -> None:
    shop.rule(stocked.port, pins="nbone<2", deny="evil")
    done = clients.pip("NbTwo")
    assert done.returncode == 0, done.stderr
    assert "nbone-1.1" in done.stdout
    seen = {(one["file"], one["sha256"], one["outcome"]) for one in shop.packages_seen()}
    assert ("nbone-1.1-py3-none-any.whl", digest(stocked, "nbone-1.1"), "installed") in seen
    assert installed(shop) == {("nbone", "1.1"), ("nbtwo", "1.0")}
    again = clients.uv("nbtwo")
    assert again.returncode == 0, again.stderr
    assert "nbone==1.1" in again.stderr


def test_metadata_beside_the_file_is_judged_like_the_file(index: Index, shop: Shop, clients: Clients) -> None:
    """PEP 658: clients read it in place of the whole file."""
    file = index.publish("nbone", "1.0", has_metadata=True)
    index.publish("nbtwo", "1.0", requires="nbone", has_metadata=True)
    done = clients.uv("nbtwo")
    assert done.returncode == 0, done.stderr
    assert index.asked(f"{file}.metadata")
    assert len(shop.packages_seen()) == 2, "only files are installed"
    shop.rule(index.port, deny="nbone")
    assert shop.get(index, f"{file}.metadata", FILES)[0] == 403
    shop.rule(index.port)
    index.answers[f"{file}.metadata"] = (200, {}, b"Name: other")
    with pytest.raises((http.client.IncompleteRead, ssl.SSLError, ConnectionError)):
        shop.get(index, f"{file}.metadata", FILES)


def test_only_some_licences(index: Index, shop: Shop, clients: Clients) -> None:
    index.publish("nbone", "1.0", licence="MIT", has_metadata=True)
    index.publish("nbfree", "1.0", licence="MIT OR GPL-3.0-only", has_metadata=True)
    index.publish("nbtwo", "1.0", licence="GPL-3.0-only", has_metadata=True)
    index.publish("nbnone", "1.0", has_metadata=True)
    silent = index.publish("nbsilent", "1.0", licence="MIT")
    shop.rule(index.port, licences="mit, BSD-3-Clause")
    assert clients.pip("nbone", "nbfree").returncode == 0
    for done in both(clients, "nbtwo"):
        assert done.returncode != 0
        assert "nbtwo 1.0 has the licence GPL 3.0 only" in said(done)
    assert "a licence that the index does not tell" in said(clients.uv("nbnone"))
    assert shop.get(index, silent, FILES)[0] == 403
    assert index.asked(silent) == []


def test_they_say_why_a_project_is_refused(stocked: Index, shop: Shop, clients: Clients) -> None:
    shop.rule(stocked.port, deny="evil")
    for done in both(clients, "evil"):
        assert done.returncode != 0
        assert "evil is on the deny list" in said(done)
        assert "package policy of profile pii" in said(done)
    assert stocked.asked("evil") == [], "names that are refused are not sent to the index"
    shop.rule(stocked.port, allow="nbone,nb-*")
    for done in both(clients, "nbtwo"):
        assert "nbtwo is not on the allow list" in said(done)


@pytest.mark.parametrize("asked", ["nbone==2.0", "nbone>=2"])
def test_they_say_why_a_version_is_refused(stocked: Index, shop: Shop, clients: Clients, asked: str) -> None:
    shop.rule(stocked.port, pins="nbone<2")
    for done in both(clients, asked):
        assert done.returncode != 0
        assert "only nbone<2 is allowed" in said(done)


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ({"min_age": "7d"}, "is younger than 7d"),
        ({"no_vulnerable": True}, "has a known vulnerability (PYSEC-2026-1)"),
        ({"only_approved": True}, "is not approved"),
    ],
)
def test_each_rule_leaves_the_version_before(
    stocked: Index, shop: Shop, clients: Clients, rule: dict[str, Any], why: str
) -> None:
    stocked.publish("nbone", "3.0", upload_time=NOW)
    hit = {"id": "PYSEC-2026-1", "versions": [], "ranges": [[{"introduced": "3.0"}]]}
    shop.known["nbone"] = Facts((hit,), frozenset({"1.0", "2.0"}))
    shop.rule(stocked.port, **rule)
    done = clients.uv("nbone")
    assert "nbone==2.0" in done.stderr, done
    done = clients.uv("nbone==3.0")
    assert done.returncode != 0
    assert why.replace("-", " ") in said(done)


def test_no_hash_no_file(index: Index, shop: Shop, clients: Clients) -> None:
    index.publish("nbone", "1.0", hashes={})
    shop.rule(index.port, require_hash=True)
    for done in both(clients, "nbone"):
        assert done.returncode != 0
        assert "the index has no SHA 256" in said(done)
    shop.rule(index.port)
    assert clients.pip("nbone").returncode == 0
    assert shop.packages_seen()[-1]["reason"] == "the index has no SHA-256 to compare with"


def test_an_index_that_does_not_say_since_when(index: Index, shop: Shop, clients: Clients) -> None:
    data = index.answers[index.publish("nbone", "1.0")][2]
    page = f'<a href="{index.url}/nbone-1.0-py3-none-any.whl#sha256={hashlib.sha256(data).hexdigest()}">x</a>'
    index.show("nbone", page.encode(), "text/html; charset=utf-8")
    shop.rule(index.port, min_age="7d")
    for done in both(clients, "nbone"):
        assert done.returncode != 0
        assert "does not say when it was uploaded" in said(done)
    shop.rule(index.port)
    assert all(done.returncode == 0 for done in both(clients, "nbone"))


def test_while_the_office_is_away_nothing_goes_unjudged(stocked: Index, shop: Shop, clients: Clients) -> None:
    shop.rule(stocked.port, no_vulnerable=True)
    shop.is_away = True
    assert all(done.returncode != 0 for done in both(clients, "nbone"))
    shop.is_away = False
    assert clients.pip("nbone").returncode == 0


def test_a_change_of_what_is_known_counts_at_once(stocked: Index, shop: Shop, clients: Clients) -> None:
    shop.rule(stocked.port, no_vulnerable=True)
    assert "nbone==2.0" in clients.uv("nbone").stderr
    hit = {"id": "MAL-1", "versions": ["2.0"], "ranges": []}
    shop.known["nbone"] = Facts((hit,))
    shop.rule(stocked.port, no_vulnerable=True, facts="2")
    refused = clients.uv("--reinstall", "nbone==2.0")
    assert refused.returncode != 0
    assert "MAL-1" in refused.stderr


def digest(index: Index, start: str) -> str:
    return hashlib.sha256(index.answers[f"/files/{start}-py3-none-any.whl"][2]).hexdigest()
