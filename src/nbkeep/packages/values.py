"""The policy of a package index, and what an index says of its files, as values and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from datetime import datetime

    from packaging.version import Version

PYPI = "https://pypi.org/simple"
_PYPI_FILES = "files.pythonhosted.org"
_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True)
class PackagePolicy:
    """What sessions of a profile may fetch from one index. Made by `parse`, in normal forms.

    `allow`, `deny`: names of projects, or patterns with `*`; an empty `allow` means all that are not denied.
    `pins`: requirements such as `numpy<2`. `min_age_s`: how long a file must have been on the index.
    `licences`: SPDX identifiers, of which a package's metadata has to name one; empty means any.
    `file_hosts`: `host:port` beside the index's own, from which its files come.
    """

    index: str = PYPI
    file_hosts: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    pins: tuple[str, ...] = ()
    min_age_s: int = 0
    require_hash: bool = False
    no_vulnerable: bool = False
    only_approved: bool = False
    licences: tuple[str, ...] = ()

    @property
    def index_host(self) -> tuple[str, int]:
        """Host and port of the index."""
        parts = urlsplit(self.index)
        return parts.hostname or "", parts.port or _PORTS[parts.scheme]

    @property
    def prefix(self) -> str:
        """The path below which the index has a page for each project; ends with a slash."""
        return urlsplit(self.index).path.rstrip("/") + "/"

    @property
    def hosts(self) -> tuple[tuple[str, int], ...]:
        """All hosts and ports that belong to the index."""
        named = tuple(_host_and_port(one) for one in self.file_hosts)
        extra = ((_PYPI_FILES, 443),) if self.index == PYPI else ()
        return tuple(dict.fromkeys((self.index_host, *extra, *named)))

    @property
    def rules(self) -> tuple[str, ...]:
        """Rules, as admins write them, by which the hosts of the index are reached."""
        return tuple(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts)

    @property
    def needs_facts(self) -> bool:
        """Whether advisories or approvals take part in the decision."""
        return self.no_vulnerable or self.only_approved

    def as_json(self) -> dict[str, Any]:
        """Return it as `policy_from_json` takes it."""
        return {key: list(cast("tuple[str, ...]", one)) if isinstance(one, tuple) else one
                for key, one in asdict(self).items()}  # fmt: skip


@dataclass(frozen=True)
class InForce:
    """A policy as a gateway has it. `source`: for people; `facts`: changes with advisories and approvals."""

    policy: PackagePolicy
    source: str
    facts: str = ""

    def text(self) -> str:
        """Return it as `in_force` takes it."""
        told = {"policy": self.policy.as_json(), "source": self.source, "facts": self.facts}
        return json.dumps(told, sort_keys=True)


@dataclass(frozen=True)
class IndexFile:
    """What an index says of one file. `url`: absolute; `sha256`: "" where the index has none.

    `place`: what `pages.place_of` makes of the address.
    """

    name: str
    version: Version
    filename: str
    url: str
    place: str
    sha256: str = ""
    uploaded_at: datetime | None = None
    yanked: str | bool = False
    requires_python: str = ""
    size: int | None = None
    metadata_sha256: str = ""
    has_metadata: bool = False


@dataclass(frozen=True)
class Facts:
    """What this platform knows of one project: advisories (see `advisories`), and approved versions.

    `is_loaded`: whether there are advisories of anything; without them nothing is known not to be vulnerable.
    """

    advisories: tuple[dict[str, Any], ...] = ()
    approved: frozenset[str] = frozenset()
    is_loaded: bool = True


NO_FACTS = Facts()


def policy_from_json(data: object) -> PackagePolicy:
    """Return the policy; raises ValueError for what `as_json` does not make.

    What is missing is at its default: an older release did not know it.
    """
    names = {field.name: field.default for field in fields(PackagePolicy)}
    if not isinstance(data, dict) or set(cast("dict[str, Any]", data)) - set(names):
        raise ValueError(f"a package policy has no fields but {', '.join(sorted(names))}")
    values: dict[str, Any] = {}
    for name, value in cast("dict[str, Any]", data).items():
        default = names[name]
        if isinstance(default, tuple):
            if not isinstance(value, list) or not all(
                isinstance(one, str) for one in cast("list[Any]", value)
            ):
                raise ValueError(f"{name} is no list of texts")
            values[name] = tuple(cast("list[str]", value))
        elif type(value) is not type(default):
            raise ValueError(f"{name} is of the wrong type")
        else:
            values[name] = value
    return PackagePolicy(**values)


def in_force_of(profile: str, policy: PackagePolicy, facts: str) -> InForce:
    """Return the policy of a profile as its gateways have it."""
    return InForce(policy, f"package policy of profile {profile}", facts if policy.needs_facts else "")


@lru_cache(maxsize=512)
def in_force(text: str) -> InForce:
    """Return what a gateway was told; raises ValueError."""
    try:
        told = cast("dict[str, Any]", json.loads(text))
        return InForce(policy_from_json(told["policy"]), str(told["source"]), str(told["facts"]))
    except (KeyError, TypeError) as error:
        raise ValueError("not a package policy") from error


def _host_and_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


def index_variables(policy: dict[str, Any] | None) -> dict[str, str]:
    """Return the environment by which pip and uv ask the index of a policy (its JSON), if it is not PyPI.

    Sessions have it from their start. pip looks for no newer pip: that may be refused, and is on record.
    """
    if not policy:
        return {}
    index = policy_from_json(policy).index
    there = {} if index == PYPI else {"PIP_INDEX_URL": index, "UV_DEFAULT_INDEX": index}
    return {"PIP_DISABLE_PIP_VERSION_CHECK": "1", **there}
