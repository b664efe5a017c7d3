"""Which keys are sent to whom, when providers are asked about them. Pure; `asking.py` sends them."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from .providers import PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from nbkeep.rendering.interface import Value

    from .providers import Provider

MOST_ASKED = 20  # of one document
_FIT = re.compile(r"[\x21-\x7e]{8,500}")  # for a header: nothing in a document adds one


def counts(providers: Collection[str], values: Sequence[Value]) -> dict[str, int]:
    """Return how many values `Asker.ask` sends to each provider; those that get none are left out."""
    return dict(Counter(provider.name for _, provider in sent_of(providers, values)))


def sent_of(providers: Collection[str], values: Sequence[Value]) -> list[tuple[Value, Provider]]:
    """Return what is sent to whom: `MOST_ASKED` at most, and no key that its provider knows nothing of."""
    by_rule = {rule: PROVIDERS[name] for name in providers for rule in PROVIDERS[name].rules}
    sent = [
        (one, provider)
        for one in values
        if (provider := by_rule.get(one.rule)) is not None
        and _FIT.fullmatch(one.value)
        and provider.is_asked_about(one.value)
    ]
    return sent[:MOST_ASKED]
