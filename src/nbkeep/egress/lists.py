"""Lists of rules as people write them: with commas or line breaks between, or as changes of a list. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from nbkeep.model.errors import invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

_AFTER_PORT = re.compile(r"(?<=[0-9]),(?=[0-9]{1,5}(?![\w.:-]))")


def rules_of(value: object, field: str) -> tuple[str, ...]:
    """Return rules of a list, or of text with commas, spaces or line breaks between them; `none` is none.

    A comma between ports divides no rules. Whether each is a rule is not asked. Raises `Refused` (400).

    >>> rules_of("pypi.org, *.acme.local:80,443 10.0.0.0/8:5432", "egress_allowlist")
    ('pypi.org', '*.acme.local:80,443', '10.0.0.0/8:5432')
    >>> rules_of("GET|HEAD@github.com:80,443/acme/*, pypi.org/simple/1,10.0.0.0/8", "egress_allowlist")
    ('GET|HEAD@github.com:80,443/acme/*', 'pypi.org/simple/1', '10.0.0.0/8')
    """
    if isinstance(value, str):
        value = _AFTER_PORT.sub("\0", value) if value.strip() != "none" else ""
        value = [one.replace("\0", ",") for one in re.split(r"[,\s]+", value) if one]
    if not isinstance(value, list | tuple):
        raise invalid(field, f"{value!r} is not a list.", "Write it like [a, b], or as text: a,b.")
    found = [_text(one, field) for one in cast("Sequence[Any]", value)]
    return tuple(dict.fromkeys(one for one in found if one))


def edited(raw: object, field: str, before: Sequence[str]) -> object:
    """Return a list of rules after `+host` was added to it or `-host` taken away; anything else as it is."""
    if not isinstance(raw, str):
        return raw
    edits = rules_of(raw, field)
    signs = {edit[0] for edit in edits}
    if not signs & {"+", "-"}:
        return raw
    if signs - {"+", "-"}:
        raise invalid(field, f"{raw[:200]!r} says a part with + or - and a part without.",
                      "Write all with a sign to change the list, or none to replace it.")  # fmt: skip
    rules = list(before)
    for edit in edits:
        rule = edit[1:]
        if not rule or (edit[0] == "-" and rule not in rules):
            known = ", ".join(rules) or "nothing"
            raise invalid(field, f"{rule[:200]!r} is not in the list.", f"In it: {known}.")
        rules = [one for one in rules if one != rule] + ([rule] if edit[0] == "+" else [])
    return rules


def _text(value: object, field: str) -> str:
    if not isinstance(value, str):
        raise invalid(field, f"{value!r} is not text.")
    return value.strip()
