"""What policies decide, as sentences for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbkeep.model.gates import Decision, Found, Gate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .values import Because, Judgement

GATE_WORDS = {
    Gate.SAVE: "Saving",
    Gate.DOWNLOAD: "Download",
    Gate.EXPORT: "Export",
    Gate.SHARE: "Sharing",
    Gate.PUBLISH: "Publishing",
    Gate.UPLOAD: "Uploading",
    Gate.PUSH: "Pushing commits",
}
FOUND_WORDS = {
    Found.SECRET: "secrets",
    Found.PERSONAL: "personal data",
    Found.UNREAD: "parts that could not be read",
    Found.NOTHING: "nothing was found",
}
_ONE = {
    Found.SECRET: "1 secret",
    Found.PERSONAL: "1 piece of personal data",
    Found.UNREAD: "1 part that could not be read",
}
_MANY = {
    Found.SECRET: "secrets",
    Found.PERSONAL: "pieces of personal data",
    Found.UNREAD: "parts that could not be read",
}
_DECIDED = {
    Decision.ALLOW: "is allowed",
    Decision.REDACT: "is allowed once it is redacted",
    Decision.REVIEW: "needs a review",
    Decision.DENY: "is denied",
}
_FORMS = {
    "ipynb": "as a notebook",
    "html": "as HTML",
    "pdf": "as PDF",
    "script": "as a script",
    "slides": "as slides",
    "original": "of the original",
}


def sentence(
    judgement: Judgement, gate: Gate, *, form: str = "", counts: Mapping[Found, int] | None = None
) -> str:
    """Return a judgement as a sentence: what happens, why, and by whose rule.

    `form`: of `model.gates.FORMATS`. `counts`: how many of each were found; left out, none is told.

    >>> from nbkeep.guard.values import Because, Judgement
    >>> secret = Because(Found.SECRET, Decision.REVIEW, "class:pii")
    >>> sentence(Judgement(Decision.REVIEW, (secret,)), Gate.EXPORT, form="html", counts={Found.SECRET: 2})
    'Export as HTML needs a review: 2 secrets (rule of the class pii).'
    """
    what = f"{GATE_WORDS[gate]} {_FORMS.get(form, '')}".rstrip()
    said = f"{what} {_DECIDED[judgement.decision]}: "
    counts = counts or {}
    if not judgement.because:
        return f"{said}no scan has said what is in it."
    decides = [one for one in judgement.because if one.decision is judgement.decision]
    beside = [one for one in judgement.because if one.decision is not judgement.decision]
    said += ", ".join(f"{_found(one.found, counts)} ({scope_words(one.scope)})" for one in decides)
    return f"{said}; also found: {_listed(beside, counts)}." if beside else f"{said}."


def scope_words(scope: str) -> str:
    """Return whose rule it is.

    >>> scope_words("class:pii"), scope_words("everywhere"), scope_words("default")
    ('rule of the class pii', 'rule for everything', 'default')
    """
    kind, _, name = scope.partition(":")
    match f"{kind}:" if name else kind:
        case "everywhere":
            return "rule for everything"
        case "default":
            return "default"
        case "profile:" | "project:" | "class:":
            return f"rule of the {kind} {name}"
        case "downloads:":
            return f"downloads of the profile {name}"
        case _:
            return f"rule of {scope}"


def _found(found: Found, counts: Mapping[Found, int]) -> str:
    count = counts.get(found, 0)
    if found is Found.NOTHING or count <= 0:
        return FOUND_WORDS[found]
    return _ONE[found] if count == 1 else f"{count:,} {_MANY[found]}"


def _listed(because: Iterable[Because], counts: Mapping[Found, int]) -> str:
    return ", ".join(_found(one.found, counts) for one in because)
