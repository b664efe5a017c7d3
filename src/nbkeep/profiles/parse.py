"""From what people write (JSON, YAML, command line) to values, and back.

Requests may say `idle_stop: "15min"` or `idle_stop_s: 900`, `memory: "8GiB"` or `memory_bytes`, `cpu: 2` or
`cpu_millis`, `price_per_hour: "0.10"` or `price_per_hour_micros`. An unknown field is refused, not ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, fields, replace
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar, cast

from nbkeep.egress.lists import edited, rules_of
from nbkeep.model.errors import Refused, invalid
from nbkeep.model.units import parse_duration_s, parse_size_bytes
from nbkeep.packages.parse import policy_from

from .quarantine import settled
from .values import Flavor, Profile

_Value = TypeVar("_Value", Flavor, Profile)
_Reader = Callable[[Any, str], Any]
_MAX_INT = 1 << 62
PLATFORM = "platform"  # as the settings have it


def _whole(value: Any, field: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _MAX_INT:
        raise invalid(field, f"{value!r} is not a whole number.")
    return value


def _text(value: Any, field: str) -> str:
    if not isinstance(value, str):
        raise invalid(field, f"{value!r} is not text.")
    return value.strip()


def _flag(value: Any, field: str) -> bool:
    if not isinstance(value, bool):
        raise invalid(field, f"{value!r} is neither true nor false.")
    return value


def _duration_s(value: Any, field: str) -> int:
    return parse_duration_s(_plain(value, field), field)


def _duration_or_zero_s(value: Any, field: str) -> int:
    return 0 if str(_plain(value, field)).strip() in {"0", "none", "0s"} else parse_duration_s(value, field)


def _own_or_platform(value: Any, field: str) -> str:
    return "" if value is None or _text(value, field) == PLATFORM else _text(value, field)


def _frozen_s(value: Any, field: str) -> int | None:
    is_own = value is not None and str(value).strip() not in {"", PLATFORM}
    return _duration_or_zero_s(value, field) if is_own else None


def _size_bytes(value: Any, field: str) -> int:
    return parse_size_bytes(_plain(value, field), field)


def _size_or_none_bytes(value: Any, field: str) -> int:
    return 0 if str(_plain(value, field)).strip() in {"", "0", "none"} else parse_size_bytes(value, field)


def _plain(value: Any, field: str) -> str | float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise invalid(field, f"{value!r} is neither text nor a number.")
    return value


def _thousandths(value: Any, field: str) -> int:
    return _scaled(value, field, 1000)


def _micros(value: Any, field: str) -> int:
    return _scaled(value, field, 1_000_000)


def _scaled(value: Any, field: str, factor: int) -> int:
    try:
        number = Decimal(str(_plain(value, field))) * factor
    except InvalidOperation as error:
        raise invalid(field, f"{value!r} is not a number.", "Write it like 2 or 0.5.") from error
    if not number.is_finite() or abs(number) > _MAX_INT or number != number.to_integral_value():
        raise invalid(
            field, f"{value!r} is out of range or too fine.", f"At most {len(str(factor)) - 1} decimals."
        )
    return int(number)


def _roles(value: Any, field: str) -> tuple[str, ...]:
    return tuple(sorted(_texts(value, field)))


def _modules(value: Any, field: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_texts([] if value == "none" else value, field)))


def _texts(value: Any, field: str) -> list[str]:
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, list | tuple):
        raise invalid(field, f"{value!r} is not a list.", "Write it like [a, b], or as text: a,b.")
    return [_text(one, field) for one in cast("list[Any]", value)]


# What a request may say → (the field of the value, how it is read).
_FLAVOR_FIELDS: dict[str, tuple[str, _Reader]] = {
    "name": ("name", _text),
    "cpu": ("cpu_millis", _thousandths),
    "cpu_millis": ("cpu_millis", _whole),
    "memory": ("memory_bytes", _size_bytes),
    "memory_bytes": ("memory_bytes", _size_bytes),
    "gpu_type": ("gpu_type", _text),
    "gpu_count": ("gpu_count", _whole),
    "price_per_hour": ("price_per_hour_micros", _micros),
    "price_per_hour_micros": ("price_per_hour_micros", _whole),
    "needs_approval": ("needs_approval", _flag),
}
_PROFILE_FIELDS: dict[str, tuple[str, _Reader]] = {
    "name": ("name", _text),
    "display_name": ("display_name", _text),
    "description": ("description", _text),
    "image": ("image", _text),
    "flavor": ("flavor", _text),
    "idle_stop": ("idle_stop_s", _duration_s),
    "idle_stop_s": ("idle_stop_s", _duration_s),
    "max_session": ("max_session_s", _duration_s),
    "max_session_s": ("max_session_s", _duration_s),
    "max_extension": ("max_extension_s", _duration_or_zero_s),
    "max_extension_s": ("max_extension_s", _duration_or_zero_s),
    "network": ("network", _text),
    "classification": ("classification", _text),
    "record_code": ("record_code", _flag),
    "preimport": ("preimport", _modules),
    "roles": ("roles", _roles),
    "enabled": ("enabled", _flag),
    "keep_state": ("keep_state", _flag),
    "state_limit": ("state_max_bytes", _size_bytes),
    "state_max_bytes": ("state_max_bytes", _size_bytes),
    "state_retention": ("state_retention_s", _duration_s),
    "state_retention_s": ("state_retention_s", _duration_s),
    "state_key": ("state_key", _own_or_platform),
    "frozen": ("frozen_s", _frozen_s),
    "frozen_s": ("frozen_s", _frozen_s),
    "egress_allowlist": ("egress_allowlist", rules_of),
    "egress_denylist": ("egress_denylist", rules_of),
    "egress_volume": ("egress_volume_bytes", _size_or_none_bytes),
    "egress_volume_bytes": ("egress_volume_bytes", _size_or_none_bytes),
    "egress_asklist": ("egress_asklist", rules_of),
    "public_internet": ("public_internet", _flag),
    "project_hosts": ("project_hosts", _flag),
    "egress_dry_run": ("egress_dry_run", _flag),
    "downloads": ("downloads", _text),
    "quarantine": ("quarantine", _flag),
    "packages": ("packages", lambda value, _field: policy_from(value)),
}


def flavor_from(wanted: Mapping[str, Any], base: Flavor | None = None) -> Flavor:
    """Return the flavor that a request describes, on top of `base` if it changes one, or raise `Refused`."""
    return _build(Flavor, _FLAVOR_FIELDS, wanted, base)


def profile_from(wanted: Mapping[str, Any], base: Profile | None = None) -> Profile:
    """Return the profile that a request describes, on top of `base` if it changes one, or raise `Refused`."""
    if base is None and "display_name" not in wanted:
        wanted = {**wanted, "display_name": wanted.get("name", "")}
    if base is not None:
        wanted = {field: _edited(field, raw, base) for field, raw in wanted.items()}
    return settled(_build(Profile, _PROFILE_FIELDS, wanted, base), base, wanted.keys())


def _edited(field: str, raw: Any, base: Profile) -> Any:
    """Return a list of rules after `+host` was added to it or `-host` taken away; anything else as it is.

    Fields of a package policy that are not given stay as they are.
    """
    if field == "packages":
        changed = policy_from(raw, base.packages)
        return changed.as_json() if changed is not None else None
    if field in {"egress_allowlist", "egress_denylist", "egress_asklist"}:
        return edited(raw, field, getattr(base, field))
    return raw


def plain(value: Flavor | Profile) -> dict[str, Any]:
    """Return the value as JSON-able fields with units in their names; the functions above read it back."""
    said = {
        key: list(cast("tuple[str, ...]", item)) if isinstance(item, tuple) else item
        for key, item in asdict(value).items()
    }
    if isinstance(value, Profile) and value.packages is not None:
        said["packages"] = value.packages.as_json()
    return said


def _build(
    kind: type[_Value],
    table: Mapping[str, tuple[str, _Reader]],
    wanted: Mapping[str, Any],
    base: _Value | None,
) -> _Value:
    values: dict[str, Any] = {}
    for field, raw in wanted.items():
        if field not in table:
            raise invalid("field", f"There is no field {field!r}.", f"Fields: {', '.join(table)}.")
        target, read = table[field]
        value = read(raw, field)
        if values.get(target, value) != value:
            raise invalid(field, f"{field} is given twice, with different values.")
        values[target] = value
    if base is not None:
        if values.get("name", base.name) != base.name:
            raise Refused(
                "name-is-fixed",
                "A name cannot be changed.",
                "Make a new one and delete the old one.",
                status=400,
            )
        return replace(base, **values)
    missing = [f.name for f in fields(kind) if f.name not in values and f.name in _REQUIRED[kind.__name__]]
    if missing:
        raise invalid(
            missing[0].removesuffix("_millis").removesuffix("_bytes"),
            f"{missing[0]} is missing.",
            f"Needed: {', '.join(_REQUIRED[kind.__name__])}.",
        )
    return kind(**values)


_REQUIRED = {"Flavor": ("name", "cpu_millis", "memory_bytes"), "Profile": ("name", "image", "flavor")}
