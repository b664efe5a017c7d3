"""What is told of a host beside the rules: to each reader what concerns them, and never a value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.connections import change as connections
from nbkeep.connections import parse
from nbkeep.egress.explain import explain
from nbkeep.inference import change as models
from nbkeep.model.actor import OPERATOR, Role
from nbkeep.profiles import profiles
from nbkeep.profiles.known import known_to
from nbkeep.sessions.beyond_rules import beyond_rules
from nbkeep.sessions.policies import profile_policy, session_policy
from office_parts import any_office, office
from vault.vault_steps import VALUE, keep

if TYPE_CHECKING:
    from nbkeep.model.actor import Actor
    from office_parts import OfficeForTests

__all__ = ["any_office", "office"]
PROFILE = "notebook-cpu-small"
HOST, QUEUE = "api.openai.example", "mq.acme.example"


def said(office: OfficeForTests, actor: Actor, of: str, target: str) -> list[str]:
    with office.store.read() as tx:
        clock, settings = office.clock, office.settings
        policy = (
            session_policy(tx, settings, actor, of, clock.now())
            if of.startswith("ses_")
            else profile_policy(tx, settings, actor, of)
        )
        found = explain(policy, target)
        return beyond_rules(tx, clock, actor, settings.currency, policy, found.host, found.port)


def test_keys_providers_connections_packages_and_limits_are_told(any_office: OfficeForTests) -> None:
    office = any_office
    jane, ada = office.user("jane"), office.user("ada", Role.AUDITOR)
    keep(office, OPERATOR, "openai", "user:jane", host=HOST)
    packages = {"index": "https://pypi.example/simple/", "allow": ["six"]}
    with office.store.write() as tx:
        models.add_provider(tx, office.clock, OPERATOR, "openai", HOST, "openai")
        declared = parse.declared("queue", tcp=f"{QUEUE}:5672")
        connections.add_connection(tx, office.clock, OPERATOR, declared, secret=None, grants=("user:jane",))
        fields = {"packages": packages, "egress_volume": "1GB"}
        profiles.change_profile(tx, office.clock, OPERATOR, PROFILE, fields, known_to(office.settings))
    hers = office.ready(jane)
    volume = "At most 1GB may be sent in a day (UTC), to all hosts together"
    provider = "It is the model provider openai: calls are counted, and refused once a budget is spent."

    assert said(office, jane, hers, f"{HOST.upper()}.") == [
        provider,
        "The secret openai is added on the way (header Authorization: Bearer {}).",
        f"{volume}; 0 B were sent today.",
    ]
    assert said(office, jane, hers, f"{QUEUE}:5672")[0] == (
        "The granted connection queue leads there, by localhost:5672."
    )
    assert "only what the package policy" in said(office, jane, hers, "pypi.example")[0]
    # Who may see the rules is not told of a person's keys and connections by that; nor is a profile's reader.
    assert said(office, ada, hers, HOST) == [provider, f"{volume}; 0 B were sent today."]
    assert said(office, ada, hers, f"{QUEUE}:5672") == [f"{volume}; 0 B were sent today."]
    assert said(office, jane, PROFILE, HOST) == [provider, f"{volume}."]
    assert said(office, OPERATOR, hers, HOST)[1].startswith("The secret openai")
    assert VALUE not in str(said(office, OPERATOR, hers, HOST))
    assert said(office, jane, hers, "elsewhere.example") == [f"{volume}; 0 B were sent today."]


def test_a_connection_that_was_not_granted_does_not_show_where_it_leads(office: OfficeForTests) -> None:
    jane = office.user("jane")
    with office.store.write() as tx:
        declared = parse.declared("queue", tcp=f"{QUEUE}:5672")
        connections.add_connection(tx, office.clock, OPERATOR, declared, secret=None)
    assert said(office, jane, office.ready(jane), f"{QUEUE}:5672") == []
