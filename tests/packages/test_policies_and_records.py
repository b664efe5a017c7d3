"""A package policy from the admin to the gateway, and what the gateway reports on its way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from gateway_parts import make_gateway
from nbkeep.audit.search import Wanted, search
from nbkeep.configuration import apply as configuration
from nbkeep.configuration.document import as_yaml
from nbkeep.doors.worker.sweep import forget_old_packages
from nbkeep.egress.rules import Compiled
from nbkeep.model.actor import OPERATOR
from nbkeep.model.errors import Refused
from nbkeep.packages import review, vulnerabilities
from nbkeep.packages.values import in_force
from nbkeep.profiles import profiles
from nbkeep.profiles.known import known_to

if TYPE_CHECKING:
    from office_parts import OfficeForTests

PROFILE = "notebook-cpu-small"


def change(office: OfficeForTests, **wanted: Any) -> dict[str, Any]:
    with office.store.write() as tx:
        found, _ = profiles.change_profile(
            tx, office.clock, OPERATOR, PROFILE, {"packages": wanted or None}, known_to(office.settings)
        )
    return found.packages.as_json() if found.packages else {}


def record(office: OfficeForTests, session_id: str, **other: Any) -> dict[str, Any]:
    return {
        "id": uuid4().hex, "session_id": session_id, "at": office.clock.now().isoformat(), "name": "numpy",
        "version": "1.26.4", "file": "numpy-1.26.4-py3-none-any.whl", "index": "https://pypi.org/simple",
        "sha256": "a" * 64, "size_bytes": 7, "outcome": "installed", "reason": "", **other,
    }  # fmt: skip


def journal(office: OfficeForTests, kind: str) -> list[Any]:
    with office.store.read() as tx:
        return [one["data"] for one in search(tx, OPERATOR, Wanted(type=kind), limit=500).records]


def test_fields_change_one_by_one_and_round_trip(office: OfficeForTests) -> None:
    change(office, allow="NumPy, scikit_*", pins="numpy>=1.26,<2,pandas==2.2.*", min_age="7d", deny="Evil")
    found = change(office, deny="none", no_vulnerable=True)
    assert found["allow"] == ["numpy", "scikit-*"]
    assert [set(one.removeprefix("numpy").split(",")) for one in found["pins"][:1]] == [{">=1.26", "<2"}]
    assert (found["deny"], found["min_age_s"], found["no_vulnerable"]) == ([], 7 * 86400, True)
    with office.store.read() as tx:
        document = configuration.export(tx, office.clock, office.settings, OPERATOR)
    text = as_yaml(document)
    change(office)
    done = configuration.apply(
        office.store, office.clock, office.settings, OPERATOR, configuration.read(text), dry_run=False
    )
    assert [(one.action, one.name, set(one.fields)) for one in done] == [("change", PROFILE, {"packages"})]
    assert configuration.apply(
        office.store, office.clock, office.settings, OPERATOR, configuration.read(text), dry_run=False
    ) == []  # fmt: skip


@pytest.mark.parametrize(
    "wanted",
    [
        {"index": "ftp://pypi.org/simple"},
        {"index": "https://jane:secret@pypi.org/simple"},
        {"index": "https://pypi.org/simple/../x"},
        {"index": "https://0x7f000001/simple"},
        {"allow": "numpy<2"},
        {"deny": "numpy/../evil"},
        {"pins": "numpy"},
        {"pins": "numpy @ https://evil.example/x.whl"},
        {"min_age": "soon"},
        {"require_hash": "yes"},
        {"file_hosts": "a/b"},
        {"licence": "MIT"},
    ],
    ids=str,
)
def test_what_is_no_policy_is_refused_with_its_field(office: OfficeForTests, wanted: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refusal:
        change(office, **wanted)
    assert refusal.value.status == 400
    assert next(iter(wanted)) in f"{refusal.value.code} {refusal.value}"
    with office.store.read() as tx:
        assert profiles.get_profile(tx, OPERATOR, PROFILE)[0].packages is None


def test_the_gateway_has_the_policy_and_may_reach_the_index(office: OfficeForTests) -> None:
    gateway, session_id = make_gateway(office), office.ready(office.user())
    gateway.pull()
    assert gateway.policies[session_id].packages == ""
    change(office, deny="evil", only_approved=True)
    gateway.pull()
    found = gateway.policies[session_id]
    assert in_force(found.packages).policy.deny == ("evil",)
    decided = Compiled(found).decide("files.pythonhosted.org", 443)
    assert decided.allowed
    assert decided.rule is not None
    assert decided.rule.source == f"package policy of profile {PROFILE}"
    assert not Compiled(found).decide("files.pythonhosted.org", 80).allowed
    tag = gateway.tag
    with office.store.write() as tx:
        review.approve(tx, office.clock, OPERATOR, "NumPy==1.26.4")
    gateway.pull()
    assert gateway.tag != tag, "an approval reaches gateways"
    told = gateway.client.get("/internal/v1/gateway/packages/numpy").json()
    assert told == {"advisories": [], "approved": ["1.26.4"], "loaded": False}


def test_installs_are_taken_once_listed_audited_and_reviewed(office: OfficeForTests) -> None:
    gateway, jane = make_gateway(office), office.user()
    session_id = office.ready(jane)
    sent = [record(office, session_id), record(office, session_id, version="2.0", outcome="refused",
                                               reason="only numpy<2 is allowed", sha256="")]  # fmt: skip
    bad = [record(office, "ses_none"), record(office, session_id, name="../x"),
           record(office, session_id, outcome="odd"), record(office, session_id, sha256="zz"),
           record(office, session_id, size_bytes=-1), record(office, session_id, at="now")]  # fmt: skip
    for _ in range(2):
        answer = gateway.client.post("/internal/v1/gateway/packages", json={"records": [*sent, *bad]}).json()
        assert (answer["accepted"], len(answer["refused"])) == (2, len(bad))
    with office.store.read() as tx:
        found = review.installs_of(tx, OPERATOR, session_id, 100)
        assert {(one["version"], one["outcome"]) for one in found} == {
            ("1.26.4", "installed"),
            ("2.0", "refused"),
        }
        assert [(one["name"], one["version"]) for one in review.unreviewed(tx, OPERATOR, 10)] == [
            ("numpy", "1.26.4")
        ]
    assert [one["sha256"] for one in journal(office, "package.installed")] == ["a" * 64]
    assert [one["reason"] for one in journal(office, "package.refused")] == ["only numpy<2 is allowed"]
    with office.store.write() as tx:
        review.approve(tx, office.clock, OPERATOR, "numpy==1.26.4")
        assert review.unreviewed(tx, OPERATOR, 10) == []
        review.revoke(tx, office.clock, OPERATOR, "numpy==1.26.4")
        assert len(review.unreviewed(tx, OPERATOR, 10)) == 1
        with pytest.raises(Refused):
            review.revoke(tx, office.clock, OPERATOR, "numpy==1.26.4")


def test_refusals_in_the_journal_are_bounded(office: OfficeForTests) -> None:
    gateway, session_id = make_gateway(office), office.ready(office.user())
    many = [record(office, session_id, name=f"n{n}", outcome="refused", reason="no") for n in range(150)]
    gateway.client.post("/internal/v1/gateway/packages", json={"records": many}).raise_for_status()
    told = journal(office, "package.refused")
    assert (len(told), sum(one["is_last"] for one in told)) == (100, 1)


def test_advisories_are_loaded_whole_or_not_at_all(office: OfficeForTests) -> None:
    def osv(name: str, key: str, **more: Any) -> dict[str, Any]:
        package = {"ecosystem": "PyPI", "name": name}
        ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.0"}]}]
        return {"id": key, "affected": [{"package": package, "ranges": ranges}], **more}

    def load(*records: object) -> dict[str, Any]:
        with office.store.write() as tx:
            return vulnerabilities.load(tx, office.clock, OPERATOR, records)

    gone = osv("old", "PYSEC-3", withdrawn="2026-01-01T00:00:00Z")
    assert load(osv("NumPy", "PYSEC-1"), osv("a", "PYSEC-2"), gone)["advisories"] == 2
    for wrong in ([{"no": "id"}], ["text"], [gone], []):
        with pytest.raises(Refused):
            load(osv("b", "PYSEC-4"), *wrong) if wrong and wrong != [gone] else load(*wrong)
    facts = make_gateway(office).client.get("/internal/v1/gateway/packages/numpy").json()
    assert [one["id"] for one in facts["advisories"]] == ["PYSEC-1"]
    assert load(osv("c", "PYSEC-5"))["packages"] == 1
    assert len(journal(office, "package.advisories-loaded")) == 2


def test_the_list_is_kept_as_long_as_that_of_connections(office: OfficeForTests) -> None:
    gateway, session_id = make_gateway(office), office.ready(office.user())
    gateway.client.post("/internal/v1/gateway/packages", json={"records": [record(office, session_id)]})
    office.clock.advance(office.settings.connections_retention_s - 60)
    assert forget_old_packages(office) == 0
    office.clock.advance(120)
    assert forget_old_packages(office) == 1
    assert len(journal(office, "package.installed")) == 1


def test_others_see_nothing_of_it(office: OfficeForTests) -> None:
    gateway, jane, eve = make_gateway(office), office.user(), office.user("eve")
    session_id = office.ready(jane)
    gateway.client.post("/internal/v1/gateway/packages", json={"records": [record(office, session_id)]})
    with office.store.read() as tx:
        assert len(review.installs_of(tx, jane, session_id, 10)) == 1
        assert review.installs_of(tx, eve, session_id, 10) == []
        for forbidden in (lambda: review.unreviewed(tx, jane, 10), lambda: review.approvals(tx, jane)):
            with pytest.raises(Refused):
                forbidden()
    with office.store.write() as tx, pytest.raises(Refused):
        review.approve(tx, office.clock, jane, "numpy==1.0")
    refused = gateway.client.get(
        "/internal/v1/gateway/packages/numpy", headers={"Authorization": "Bearer no"}
    )
    assert refused.status_code in {401, 403}
