"""What a session missed lately and its user may ask for: JupyterLab shows it, with the way to ask."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from sqlalchemy import func, select

from nbkeep.egress.asking import covering
from nbkeep.egress.parse import parse_rule
from nbkeep.egress.rules import Compiled
from nbkeep.grants.records import open_rules_of
from nbkeep.store.network_tables import ConnectionRow

from .policies import policy_of_row

if TYPE_CHECKING:
    from datetime import datetime

    from nbkeep.settings import Settings
    from nbkeep.store.database import Tx
    from nbkeep.store.tables import SessionRow

_LATELY = timedelta(hours=1)
_MOST = 5


def askable(tx: Tx, settings: Settings, row: SessionRow, now: datetime) -> list[dict[str, Any]]:
    """Return the hosts that were refused in the last hour and that a grant would open now, newest first.

    `asked`: a request for it waits for a decision. `url`: the page to ask on. Nothing in quarantine.
    """
    if row.quarantine:
        return []
    query = (
        select(ConnectionRow.host, ConnectionRow.port)
        .where(
            ConnectionRow.session_id == row.id,
            ConnectionRow.at > now - _LATELY,
            ConnectionRow.allowed.is_(False),
            ConnectionRow.rule_id.startswith("ask "),
            ConnectionRow.port > 0,  # code writes ports, too; this one nobody can ask for
        )
        .group_by(ConnectionRow.host, ConnectionRow.port)
        .order_by(func.max(ConnectionRow.at).desc(), ConnectionRow.host, ConnectionRow.port)
        .limit(_MOST)
    )
    refused = [(host, port) for host, port in tx.execute(query)]
    if not refused:
        return []
    policy = policy_of_row(tx, settings, row, now)
    compiled = Compiled(policy)
    waiting = open_rules_of(tx, row.user_id, row.profile_name)
    found: list[dict[str, Any]] = []
    for host, port in refused:
        decision = compiled.decide_whole(host, port)
        if decision.allowed or decision.rule is None or decision.rule.effect != "ask":
            continue  # the profile has changed, or it was granted
        target = f"{f'[{host}]' if ':' in host else host}:{port}"
        wanted = parse_rule(target, effect="allow", source="")
        url = f"{policy.ask_at}?{urlencode({'session': row.id, 'host': target})}"
        found.append({"host": target, "asked": covering(waiting, wanted) is not None, "url": url})
    return found
