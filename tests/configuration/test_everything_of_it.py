"""The configuration as a file: projects, connections, datasets, models and prices, all the way there and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from nbkeep.audit.search import Wanted, search
from nbkeep.configuration import apply as configuration
from nbkeep.configuration.document import as_yaml
from nbkeep.guard.view import list_policies
from nbkeep.inference.usage import list_prices as model_prices
from nbkeep.meter.prices import list_prices
from nbkeep.model.actor import OPERATOR, SCOPES, Actor, Role
from nbkeep.model.errors import Refused
from nbkeep.people.project_records import find_project, members_of
from nbkeep.store.tables import UserRow
from nbkeep.vault import change as secrets
from nbkeep.vault import parse as vault_parse
from nbkeep.vault.sources.embedded import EmbeddedSource
from office_parts import any_office, office

if TYPE_CHECKING:
    from nbkeep.configuration.apply import Change
    from office_parts import OfficeForTests

__all__ = ["any_office", "office"]
HEAD = "apiVersion: nbkeep/v1\nkind: Configuration\n"
WHOLE = (
    HEAD
    + """
projects:
- {name: nlp, description: Words, leads: [ada], members: [jane], egress_allowlist: [wiki.acme.local], egress_denylist: [paste.example]}
- {name: orion}
connections:
- {name: warehouse, postgres: db.acme.local, database: sales, role: reader, secret: pg, grants: ['project:nlp', everyone]}
- {name: queue, tcp: 'mq.acme.local:5672'}
datasets:
- name: sales
  s3: s3://lake/sales
  classification: confidential
  purpose: The quarterly report
  owner: jane
  region: eu-central-1
  endpoint: https://s3.acme.local:9000
  samples: ['2026-01/*.csv']
  secret: lake
model_providers:
- name: openai
  kind: openai
  host: api.openai.com
  prices: [{model: gpt-x, input: '2.50', output: '10'}]
quotas:
- {name: 'user:jane', limits: [gpu-a100=8h/day, sessions=3]}
- {name: 'project:nlp', limits: [cost=500/month]}
- {name: everyone, limits: [hours=200h/month]}
model_budgets:
- {name: everyone, month: '20'}
- {name: 'user:jane', month: '50.5'}
prices:
- {name: 'gpu:a100', price: '1.2'}
classifications:
- {name: confidential, public_internet: false, egress_denylist: ['*.paste.example']}
- {name: pii, egress_only: [db.acme.local]}
policies:
- {name: everywhere, save: {secret: deny}}
- {name: 'class:pii', export: {secret: deny, personal: review}, share: {personal: redact}}
- {name: 'project:nlp', publish: {nothing: review}}
liveness:
- {name: github}
own_rules:
- name: organisation
  rules: |
    [[rules]]
    id = "acme-badge"
    regex = "ACME-[0-9]{6}"
uploads:
- {name: '*.acme.example', treatment: trusted}
- {name: paste.example, treatment: closed}
"""
)


@pytest.fixture
def there(any_office: OfficeForTests) -> OfficeForTests:
    """An office with two people and the secrets that the document names."""
    ada = any_office.user("ada", Role.ADMIN)
    any_office.user("jane")
    keep(any_office, ada, "pg", "a-made-up-word", ["db.acme.local:5432"], postgres="reader")
    keys = "AKIA7777777777777777:wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"
    keep(any_office, ada, "lake", keys, ["s3.acme.local:9000"], s3="eu-central-1")
    return any_office


def keep(office: OfficeForTests, actor: Actor, name: str, value: str, hosts: list[str], **how: Any) -> None:
    with office.store.write() as tx:
        secrets.set_secret(tx, office.clock, EmbeddedSource(office.settings), actor, name, value,
                           vault_parse.binding(hosts, **how))  # fmt: skip


def apply(
    office: OfficeForTests, text: str, actor: Actor | None = None, *, dry_run: bool = False
) -> list[Change]:
    """Apply a document, as the admin who owns the secrets where nobody else is named."""
    if actor is None:
        with office.store.read() as tx:
            ada = tx.scalars(select(UserRow).where(UserRow.name == "ada")).one()
            actor = Actor(ada.id, "ada", frozenset(SCOPES))
    document = configuration.read(text)
    return configuration.apply(office.store, office.clock, office.settings, actor, document, dry_run=dry_run)


def export(office: OfficeForTests) -> str:
    with office.store.read() as tx:
        return as_yaml(configuration.export(tx, office.clock, office.settings, OPERATOR))


def told(changes: list[Change]) -> list[str]:
    return [f"{one.action} {one.kind} {one.name}" for one in changes]


def test_all_of_it_is_made_once_and_comes_back(there: OfficeForTests) -> None:
    made = apply(there, WHOLE)
    assert {one.action for one in made if one.kind != "classification"} == {"create"}
    assert len(made) == 21
    assert apply(there, WHOLE) == []
    text = export(there)
    assert apply(there, text) == []
    assert export(there) == text
    assert "a-made-up-word" not in text
    assert "wJalr" not in text
    with there.store.read() as tx:
        project = find_project(tx, OPERATOR, "nlp")
        people = members_of(tx, [project.id])[project.id]
        assert [(one.name, one.is_lead) for one in people] == [("ada", True), ("jane", False)]
        assert [one["model"] for one in model_prices(tx, OPERATOR, "EUR")] == ["gpt-x"]
        assert "gpu:a100" in {one["resource"] for one in list_prices(tx, there.clock, OPERATOR, "EUR")}


def test_a_dry_run_makes_nothing_and_says_the_same(there: OfficeForTests) -> None:
    before = export(there)
    planned = apply(there, WHOLE, dry_run=True)
    assert export(there) == before
    assert apply(there, WHOLE) == planned


def test_what_a_section_lacks_goes_and_what_is_no_section_stays(there: OfficeForTests) -> None:
    apply(there, WHOLE)
    gone = apply(there, HEAD + "projects: []\nconnections: []\ndatasets: []\nmodel_budgets: []\n")
    assert sorted(told(gone)) == [
        "delete connection queue",
        "delete connection warehouse",
        "delete dataset sales",
        "delete model budget everyone",
        "delete model budget user:jane",
        "delete project nlp",
        "delete project orion",
    ]
    left = configuration.read(export(there))
    assert [one["name"] for one in left["model_providers"]] == ["openai"]
    assert [one["name"] for one in left["prices"]] == ["gpu:a100"]


def test_a_connection_elsewhere_is_another_one_and_its_port_is_free_for_it(there: OfficeForTests) -> None:
    apply(there, WHOLE)
    moved = WHOLE.replace("mq.acme.local:5672", "new.acme.local:5672").replace(
        "{name: queue", "{name: events"
    )
    assert told(apply(there, moved)) == ["delete connection queue", "create connection events"]
    less = moved.replace("grants: ['project:nlp', everyone]", "grants: [everyone]")
    changes = apply(there, less)
    assert [one.fields for one in changes] == [{"grants": [["everyone", "project:nlp"], ["everyone"]]}]
    role = less.replace("classification: confidential", "classification: internal")
    assert told(apply(there, role)) == ["delete dataset sales", "create dataset sales"]


def test_people_move_between_leads_and_members(there: OfficeForTests) -> None:
    apply(there, WHOLE)
    apply(there, WHOLE.replace("leads: [ada], members: [jane]", "leads: [jane]"))
    with there.store.read() as tx:
        project = find_project(tx, OPERATOR, "nlp")
        assert [(one.name, one.is_lead) for one in members_of(tx, [project.id])[project.id]] == [
            ("jane", True)
        ]
    said = apply(there, WHOLE.replace("description: Words", "description: Sentences"))
    assert said[0].fields["description"] == ["Words", "Sentences"]
    with there.store.read() as tx:
        found = search(tx, OPERATOR, Wanted(type="project.described"), limit=5).records
    assert [one["data"]["after"] for one in found] == ["Sentences"]


def test_limits_that_the_file_lacks_are_taken_away(there: OfficeForTests) -> None:
    apply(there, WHOLE)
    changes = apply(there, WHOLE.replace("gpu-a100=8h/day, sessions=3", "sessions=2"))
    assert [one.fields for one in changes] == [
        {"limits": [["gpu-a100=8h/day", "sessions=3"], ["sessions=2"]]}
    ]
    gone = apply(there, HEAD + "quotas: [{name: everyone, limits: [hours=200h/month]}]")
    assert told(gone) == ["delete quota project:nlp", "delete quota user:jane"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("projects: [{name: nlp, boss: ada}]", "unknown fields: boss"),
        ("projects: [{name: nlp, leads: [ada], members: [ada]}]", "ada leads it"),
        ("projects: [{name: nlp, leads: [nobody]}]", "nobody"),
        ("projects: [{name: nlp, leads: ada}]", "is not a list"),
        ("connections: [{name: q, tcp: 'mq:5672', local_port: x}]", "local_port is not a number"),
        ("connections: [{name: q, tcp: 'mq.acme.local:5672', secret: none}]", "password"),
        ("connections: [{name: q, tcp: 'mq.acme.local:5672', grants: ['project:none']}]", "none"),
        (
            "datasets: [{name: s, s3: 's3://lake/x', classification: secret, owner: jane, purpose: p}]",
            "secret",
        ),
        (
            "datasets: [{name: s, s3: 's3://lake/x', classification: pii, owner: nobody, purpose: p}]",
            "nobody",
        ),
        (
            "datasets: [{name: s, s3: 's3://l/x', classification: pii, owner: jane, purpose: p, value: k}]",
            "value",
        ),
        (
            "model_providers: [{name: o, kind: openai, host: a.com, prices: [{model: m, input: 1}]}]",
            "not text",
        ),
        ("model_providers: [{name: o, kind: magic, host: a.com}]", "magic"),
        ("model_budgets: [{name: 'project:nlp', month: '5'}]", "nobody who can have a budget"),
        ("model_budgets: [{name: total, month: 5}]", "not text"),
        ("quotas: [{name: 'role:user', limits: [sessions=1]}]", "nobody who can have a quota"),
        ("quotas: [{name: 'user:nobody', limits: [sessions=1]}]", "nobody"),
        ("quotas: [{name: everyone, limits: [much]}]", "much"),
        ("prices: [{name: moon, price: '1'}]", "moon"),
        ("prices: [{name: 'gpu:a100', price: cheap}]", "cheap"),
    ],
)
def test_one_wrong_line_is_named_and_nothing_is_done(office: OfficeForTests, wrong: str, said: str) -> None:
    office.user("ada", Role.ADMIN)
    office.user("jane")
    before = export(office)
    with pytest.raises(Refused) as refused:
        apply(office, f"{HEAD}model_budgets: [{{name: everyone, month: '1'}}]\n{wrong}"
              if not wrong.startswith("model_budgets") else HEAD + wrong)  # fmt: skip
    assert said in refused.value.message
    assert export(office) == before


def test_the_scope_of_each_kind_is_needed_beside_that_of_the_file(there: OfficeForTests) -> None:
    for scope, section in (
        ("admin:projects", "projects: [{name: orion}]"),
        ("admin:connections", "connections: [{name: queue, tcp: 'mq.acme.local:5672'}]"),
        (
            "admin:data",
            WHOLE.removeprefix(HEAD)[WHOLE.index("datasets:") - len(HEAD) :].partition("model_")[0],
        ),
        ("admin:models", "model_budgets: [{name: total, month: '5'}]"),
        ("admin:prices", "prices: [{name: 'gpu:a100', price: '1'}]"),
    ):
        actor = Actor("usr_ci", "ci", frozenset(SCOPES) - {scope})
        with pytest.raises(Refused) as refused:
            apply(there, HEAD + section, actor)
        assert scope in refused.value.message, section


def test_hosts_of_uploads_are_what_the_document_says(there: OfficeForTests) -> None:
    apply(there, WHOLE)
    text = HEAD + "uploads:\n- {name: paste.example, treatment: examined}\n"
    assert sorted(told(apply(there, text))) == [
        "change upload paste.example", "delete upload *.acme.example"
    ]  # fmt: skip
    assert apply(there, text) == []
    for wrong in ("{name: paste.example, treatment: open}", "{name: 'a b', treatment: closed}",
                  "{name: x.example}", "{name: x.example, treatment: closed, why: x}"):  # fmt: skip
        with pytest.raises(Refused) as refusal:
            apply(there, HEAD + f"uploads:\n- {wrong}\n")
        assert refusal.value.status == 400, wrong


def test_rules_of_what_may_leave_are_what_the_document_says(there: OfficeForTests) -> None:
    apply(there, WHOLE)
    text = (
        HEAD
        + """
policies:
- {name: 'class:pii', export: {personal: deny}}
- {name: 'profile:notebook-cpu-small', download: {unread: review}}
"""
    )
    assert sorted(told(apply(there, text))) == [
        "change policy class:pii",
        "create policy profile:notebook-cpu-small",
        "delete policy everywhere",
        "delete policy project:nlp",
    ]
    assert apply(there, text) == []
    with there.store.read() as tx:
        found = {(one["scope"], one["gate"]): one["decisions"] for one in list_policies(tx, OPERATOR)}
    assert found == {
        ("class:pii", "export"): {"personal": "deny"},
        ("profile:notebook-cpu-small", "download"): {"unread": "review"},
    }
    for wrong, status in (
        ("{name: 'team:x', export: {secret: deny}}", 400),
        ("{name: 'project:nowhere', export: {secret: deny}}", 404),
        ("{name: everywhere, mail: {secret: deny}}", 400),
        ("{name: everywhere, export: deny}", 400),
        ("{name: everywhere, export: {}}", 400),
        ("{name: everywhere, export: {secret: 7}}", 400),
        ("{name: everywhere, export: {unread: redact}}", 400),
    ):
        with pytest.raises(Refused) as refusal:
            apply(there, HEAD + f"policies:\n- {wrong}\n")
        assert refusal.value.status == status, wrong
    with pytest.raises(Refused) as refusal:
        apply(there, HEAD + "policies: []\n", Actor("usr_x", "x", frozenset({"admin:config"})))
    assert refusal.value.code == "missing-scope"
    # Its rules end with a project that the same document removes.
    apply(there, WHOLE)
    assert "delete project nlp" in told(
        apply(there, HEAD + "projects: []\nconnections: []\ndatasets: []\nquotas: []\n")
    )
    with there.store.read() as tx:
        assert "project:nlp" not in {one["scope"] for one in list_policies(tx, OPERATOR)}
