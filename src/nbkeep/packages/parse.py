"""A package policy as admins write it, made into the one form that is compared."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit, urlunsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from nbkeep.egress.parse import is_address, parse_host, parse_port
from nbkeep.model.errors import Refused, invalid
from nbkeep.model.units import parse_duration_s

from .licences import canonical
from .pages import normalised
from .values import PackagePolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_MOST = 2000
_PATTERN = re.compile(r"[a-z0-9*](?:[a-z0-9*-]*[a-z0-9*])?")
_PATH = re.compile(r"(?:/[A-Za-z0-9._~+-]+)*/?")


def policy_from(wanted: object, base: PackagePolicy | None = None) -> PackagePolicy | None:
    """Return the policy that a request describes, on top of `base` if it changes one; None for null.

    Raises `Refused` (400) naming the first thing that is not valid.
    """
    if wanted is None or wanted == "none":
        return None
    if not isinstance(wanted, dict):
        raise invalid("packages", f"{str(wanted)[:100]!r} is no package policy.", "Give its fields, or null.")
    values: dict[str, Any] = {}
    for field, raw in cast("dict[str, Any]", wanted).items():
        if field not in _READERS:
            raise invalid("packages", f"There is no field {str(field)[:60]!r} in a package policy.",
                          f"Fields: {', '.join(_READERS)}.")  # fmt: skip
        target, read = _READERS[field]
        values[target] = read(raw, f"packages-{field}")
    policy = replace(base or PackagePolicy(), **values)
    _check(policy)
    return policy


def _check(policy: PackagePolicy) -> None:
    for field in fields(PackagePolicy):
        value = getattr(policy, field.name)
        if isinstance(value, tuple) and len(cast("tuple[str, ...]", value)) > _MOST:
            raise invalid(f"packages-{field.name}", f"{field.name} has more than {_MOST} entries.",
                          "Patterns such as scikit-* say more in one.")  # fmt: skip


def _index(raw: Any, field: str) -> str:
    text = _text(raw, field)
    parts = urlsplit(text)
    try:
        host, port = parse_host(parts.hostname or ""), parts.port
    except (Refused, ValueError) as error:
        raise _no_index(field, text) from error
    if parts.scheme not in {"https", "http"} or parts.query or parts.fragment or parts.username is not None:
        raise _no_index(field, text)
    if not _PATH.fullmatch(parts.path) or any(one in {".", ".."} for one in parts.path.split("/")):
        raise _no_index(field, text)
    host = f"[{host}]" if ":" in host else host
    usual = {"https": 443, "http": 80}[parts.scheme]
    place = host if port in {None, usual} else f"{host}:{port}"
    return urlunsplit((parts.scheme, place, parts.path.rstrip("/"), "", ""))


def _no_index(field: str, text: str) -> Refused:
    return invalid(
        field, f"{text[:200]!r} is no address of a package index.",
        "Write it like https://pypi.org/simple; a password for it is kept with `nbkeep secret set`.",
    )  # fmt: skip


def _file_hosts(raw: Any, field: str) -> tuple[str, ...]:
    found: list[str] = []
    for text in _list(raw, field):
        host, colon, port = text.rpartition(":")
        try:
            name = parse_host(host if colon else text)
            number = parse_port(port) if colon else 443
        except Refused as error:
            raise invalid(
                field, error.message, "Write it like files.acme.local or files.acme.local:8443."
            ) from error
        if is_address(name) and ":" in name:
            raise invalid(field, f"{text[:100]!r}: an IPv6 address cannot be given here.", "Give its name.")
        found.append(f"{name}:{number}")
    return tuple(dict.fromkeys(found))


def _names(raw: Any, field: str) -> tuple[str, ...]:
    found: list[str] = []
    for text in _list(raw, field):
        name = str(canonicalize_name(text))
        if not text.isascii() or not _PATTERN.fullmatch(name):
            raise invalid(field, f"{text[:100]!r} is no name of a package.",
                          "Write it like numpy or scikit-*; versions go into pins.")  # fmt: skip
        found.append(name)
    return tuple(dict.fromkeys(found))


def _pins(raw: Any, field: str) -> tuple[str, ...]:
    found: list[str] = []
    for text in _requirements(raw, field):
        try:
            one = Requirement(text)
        except InvalidRequirement as error:
            raise invalid(field, f"{text[:100]!r} is no requirement.", "Write it like numpy<2.") from error
        name = normalised(one.name)
        if not name or one.url or one.marker or one.extras or not one.specifier:
            raise invalid(field, f"{text[:100]!r} is no name with versions.", "Write it like numpy<2.")
        found.append(f"{name}{one.specifier}")
    return tuple(dict.fromkeys(found))


def _licences(raw: Any, field: str) -> tuple[str, ...]:
    """Return licences of a list, or of text with commas: `GPL-2.0-only WITH …` is one."""
    if isinstance(raw, str):
        raw = raw.split(",") if raw.strip() != "none" else []
    found: list[str] = []
    for text in _list(raw, field):
        name = canonical(text)
        if not name or any(one in {"AND", "OR", "("} for one in re.split(r"\s|(?<=\()", name)):
            raise invalid(field, f"{text[:100]!r} is no licence of the SPDX list.",
                          "Write it like MIT or BSD-3-Clause: https://spdx.org/licenses.")  # fmt: skip
        found.append(name)
    return tuple(dict.fromkeys(found))


def _requirements(raw: Any, field: str) -> list[str]:
    """Return requirements of a list, or of text: a comma between two versions divides none.

    >>> _requirements("numpy>=1.26,<2, pandas==2.2.*", "pins")
    ['numpy>=1.26,<2', 'pandas==2.2.*']
    """
    if isinstance(raw, str):
        raw = re.split(r",(?=\s*[A-Za-z0-9])|\n", raw) if raw.strip() != "none" else []
    return _list(raw, field)


def _list(raw: Any, field: str) -> list[str]:
    if isinstance(raw, str):
        raw = re.split(r"[,\s]+", raw) if raw.strip() != "none" else []
    if not isinstance(raw, list | tuple):
        raise invalid(field, f"{str(raw)[:100]!r} is not a list.", "Write it like [a, b], or as text: a,b.")
    return [text for text in (_text(one, field) for one in cast("list[Any]", raw)) if text]


def _text(raw: Any, field: str) -> str:
    if not isinstance(raw, str) or len(raw) > _MOST:
        raise invalid(field, f"{str(raw)[:100]!r} is not text.")
    return raw.strip()


def _flag(raw: Any, field: str) -> bool:
    if not isinstance(raw, bool):
        raise invalid(field, f"{str(raw)[:100]!r} is neither true nor false.")
    return raw


def _age_s(raw: Any, field: str) -> int:
    if raw in {0, "0", "none"} and not isinstance(raw, bool):
        return 0
    if isinstance(raw, bool) or not isinstance(raw, str | int | float):
        raise invalid(field, f"{str(raw)[:100]!r} is not a duration.", "Write it like 7d.")
    return parse_duration_s(raw, field)


_READERS: Mapping[str, tuple[str, Callable[[Any, str], Any]]] = {
    "index": ("index", _index),
    "file_hosts": ("file_hosts", _file_hosts),
    "allow": ("allow", _names),
    "deny": ("deny", _names),
    "pins": ("pins", _pins),
    "min_age": ("min_age_s", _age_s),
    "min_age_s": ("min_age_s", _age_s),
    "require_hash": ("require_hash", _flag),
    "no_vulnerable": ("no_vulnerable", _flag),
    "only_approved": ("only_approved", _flag),
    "licences": ("licences", _licences),
}
