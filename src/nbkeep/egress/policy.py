"""From what admins wrote to the policy of one session. Pure; the same for gateways and explanations."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from nbkeep.model.errors import Refused

from .addresses import is_internet
from .asking import covering
from .parse import parse_rule
from .values import Policy, Rule

if TYPE_CHECKING:
    from .values import Effect

PLATFORM = "the platform's deny-list"
MAX_RULES = 1000


@dataclass(frozen=True)
class Reach:
    """What a profile says about the way out; rules in the admin's words, `source` where they were written.

    `packages`: as in `Policy`; `package_hosts`: rules for the hosts of its index.
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


NOTHING = Reach("no profile")


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
    granted: tuple[Rule, ...] = (),
    ask_at: str = "",
) -> Policy:
    """Return the policy of a session: its profile's rules, and the platform's, which no profile can lift.

    `granted`: what its person was granted. It holds as long as the profile's ask-list has it, or something
    wider; see `asking.py`.

    A rule that cannot be read (an older release may have let it in) leaves nothing of that profile's lists:
    what remains closed does no harm.
    """
    return replace(_policy(reach, platform, granted, ask_at), session_id=session_id)


def without_internet(policy: Policy) -> Policy:
    """Return what is left where the public internet is closed: what somebody named. Twice is once.

    Neither a trial of rules is a way round it, nor a rule that allows everything.
    """
    rules = tuple(rule for rule in policy.rules if rule.effect != "allow" or not is_internet(rule.host))
    return _versioned(replace(policy, rules=rules, public_internet=False, dry_run=False, version=""))


def platform_rules(texts: tuple[str, ...]) -> tuple[Rule, ...]:
    """Return the deny rules that hold for everybody, on trial or not; raise `Refused` for what is no rule."""
    check_rules("egress_denylist", texts)
    return tuple(replace(parse_rule(text, effect="deny", source=PLATFORM), firm=True) for text in texts)


@lru_cache(maxsize=512)
def _policy(reach: Reach, platform: tuple[str, ...], granted: tuple[Rule, ...], ask_at: str) -> Policy:
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
        )
    except Refused:
        return _versioned(Policy("", firm, public_internet=False, dry_run=False, version=""))
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


def _versioned(policy: Policy) -> Policy:
    content = json.dumps(policy.as_json(), sort_keys=True)
    return replace(policy, version=hashlib.sha256(content.encode()).hexdigest()[:16])
