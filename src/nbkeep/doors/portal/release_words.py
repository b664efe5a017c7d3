"""Releases in words, for pages: what stands where, what was found in which cell, what was decided and why."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from nbkeep.guard.values import Because, Judgement
from nbkeep.guard.words import FOUND_WORDS, scope_words, sentence
from nbkeep.model.gates import Decision, Found, Gate
from nbkeep.releases.values import IN_WORK, State
from nbkeep.scanning.values import SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

GATES = (
    ("download", "Download", "The file, for yourself, on your own computer."),
    ("export", "Export", "For yourself, in another form, such as HTML or PDF."),
    ("share", "Share", "The people and projects that you name see it in the portal, for a while."),
    ("publish", "Publish", "It stands in the gallery, for everybody who is signed in."),
)
FORMS = (
    ("", "What suits it"),
    ("original", "The file as it is"),
    ("html", "Page (HTML)"),
    ("pdf", "PDF"),
    ("ipynb", "Notebook, made anew"),
    ("script", "Script: its code alone"),
    ("slides", "Slides (HTML)"),
)
FORM_WORDS = {"original": "as it is", "html": "as a page", "pdf": "as PDF", "ipynb": "as a notebook",
              "script": "as a script", "slides": "as slides"}  # fmt: skip
KEEPS = (
    ("code", "Code"),
    ("outputs", "Outputs"),
    ("markdown", "Texts between the code"),
    ("attachments", "Pictures attached to texts"),
    ("raw_cells", "Raw cells"),
    ("hidden_cells", "Hidden cells: folded ones, and those with tags that take them out"),
    ("tags", "Tags of cells"),
)
STATES = {
    State.COPYING: ("Being copied", "info"),
    State.EXAMINING: ("Being examined", "info"),
    State.WAITING: ("Waits for a reviewer", "warn"),
    State.READY: ("Ready to take", "good"),
    State.RELEASED: ("Taken", "good"),
    State.DENIED: ("Denied", "bad"),
    State.SENT_BACK: ("Sent back", "warn"),
    State.WITHDRAWN: ("Withdrawn", ""),
    State.LAPSED: ("Lapsed", ""),
    State.FAILED: ("Failed", "bad"),
}
_RELEASED = {"share": "Shared", "publish": "Published"}
_SEVERITIES = {"critical": "bad", "high": "bad", "medium": "warn", "low": "info"}
_RANKS = {severity: rank for rank, severity in enumerate(SEVERITIES)}
_DECISIONS = {
    Decision.ALLOW: ("allowed", "good"),
    Decision.REDACT: ("allowed once redacted", "info"),
    Decision.REVIEW: ("needs a review", "warn"),
    Decision.DENY: ("denied", "bad"),
}
_MOST_TITLES = 3


def badge(one: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state of a release for a badge: `word`, `tone`, `is_working`."""
    state = State(one["state"])
    word, tone = STATES[state]
    if state is State.RELEASED:
        word = _RELEASED.get(one["gate"], word)
    return {"word": word, "tone": tone, "is_working": state in IN_WORK}


def audience_words(audience: Iterable[str]) -> str:
    """Return for whom something is, as people say it.

    >>> audience_words(["project:orion", "user:bob"]), audience_words(["everyone"]), audience_words([])
    ('project orion, bob', 'everybody who is signed in', '')
    """
    words = {"everyone": "everybody who is signed in", "anyone": "anyone with the link"}
    said = [words.get(one) or one.removeprefix("user:").replace("project:", "project ") for one in audience]
    return ", ".join(said)


def what_words(one: Mapping[str, Any]) -> str:
    """Return by which way and as what it leaves, such as `Share as a page, for bob`."""
    gate = {key: word for key, word, _ in GATES}.get(one["gate"], one["gate"])
    whom = audience_words(one["audience"])
    return f"{gate} {FORM_WORDS.get(one['form'], one['form'])}" + (f", for {whom}" if whom else "")


def found_words(one: Mapping[str, Any]) -> str:
    """Return what was found in a few words.

    >>> found_words({"finding_counts": {"E-mail": 12, "AWS key": 1}, "found": ["secret", "unread"]})
    'E-mail (12), AWS key, parts that could not be read'
    """
    counts = list(one["finding_counts"].items())
    words = [f"{title} ({count:,})" if count > 1 else title for title, count in counts[:_MOST_TITLES]]
    if more := sum(count for _, count in counts[_MOST_TITLES:]):
        words.append(f"{more:,} more")
    if Found.UNREAD in one["found"]:
        words.append(FOUND_WORDS[Found.UNREAD])
    return ", ".join(words) or ("nothing" if one["found"] else "")


def judged(one: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what the policies said: `words`, and a row for each thing that was found. None before."""
    if not one["decision"]:
        return None
    because = tuple(
        Because(Found(line["found"]), Decision(line["decision"]), line["scope"]) for line in one["because"]
    )
    # Beyond what is listed nobody knows how many there are of each kind: then none is told.
    is_all = sum(one["finding_counts"].values()) == len(one["findings"])
    counts = Counter(Found(line["kind"]) for line in one["findings"] if line["kind"] in set(Found))
    judgement = Judgement(Decision(one["decision"]), because)
    rows = [
        {
            "found": FOUND_WORDS[line.found],
            "decision": _DECISIONS[line.decision][0],
            "tone": _DECISIONS[line.decision][1],
            "rule": scope_words(line.scope),
        }
        for line in because
    ]
    words = sentence(judgement, Gate(one["gate"]), form=one["form"], counts=counts if is_all else None)
    return {"words": words, "rows": rows}


def by_cell(one: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what was found, not read and said by cell: `cell` (0: none), `name`, and the three lists."""
    groups: dict[int, dict[str, Any]] = {}
    for what in ("findings", "not_read", "comments"):
        for line in one[what]:
            cell = int(line["cell"])
            empty: dict[str, Any] = {"cell": cell, "findings": [], "not_read": [], "comments": []}
            shown = line | ({"tone": _SEVERITIES.get(line["severity"], "")} if what == "findings" else {})
            groups.setdefault(cell, empty)[what].append(shown)
    is_notebook = any(groups) or one["path"].lower().endswith(".ipynb")
    for cell, group in groups.items():
        whole = "The notebook as a whole" if is_notebook else "The document"
        group["findings"].sort(key=_worst_first)
        group["name"] = f"Cell {cell}" if cell else whole
    return [groups[cell] for cell in sorted(groups)]


def _worst_first(finding: Mapping[str, Any]) -> tuple[int, int]:
    return -_RANKS.get(finding["severity"], 0), int(finding["line"])


def steps(one: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the way of a release: `title`, `at`, `look` (done, now, waiting, failed) of each step."""
    state = State(one["state"])
    made: list[dict[str, Any]] = [{"title": "Asked for", "at": one["requested_at"], "look": "done"}]
    examined = one["examined_at"]
    if examined:
        made.append({"title": "Copied, examined and judged", "at": examined, "look": "done"})
    elif state in IN_WORK:
        copied = "now" if state is State.COPYING else "done"
        made += [{"title": "Copy it out of the home", "at": None, "look": copied},
                 {"title": "Make anew what leaves, and scan it", "at": None,
                  "look": "now" if copied == "done" else "waiting"}]  # fmt: skip
    if state is State.WAITING:
        made.append({"title": "Somebody else reviews it", "at": None, "look": "now"})
    elif one["decided_by"] and state not in {State.DENIED, State.SENT_BACK}:
        made.append({"title": f"Approved by {one['decided_by']}", "at": one["decided_at"], "look": "done"})
    return [*made, _last_step(one, state)]


def _last_step(one: Mapping[str, Any], state: State) -> dict[str, Any]:
    by = one["decided_by"] or "the policies"
    ends = {
        State.READY: (f"{one['user']} takes it", "now"),
        State.RELEASED: (badge(one)["word"], "done"),
        State.DENIED: (f"Denied by {by}", "failed"),
        State.SENT_BACK: (f"Sent back by {by}", "failed"),
        State.WITHDRAWN: ("Withdrawn", "failed"),
        State.LAPSED: ("Lapsed: not decided, or not taken, in time", "failed"),
        State.FAILED: ("Failed", "failed"),
    }
    title, look = ends.get(state, ("It leaves", "waiting"))
    return {"title": title, "at": one["ended_at"], "look": look}
