"""What kernels and terminals hold in place of the secrets that their session is leased."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.model.placeholder import placeholder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .values import Leased


def placeholders_of(leases: Iterable[tuple[Leased, str]]) -> dict[str, str]:
    """Return {environment variable: text}; of several for one variable the first, which is the closest.

    Programs that sign requests to AWS insist on keys to sign with, and on a region.
    """
    found: dict[str, str] = {}
    for lease, env in leases:
        said = placeholder(lease.name)
        if env:
            found.setdefault(env, said)
        if lease.binding.kind == "sigv4" and "AWS_ACCESS_KEY_ID" not in found:
            region = lease.binding.place
            found |= {"AWS_ACCESS_KEY_ID": said, "AWS_SECRET_ACCESS_KEY": said, "AWS_REGION": region,
                      "AWS_DEFAULT_REGION": region, "AWS_EC2_METADATA_DISABLED": "true"}  # fmt: skip
    return found
