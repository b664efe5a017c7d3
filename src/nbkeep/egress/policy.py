"""From what admins wrote to the policy of one session. Pure; the same for gateways and explanations."""

from __future__ import annotations

import hashlib
import ipaddress
import json
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from nbkeep.model.errors import Refused

from .addresses import is_internet, kind, opens
from .asking import covering
from .parse import is_address, parse_rule
from .values import Policy, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .values import Effect

PLATFORM = "the platform's deny-list"
MAX_RULES = 1000


@dataclass(frozen=True)
class Reach:
    """What a profile says about the way out; rules in the admin's words, `source` where they were written.

    `packages`: as in `Policy`; `package_hosts`: rules for the hosts of its index. `project_hosts`: projects
    of its people may add hosts to what it allows.
    """

    source: str
    allowlist: tuple[str, ...] = ()
    denylist: tuple[str, ...] = ()
    asklist: tuple[str, ...] = ()
    public_internet: bool = False
    dry_run: bool = False
    volume_bytes: int = 0
    packages: str = ""
    package_hosts: tuple[str, ...] = ()
    project_hosts: bool = False


@dataclass(frozen=True)
class Added:
    """What a project says to sessions of its members, in the admin's words; `source` as in `Reach`."""

    source: str
    allowlist: tuple[str, ...] = ()
    denylist: tuple[str, ...] = ()


@dataclass(frozen=True)
class Narrowing:
    """What a class of data takes from sessions that carry it; nothing in it opens anything.

    `only`: what is left of all that is allowed; empty leaves it as it is.
    """

    source: str
    closes_internet: bool = False
    only: tuple[str, ...] = ()
    denylist: tuple[str, ...] = ()


NOTHING = Reach("no profile")
_NONE = Policy("", (), public_internet=False, dry_run=False, version="")


def check_rules(field: str, texts: tuple[str, ...]) -> None:
    """Raise `Refused` (400) naming the field and the first text that is no rule; likewise for too many."""
    if len(texts) > MAX_RULES:
        raise Refused(
            f"invalid-{field}",
            f"{field} has {len(texts)} rules.",
            f"Give at most {MAX_RULES}; `*.name` and networks like 10.0.0.0/8 say more in one.",
            status=400,
        )
    for text in texts:
        try:
            parse_rule(text, effect=effect_of(field), source=field)
        except Refused as error:
            raise Refused(f"invalid-{field}", error.message, error.remedy, status=400) from error


def effect_of(field: str) -> Effect:
    """Return what the rules of a list do, by the name of its field.

    >>> effect_of("egress_denylist"), effect_of("egress_asklist"), effect_of("egress_allowlist")
    ('deny', 'ask', 'allow')
    """
    return "deny" if field.endswith("denylist") else "ask" if field.endswith("asklist") else "allow"


def policy_of(
    session_id: str,
    reach: Reach,
    platform: tuple[str, ...] = (),
    *,
    projects: tuple[Added, ...] = (),
    granted: tuple[Rule, ...] = (),
    ask_at: str = "",
    classes: tuple[Narrowing, ...] = (),
    leaving: str = "",
    person: str = "",
) -> Policy:
    """Return the policy of a session: its profile's rules, and the platform's, which no profile can lift.

    `projects`: of its person. What they deny is denied; what they allow counts where the profile says so, and
    then like its own rules: what the profile denies stays denied.

    `granted`: what its person was granted. It holds as long as the profile's ask-list has it, or something
    wider; see `asking.py`.

    `classes`: what the data that it has read takes from it; see `narrowed`. `leaving`, `person`: as in
    `Policy`.

    A rule that cannot be read (an older release may have let it in) leaves nothing of all these lists:
    what remains closed does no harm.
    """
    found = _policy(reach, platform, projects, granted, ask_at)
    if classes:
        found = _narrowed(reach, platform, projects, granted, ask_at, classes)
    if leaving:
        version = hashlib.sha256(f"{found.version} {leaving}".encode()).hexdigest()[:16]
        found = replace(found, leaving=leaving, version=version)
    return replace(found, session_id=session_id, person=person)


def _without_internet(policy: Policy, by: str) -> Policy:
    """Return what is left where the public internet is closed: what the profile or a grant names.

    Twice is once. Neither a trial of rules is a way round it, nor a rule that allows everything, nor a
    project. `by`: what closes it, for people; named where that took something away.
    """
    rules = tuple(rule for rule in policy.rules if rule.effect != "allow" or not _ends_with_internet(rule))
    if len(rules) == len(policy.rules) and not policy.public_internet and not policy.dry_run:
        return policy
    closed_by = policy.closed_by or by
    return replace(policy, rules=rules, public_internet=False, dry_run=False, closed_by=closed_by)


def narrowed(policy: Policy, classes: Iterable[Narrowing]) -> Policy:
    """Return what classes of data leave of a policy; it never reaches further than before.

    Their denials and what they keep hold on trial, too. A rule that cannot be read leaves nothing.
    """
    found = policy
    for one in classes:
        try:
            denied = tuple(_firm(text, one.source) for text in one.denylist)
            kept = tuple(parse_rule(text, effect="allow", source=one.source) for text in one.only)
        except Refused:
            return _versioned(replace(_NONE, session_id=policy.session_id))
        if denied or kept:
            rules, keeps = (*denied, *found.rules), (*found.keeps, *kept)
            found = replace(found, rules=rules, keeps=keeps)
        if one.closes_internet:
            found = _without_internet(found, one.source)
    return policy if found == policy else _versioned(replace(found, version=""))


def check_only(field: str, texts: tuple[str, ...]) -> None:
    """Raise `Refused` (400) for what cannot be kept open: no rule, or one about some requests."""
    check_rules(field, texts)
    for text in texts:
        if parse_rule(text, effect="allow", source=field).is_restricted:
            raise Refused(f"invalid-{field}", f"{text!r} is about some requests.",
                          "What a class leaves open is whole hosts: leave the methods and the path out.",
                          status=400)  # fmt: skip


def check_added(field: str, texts: tuple[str, ...]) -> None:
    """Raise `Refused` (400) for what no project may add: no rule, all of the internet, a machine itself."""
    check_rules(field, texts)
    for text in texts:
        host = parse_rule(text, effect="allow", source=field).host
        if is_internet(host):
            why = "is nobody's in particular: who may reach the public internet is said by profiles"
        elif _is_special(host):
            why = "is a machine itself, its link or its cloud's metadata: no project opens that"
        else:
            continue
        raise Refused(f"invalid-{field}", f"{text!r} {why}.", "Name the hosts that the project works with.",
                      status=400)  # fmt: skip


def platform_rules(texts: tuple[str, ...]) -> tuple[Rule, ...]:
    """Return the deny rules that hold for everybody, on trial or not; raise `Refused` for what is no rule."""
    check_rules("egress_denylist", texts)
    return tuple(_firm(text, PLATFORM) for text in texts)


def _firm(text: str, source: str) -> Rule:
    return replace(parse_rule(text, effect="deny", source=source), firm=True)


def _ends_with_internet(rule: Rule) -> bool:
    return rule.by_project or is_internet(rule.host)


def _is_special(host: str) -> bool:
    if "/" not in host and not is_address(host):
        return False
    network = ipaddress.ip_network(host)
    return opens(network, "special") and kind(network.network_address) == "special"


def _of_project(project: Added, *, adds: bool) -> Iterable[Rule]:
    for text in project.denylist:
        yield parse_rule(text, effect="deny", source=project.source)
    for text in project.allowlist if adds else ():
        yield replace(parse_rule(text, effect="allow", source=project.source), by_project=True)


@lru_cache(maxsize=512)
def _policy(
    reach: Reach,
    platform: tuple[str, ...],
    projects: tuple[Added, ...],
    granted: tuple[Rule, ...],
    ask_at: str,
) -> Policy:
    firm = platform_rules(platform)
    try:
        asks = tuple(parse_rule(text, effect="ask", source=reach.source) for text in reach.asklist)
        own = (
            *(parse_rule(text, effect="deny", source=reach.source) for text in reach.denylist),
            *asks,
            *(parse_rule(text, effect="allow", source=reach.source) for text in reach.allowlist),
            *(
                parse_rule(text, effect="allow", source=f"package policy of {reach.source}")
                for text in reach.package_hosts
            ),
            *(rule for one in projects for rule in _of_project(one, adds=reach.project_hosts)),
        )
    except Refused:
        return _versioned(replace(_NONE, rules=firm))
    still = tuple(rule for rule in granted if covering(asks, rule) is not None)
    rules = (*firm, *own, *still)
    return _versioned(
        Policy(
            "",
            rules,
            reach.public_internet,
            reach.dry_run,
            version="",
            volume_bytes=reach.volume_bytes,
            ask_at=ask_at,
            packages=reach.packages,
        )
    )


@lru_cache(maxsize=512)
def _narrowed(
    reach: Reach,
    platform: tuple[str, ...],
    projects: tuple[Added, ...],
    granted: tuple[Rule, ...],
    ask_at: str,
    classes: tuple[Narrowing, ...],
) -> Policy:
    """By what admins wrote, which is compared much faster than the rules that are made of it."""
    return narrowed(_policy(reach, platform, projects, granted, ask_at), classes)


def _versioned(policy: Policy) -> Policy:
    content = json.dumps(policy.as_json(), sort_keys=True)
    return replace(policy, version=hashlib.sha256(content.encode()).hexdigest()[:16])
