"""What becomes of a request to a host: by rules, or by grants where the host is a dataset's name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.data.records import live_readers
from nbkeep.data.rules import access_to
from nbkeep.data.values import SUFFIX, Reader
from nbkeep.egress import explain
from nbkeep.egress.values import Decision
from nbkeep.grants.records import live_datasets

if TYPE_CHECKING:
    from datetime import datetime

    from nbkeep.egress.values import Policy
    from nbkeep.store.database import Tx

_HTTP = 80


def explain_host(
    tx: Tx, now: datetime, policy: Policy, target: str, method: str = "", path: str = ""
) -> explain.Explanation:
    """Return what would happen; see `egress.explain.explain`, also for what is refused.

    A name below `.data.nbkeep` is no host: who may read the dataset decides, and no rule is about it. Of a
    profile's policy (without a session) only whether there is one is told.
    """
    found = explain.explain(policy, target, method, path)
    name = found.host.removesuffix(SUFFIX)
    if name == found.host:
        return found
    decision, note = _of_dataset(tx, now, policy.session_id, name)
    return explain.Explanation(found.host, _HTTP, decision, note, found.request)


def _of_dataset(tx: Tx, now: datetime, session_id: str, name: str) -> tuple[Decision, str]:
    told = live_readers(tx, live_datasets(tx, now))
    source = next((one for one in told.sources if one.name == name), None)
    if source is None:
        return Decision(
            False, None, f"there is no dataset {name}"
        ), "`nbkeep dataset list` says which there are."
    if not session_id:
        reason = f"it is the dataset {name}, which no rule is about"
        return Decision(True, None, reason), f"`nbkeep dataset show {name}` says who may read it."
    access = access_to(source, told.readers.get(session_id, Reader("")), now)
    reason = f"it is the dataset {name}, and all of it is granted" if access.level == "whole" else access.why
    return Decision(access.level != "none", None, reason), access.remedy
