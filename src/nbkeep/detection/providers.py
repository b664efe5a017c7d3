"""Who can say whether a key works: one documented question for each, which reads who the key is and no more.

Pure: a question out, an answer's verdict in. Nothing here knows a key of anybody; a provider that is asked
learns only a key of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from nbkeep.model.jsontypes import is_object

if TYPE_CHECKING:
    from collections.abc import Callable

_OK, _UNAUTHORISED = 200, 401


class Alive(StrEnum):
    """What came of asking. `UNKNOWN`: no answer, or none that says it; then it is to be taken for live."""

    LIVE = "live"
    DEAD = "dead"
    UNKNOWN = "unknown"


def by_status(status: int, _told: Any) -> Alive:
    """Return what a status says: 200 live, 401 dead; anything else, such as a limit or a fault, nothing."""
    return {_OK: Alive.LIVE, _UNAUTHORISED: Alive.DEAD}.get(status, Alive.UNKNOWN)


def by_slack(status: int, told: Any) -> Alive:
    """Return what Slack says, which answers 200 to everything.

    >>> by_slack(200, {"ok": True}), by_slack(200, {"ok": False, "error": "ratelimited"})
    (<Alive.LIVE: 'live'>, <Alive.UNKNOWN: 'unknown'>)
    """
    if status != _OK or not is_object(told):
        return Alive.UNKNOWN
    if told.get("ok") is True:
        return Alive.LIVE
    is_dead = told.get("error") in {"invalid_auth", "token_revoked", "token_expired", "account_inactive"}
    return Alive.DEAD if is_dead else Alive.UNKNOWN


def by_openai(status: int, told: Any) -> Alive:
    """Return what OpenAI says, which answers 401 also where a key that works may not do this.

    >>> by_openai(401, {"error": {"code": "invalid_api_key"}}), by_openai(401, {"error": {"code": None}})
    (<Alive.DEAD: 'dead'>, <Alive.UNKNOWN: 'unknown'>)
    """
    if status != _UNAUTHORISED:
        return by_status(status, told)
    error: Any = told.get("error") if is_object(told) else None
    code: Any = error.get("code") if is_object(error) else None
    return Alive.DEAD if code == "invalid_api_key" else Alive.UNKNOWN


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider. `rules`: whose values it is asked about; `header`: the value stands for {}.

    `answers_for`: the values, whole, that its answer says something about. A rule finds others, too: of
    kinds that this question refuses though they work, and of other vendors. These are sent to nobody.
    `source`: where its documentation describes the question.
    """

    name: str
    title: str
    rules: frozenset[str]
    answers_for: str
    url: str
    source: str
    method: str = "GET"
    header: tuple[str, str] = ("Authorization", "Bearer {}")
    verdict: Callable[[int, Any], Alive] = by_status

    def is_asked_about(self, value: str) -> bool:
        """Tell whether a value that one of its rules found is one that it can say something about."""
        return re.fullmatch(self.answers_for, value, re.ASCII) is not None


PROVIDERS = {
    one.name: one
    for one in (
        Provider("github", "GitHub", frozenset({"github-token", "github-fine-grained-token"}),
                 r"gh[pou]_\w{36,251}|github_pat_\w{82}",
                 "https://api.github.com/user",
                 "https://docs.github.com/en/rest/users/users#get-the-authenticated-user"),
        Provider("gitlab", "GitLab (gitlab.com)", frozenset({"gitlab-token"}),
                 r"glpat-[\w.-]{20,320}",
                 "https://gitlab.com/api/v4/personal_access_tokens/self",
                 "https://docs.gitlab.com/api/personal_access_tokens/", header=("PRIVATE-TOKEN", "{}")),
        Provider("slack", "Slack", frozenset({"slack-token"}), r"(?:xoxe\.)?xox[bp]-[0-9A-Za-z-]{20,250}",
                 "https://slack.com/api/auth.test",
                 "https://docs.slack.dev/reference/methods/auth.test", method="POST", verdict=by_slack),
        # Others call theirs sk_live_, too: Stripe's have 24 characters, or begin with 51.
        Provider("stripe", "Stripe", frozenset({"stripe-key"}),
                 r"[rs]k_(?:live|test)_(?:[A-Za-z0-9]{24}|51[A-Za-z0-9]{80,118})",
                 "https://api.stripe.com/v1/account",
                 "https://docs.stripe.com/api/accounts/retrieve"),
        Provider("sendgrid", "SendGrid", frozenset({"sendgrid-key"}),
                 r"SG\.[\w-]{22}\.[\w-]{43}", "https://api.sendgrid.com/v3/scopes",
                 "https://www.twilio.com/docs/sendgrid/api-reference/api-key-permissions"),
        # Many vendors' keys begin with sk-; keys of administrators (sk-admin-) list no models.
        Provider("openai", "OpenAI", frozenset({"openai-key"}),
                 r"sk-(?:proj|svcacct)-[\w-]{20,200}|sk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}",
                 "https://api.openai.com/v1/models",
                 "https://platform.openai.com/docs/api-reference/models/list", verdict=by_openai),
        Provider("huggingface", "Hugging Face", frozenset({"huggingface-token"}), r"hf_[A-Za-z0-9]{34,40}",
                 "https://huggingface.co/api/whoami-v2", "https://huggingface.co/docs/hub/api"),
    )
}  # fmt: skip
