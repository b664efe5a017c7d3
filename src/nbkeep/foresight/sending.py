"""How heavy it is that a secret is given to something: its own service may have it, nobody else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .carried import FILE, STORED, VARIABLE, WHOLE, Mark
from .values import DANGEROUS, NOTABLE

if TYPE_CHECKING:
    from collections.abc import Iterable

# Whose a variable is, by its name, and the hosts that may have it.
_OWNERS = {
    "OPENAI": ("openai.com", "openai.azure.com"), "ANTHROPIC": ("anthropic.com",),
    "GITHUB": ("github.com", "githubusercontent.com"), "GH": ("github.com", "githubusercontent.com"),
    "GITLAB": ("gitlab.com",), "HF": ("huggingface.co", "hf.co"), "HUGGING": ("huggingface.co", "hf.co"),
    "HUGGINGFACE": ("huggingface.co", "hf.co"), "AWS": ("amazonaws.com",),
    "AZURE": ("azure.com", "windows.net"),
    "GOOGLE": ("googleapis.com", "google.com"), "GCP": ("googleapis.com", "google.com"),
    "WANDB": ("wandb.ai",), "KAGGLE": ("kaggle.com",),
    "DATABRICKS": ("databricks.com", "azuredatabricks.net"),
    "SNOWFLAKE": ("snowflakecomputing.com",), "STRIPE": ("stripe.com",), "SLACK": ("slack.com",),
    "COHERE": ("cohere.com", "cohere.ai"), "MISTRAL": ("mistral.ai",), "NPM": ("npmjs.org",),
}  # fmt: skip
# What no service takes within a request: passwords, private keys, secret halves, a server's own tokens.
_NEVER_SENT = re.compile(
    r"PASSW|PASSPHRASE|_PWD$|PRIVATE_?KEY|SECRET_ACCESS|DATABASE_URL|_DSN$|JUPYTER|KUBE|VAULT", re.IGNORECASE
)
USUAL_PLACES = frozenset({"auth", "headers", "token", "api_key", "cookies"})
"""Arguments of requests in which services take keys and passwords."""


def weight_of_giving(
    marks: Iterable[Mark], hosts: list[str] | None, *, is_usual: bool
) -> tuple[str, str] | None:
    """Return how heavy it is to give these to something, and what they are; None where it is nothing.

    `hosts`: what is reached, empty where that is not known; None for a program of this machine.
    `is_usual`: it is given where services take keys.

    >>> weight_of_giving([Mark(VARIABLE, "OPENAI_API_KEY")], ["api.openai.com"], is_usual=True)
    >>> weight_of_giving([Mark(VARIABLE, "OPENAI_API_KEY")], ["a.example"], is_usual=True)
    ('dangerous', 'OPENAI_API_KEY')
    >>> weight_of_giving([Mark(VARIABLE, "FRED_API_KEY")], ["api.stlouisfed.org"], is_usual=False)
    ('notable', 'FRED_API_KEY')
    """
    heavy: list[str] = []
    notable: list[str] = []
    for one in sorted(marks):
        weight = _weight(one, hosts, is_usual=is_usual)
        if weight:
            (heavy if weight == DANGEROUS else notable).append(_words(one))
    if heavy:
        return DANGEROUS, ", ".join(dict.fromkeys(heavy))
    return (NOTABLE, ", ".join(dict.fromkeys(notable))) if notable else None


def _weight(one: Mark, hosts: list[str] | None, *, is_usual: bool) -> str:
    if one.kind != VARIABLE:
        return DANGEROUS
    own = _OWNERS.get(one.name.upper().partition("_")[0], ())
    is_elsewhere = bool(own) and any(not _is_of(host, own) for host in hosts or ())
    if is_elsewhere or (not is_usual and hosts is not None and _NEVER_SENT.search(one.name)):
        return DANGEROUS
    return "" if is_usual else NOTABLE


def _is_of(host: str, domains: tuple[str, ...]) -> bool:
    return any(host == one or host.endswith(f".{one}") for one in domains)


def _words(one: Mark) -> str:
    said = {WHOLE: "the whole environment", FILE: f"what lies in {one.name}",
            STORED: "stored passwords or cookies"}  # fmt: skip
    return said.get(one.kind) or (one.name if one.name != "?" else "a variable of the environment")
