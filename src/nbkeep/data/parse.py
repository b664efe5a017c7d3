"""From what stewards write to a dataset; every refusal names the field."""

from __future__ import annotations

import re

from nbkeep.model.classification import CLASSIFICATIONS
from nbkeep.model.errors import Refused, invalid
from nbkeep.vault.parse import parse_place

from . import keys
from .values import Source

# A label of a host's name: programs write it into addresses, where letters have no case.
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REGION = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_PURPOSE = 500
_MOST_SAMPLES = 50
_HTTPS = 443
AWS = "s3.{}.amazonaws.com"


def dataset_name(text: str) -> str:
    """Return a dataset's name; raise `Refused` (400) for anything else."""
    if not _NAME.fullmatch(text):
        raise invalid("name", f"{text[:60]!r} is not a name for a dataset.",
                      "Use 1 to 40 small letters, digits and hyphens.")  # fmt: skip
    return text


def purpose(text: str) -> str:
    """Return what a dataset is for, in one line; raise `Refused` (400)."""
    said = " ".join(text.split())
    if not said or len(said) > _PURPOSE or not said.isprintable():
        raise invalid("purpose", f"A purpose has 1 to {_PURPOSE} characters.", "Say what the data is for.")
    return said


def source(
    name: str,
    s3: str,
    classification: str,
    *,
    region: str = "",
    endpoint: str = "",
    samples: list[str] | None = None,
) -> Source:
    """Return a dataset that is nowhere yet (its ids are ""); raise `Refused` (400).

    `s3`: `s3://bucket/prefix`; a prefix is a whole folder: `a/b` is what lies below `a/b/`. `endpoint`:
    `https://host[:port]` of a server that speaks S3; AWS's own in the region where none is given.
    """
    name = dataset_name(name)
    if classification not in CLASSIFICATIONS:
        raise invalid("classification", f"{classification[:20]!r} is not a classification.",
                      f"It is one of {', '.join(CLASSIFICATIONS)}.")  # fmt: skip
    region = region or "us-east-1"
    if not _REGION.fullmatch(region):
        raise invalid("region", f"{region[:60]!r} is no region.", "Write it like eu-central-1.")
    bucket, prefix = _place(s3)
    host, port = _endpoint(endpoint, region)
    return Source("", name, classification, host, port, bucket, prefix, region, _samples(samples or []))


def _place(text: str) -> tuple[str, str]:
    scheme, colon, rest = text.strip().partition("://")
    bucket, _, prefix = rest.partition("/")
    if scheme != "s3" or not colon or not _BUCKET.fullmatch(bucket) or ".." in bucket:
        raise invalid("s3", f"{text[:200]!r} is no place in S3.", "Write it like s3://bucket/sales.")
    prefix = prefix.removesuffix("/")
    try:
        keys.check(f"{prefix}/x" if prefix else "")
    except ValueError as error:
        raise invalid(
            "s3", f"{text[:200]!r} is no place in S3: {error}.", "Write s3://bucket/sales."
        ) from error
    return bucket, f"{prefix}/" if prefix else ""


def _endpoint(text: str, region: str) -> tuple[str, int]:
    if text and not text.startswith("https://"):
        raise invalid("endpoint", f"{text[:200]!r} does not begin with https://.",
                      "It has to speak TLS: write it like https://s3.acme.local:9000.")  # fmt: skip
    try:
        return parse_place(text.removeprefix("https://").removesuffix("/") or AWS.format(region), _HTTPS)
    except Refused as error:
        raise invalid("endpoint", error.message, error.remedy) from error


def _samples(texts: list[str]) -> tuple[str, ...]:
    if len(texts) > _MOST_SAMPLES:
        raise invalid("sample", f"{len(texts)} patterns are too many.", f"Give at most {_MOST_SAMPLES}.")
    for text in texts:
        try:
            keys.check_pattern(text)
        except ValueError as error:
            said = f"{text[:200]!r} is no pattern of keys below the dataset: {error}."
            remedy = "Write it like '2026-01/*.parquet', counted from the dataset's prefix."
            raise invalid("sample", said, remedy) from error
    return tuple(dict.fromkeys(texts))
