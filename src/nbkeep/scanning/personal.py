"""Decides which mail and IP addresses, phone numbers and numbers with check digits are somebody's."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from . import digits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .interface import Hint
    from .rulebook import Rule

Span: TypeAlias = tuple[int, int]
_NOBODY = re.compile(
    r"^(?:git|hg|svn|no-?reply|do-?not-?reply|donotreply|user|username|name|you|your\.?name|your\.?email|someone|"
    r"email|foo|bar|test|example|root|nobody|postmaster|mailer-daemon)@|"
    r"@(?:.*\.)?(?:example|invalid|localhost|test|local|internal|lan|domain|company|acme-example)(?:\.[a-z]{2,4})?$|"
    r"@users\.noreply\.github\.com$|@(?:email|mail|domain|company|host|server|yourdomain|mycompany|foo|bar)\.(?:com|org|net)$|"
    r"\.(?:png|jpe?g|gif|svg|webp|ico|css|js|mjs|ts|tsx|py|ipynb|json|md|txt|html?|tgz|zip|gz|whl|so|dll|csv)$",
    re.IGNORECASE,
)
_VERSION = re.compile(r"(?:version|ver|release|v|driver|build|==|>=|[A-Za-z]-)[ :=\"']{0,3}$", re.IGNORECASE)
_REGIONS = ("US", "GB", "DE", "FR", "ES", "IT", "NL", "BE", "PL", "PT", "SE", "FI", "BR", "IN")
_USER_OF_URL = re.compile(r"://[^\s/?#\"']{0,100}\Z")
_CONTEXT = 60
_SHARE = 0.5
_SEVERAL = 3
PHONE_WORDS = re.compile(
    r"phone|mobile|\btel\b|_tel|tel_|telef|\bfax|handy|cell_?(?:num|no)|gsm|whatsapp", re.IGNORECASE
)


def emails(matches: Iterable[re.Match[str]], text: str) -> Iterator[Span]:
    """Yield e-mail addresses, but none of examples, machines and files."""
    for match in matches:
        begin, end = match.span("value")
        before = text[begin - 1] if begin else ""
        # ssh://git@host and https://user:password@host name an account, not a mailbox.
        if (
            before.isalnum()
            or before in {"/", "_", "@"}
            or _USER_OF_URL.search(text, max(0, begin - 120), begin)
        ):
            continue
        value = match["value"]
        name, _at, host = value.partition("@")
        top = host.rpartition(".")[2]
        if len(name) < 2 or len(host.partition(".")[0]) < 2 or not (top.islower() or top.isupper()):
            continue  # a@b.Tx: what chance makes of random characters
        if not _NOBODY.search(value):
            yield begin, end


def phones(matches: Iterable[re.Match[str]], text: str, hint: Hint) -> Iterator[Span]:
    """Yield phone numbers of a numbering plan: international ones, and others beside such a word."""
    in_column = bool(PHONE_WORDS.search(hint.column))
    for match in matches:
        begin, end = match.span("value")
        value = match["value"]
        if (begin and (text[begin - 1].isalnum() or text[begin - 1] in ".+-/_%")) or text[
            end : end + 1
        ].isalnum():
            continue
        if sum(c.isdigit() for c in value) < 8 or re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            continue
        if value.startswith("+"):
            regions: tuple[str | None, ...] = (None,)
        elif in_column or PHONE_WORDS.search(_line_before(text, begin)[-30:]):
            regions = _REGIONS
        elif value.startswith("("):
            regions = ("US",)
        else:
            continue
        if _is_phone(value, regions):
            yield begin, end


@lru_cache(maxsize=65_536)
def _is_phone(value: str, regions: tuple[str | None, ...]) -> bool:
    import phonenumbers  # noqa: PLC0415 - 60 ms that most texts do not need

    for region in regions:
        try:
            parsed = phonenumbers.parse(value, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(parsed):
            return True
    return False


def numbers(rule: Rule, matches: Iterable[re.Match[str]], text: str, hint: Hint) -> Iterator[Span]:
    """Yield numbers whose check digits are right and that stand where such numbers do.

    Chance alone makes one random number in ten (or a hundred) right. So a number without a word beside it
    counts only when most of what looks like it in the same text is right, too.
    """
    check = digits.CHECKS[rule.number]

    def is_named(by: str) -> bool:
        return rule.near is not None and rule.near.search(by) is not None

    column = is_named(hint.column)
    found: list[tuple[Span, bool]] = []
    alike = right = 0
    for match in matches:
        begin, end = match.span("value")
        if not _stands_alone(text, begin, end):
            continue
        alike += 1
        value = match["value"]
        if not check(value):
            continue
        right += 1
        said = not column and is_named(_line_before(text, begin))
        formed = rule.alone or (rule.own_form is not None and rule.own_form.fullmatch(value) is not None)
        if said or column or formed:
            found.append(((begin, end), said))
    mostly = right >= _SHARE * alike
    # Figures alone, in a row of them: one right number is chance, three among few wrong ones are not.
    several = column or right >= _SEVERAL or hint.kind not in {"output", "table"}
    for span, said in found:
        if said or (mostly and (several or not text[span[0] : span[1]].isdigit())):
            yield span


def _stands_alone(text: str, begin: int, end: int) -> bool:
    """Tell whether no letter or digit touches it, nor a point with digits: 0.4111… is no card."""
    if begin and (text[begin - 1].isalnum() or text[begin - 1] in "_.+-/#%="):
        return text[begin - 1] == "=" and _ends_alone(text, end)
    return _ends_alone(text, end)


def _ends_alone(text: str, end: int) -> bool:
    after = text[end : end + 2]
    if after[:1] in {".", ",", "-"}:
        return not after[1:].isalnum()
    return not (after[:1].isalnum() or after[:1] in {"_", "%"})


def _line_before(text: str, begin: int) -> str:
    start = max(0, begin - _CONTEXT)
    return text[max(start, text.rfind("\n", start, begin) + 1) : begin]


def addresses_of_machines(matches: Iterable[re.Match[str]], text: str) -> Iterator[Span]:
    """Yield IPv4 addresses of the public internet; not versions, and not what everybody's resolver is."""
    for match in matches:
        begin, end = match.span("value")
        if not _stands_alone(text, begin, end) or _VERSION.search(_line_before(text, begin)):
            continue
        value = match["value"]
        try:
            address = ipaddress.IPv4Address(value)
        except ValueError:
            continue
        small = sum(len(part) == 1 for part in value.split("."))
        if address.is_global and not address.is_multicast and small < 3:
            yield begin, end
