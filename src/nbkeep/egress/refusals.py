"""What a program in a session is told when the gateway does not do what it asks. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

if TYPE_CHECKING:
    from .values import Decision

_HOW_TO_ASK = (
    "Ask an admin to allow it for your profile: `nbkeep profile set PROFILE --egress-allowlist +{host}`. "
    "Your running session may reach it a second later."
)
_HOW_TO_ASK_FOR_A_GRANT = (
    "Ask for it: `nbkeep grant request {target} --session {session} --reason '…' --for 2h`{page}. "
    "Once it is granted, your running session may reach it a second later."
)
_HOW_TO_ASK_FOR_A_REQUEST = (
    "Ask an admin to allow such requests for your profile: "
    "`nbkeep profile set PROFILE --egress-allowlist '+{method}@{place}/PATH'`. "
    "Your running session may send them a second later."
)
_HOW_TO_BE_ALLOWED = (
    "Other requests to {host} may be allowed. Ask an admin, who can change the rule: it is in {source}."
)
_HOW_TO_BE_CLEAR = (
    "Send it as HTTP/1.1 to the host's name, with its method and path in their plain form: "
    "no codes for letters that need none, no `..`, `//` or `;`."
)
_ANOTHER_SESSION = (
    "This session has read data of a class for which an admin leaves only some hosts open. "
    "Start another session for work that needs this one."
)
_NAMES = {400: "Bad Request", 403: "Blocked", 404: "Not There", 405: "Not Allowed", 408: "Too Slow",
          413: "Too Large", 416: "No Such Part", 502: "Bad Gateway",
          503: "Unavailable", 504: "Gateway Timeout"}  # fmt: skip
_LONGEST_REASON = 160
_WEB_PORTS = frozenset({80, 443})  # what a rule without ports means


@dataclass(eq=False)
class Refusal(Exception):
    """`status`: as in HTTP (403: the rules say no; 400: not understood; 502, 503, 504: it failed)."""

    status: int
    code: str
    reason: str
    remedy: str = ""
    host: str = ""
    port: int = 0
    rule_id: str = ""
    rule_source: str = ""
    is_answer: bool = False  # it was allowed, and is what came of it

    def http(self, *, as_json: bool = False) -> bytes:
        """Return the whole answer; the reason is in its first line too, as some programs show only that."""
        said = _one_line(self.reason)
        if as_json:
            body = json.dumps({"error": {**self._fields(), "message": self._message()}}) + "\n"
        else:
            rule = f"Rule: {self.rule_id} ({self.rule_source})\n" if self.rule_id else ""
            remedy = f"What you can do: {self.remedy}\n" if self.remedy else ""
            body = f"{self._message()}\n{rule}{remedy}"
        data = body.encode()
        kind = "application/json" if as_json else "text/plain; charset=utf-8"
        head = (
            f"HTTP/1.1 {self.status} {_NAMES[self.status]} by nbkeep: {said}\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {len(data)}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
        )
        return head.encode("ascii") + data

    def _message(self) -> str:
        return f"nbkeep: {_one_line(self.reason, 400)}."

    def _fields(self) -> dict[str, object]:
        return {
            "code": self.code,
            "host": _one_line(self.host, 260),
            "port": self.port,
            "reason": _one_line(self.reason, 400),
            "rule": self.rule_id,
            "rule_source": self.rule_source,
            "remedy": self.remedy,
        }


def blocked(
    decision: Decision, host: str, port: int, session_id: str = "", ask_at: str = "", *, method: str = ""
) -> Refusal:
    """Return what a refusal of the rules is told as; `ask_at`: the page on which its user may ask.

    `method`: of the request, if it is one that is refused and not its host.
    """
    rule, host_said = decision.rule, _one_line(host, 260)
    may_ask = rule is not None and rule.effect == "ask"
    if decision.is_unclear:
        how = _HOW_TO_BE_CLEAR
    elif decision.is_left_out:
        how = _ANOTHER_SESSION
    elif may_ask:
        how = how_to_ask(host, port, session_id, ask_at)
    elif method and rule is not None:
        how = _HOW_TO_BE_ALLOWED.format(host=host_said, source=rule.source)
    elif method:
        place = host_said if port in _WEB_PORTS else f"{host_said}:{port}"
        how = _HOW_TO_ASK_FOR_A_REQUEST.format(method=_one_line(method, 20), place=place)
    else:
        how = _HOW_TO_ASK.format(host=host_said)
    code = "egress-unclear" if decision.is_unclear else "egress-ask" if may_ask else "egress-blocked"
    return Refusal(
        403, code, decision.reason, how, host, port,
        rule.id if rule else "", rule.source if rule else "",
    )  # fmt: skip


def how_to_ask(host: str, port: int, session_id: str, ask_at: str) -> str:
    """Return the command and the page by which one asks for a host that is on an ask-list."""
    host = _one_line(host, 260)
    target = f"{f'[{host}]' if ':' in host else host}:{port}"
    query = urlencode({"session": session_id, "host": target})
    page = f", or on {ask_at}?{query}" if ask_at else ""
    return _HOW_TO_ASK_FOR_A_GRANT.format(target=target, session=session_id or "ID", page=page)


def malformed(reason: str, remedy: str = "") -> Refusal:
    """Return the refusal of what is no request that a proxy serves."""
    return Refusal(400, "egress-malformed", reason, remedy)


def _one_line(text: str, most: int = _LONGEST_REASON) -> str:
    """Return it in printable ASCII: it holds what a program wrote, and goes into a header."""
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text[:most])
