"""The child: `python -m nbkeep.detection SOURCE OUT`, in the jail; weighs rules and tries a sample."""

from __future__ import annotations

import json
import random
import resource
import string
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbkeep.model.errors import Refused
from nbkeep.rendering.bounds import bound
from nbkeep.scanning import detect, scan
from nbkeep.scanning.interface import Hint, TooLong
from nbkeep.scanning.ownrules import Looked, parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbkeep.scanning.ownrules import OwnRule

_LIMITS = (
    (resource.RLIMIT_AS, 2 << 30),
    (resource.RLIMIT_FSIZE, 16 << 20),
    (resource.RLIMIT_CPU, 21),
    (resource.RLIMIT_NPROC, 16),
    (resource.RLIMIT_CORE, 0),
)
_MOST_FOUND, _LONGEST = 1_000, 500
_SAMPLE_CHARS = 128 << 10  # of each kind
_SAMPLE_S = 1.0  # of processor time for all rules on one of them
_MIB_S = 3.0  # of processor time for all rules on one MiB, of which a scan gives them a little more


def main(arguments: list[str]) -> int:
    """Write what was found out as `result.json`; whatever goes wrong, the parent sees that there is none."""
    bound(_LIMITS)
    source, out = map(Path, arguments)
    asked: dict[str, Any] = json.loads(source.read_text(encoding="utf-8"))
    try:
        answer = _examined(asked["rules"], asked["sample"], asked["name"])
    except Refused as refusal:
        answer = {"problem": refusal.message[:_LONGEST], "remedy": refusal.remedy[:_LONGEST]}
    (out / "result.json").write_text(json.dumps(answer), encoding="utf-8")
    return 0


def _examined(text: str, sample: str, name: str) -> dict[str, Any]:
    own: Sequence[OwnRule] = ()
    if text:
        own = parse(text, heeds_names=False)
        if taken := sorted({one.id for one in own} & detect.standard().rules):
            # What is done about a rule's values, such as asking their provider, would be done about others.
            return {
                "problem": f"Built-in rules have these ids: {', '.join(taken[:10])}.",
                "remedy": "Give yours other ids, such as acme-api-key.",
            }
        if slow := _too_slow(own):
            return {
                "problem": slow,
                "remedy": "Give rules keywords, repeat less often, or drop the slow ones.",
            }
    ids = {one.id for one in own}
    answer: dict[str, Any] = {
        "problem": "",
        "rules": [
            {
                "id": one.id,
                "title": one.title,
                "kind": one.kind,
                "severity": one.severity,
                "ignores_names": one.ignores_names,
            }
            for one in own
        ],
        "found": [],
        "unread": [],
    }
    if sample:
        look = scan.Look(detect.Standard(own=own))
        result = scan.examine(sample.encode("utf-8", "replace"), name, look)
        answer["found"] = [
            {"rule": one.rule, "title": one.title, "kind": one.kind, "severity": one.severity,
             "masked": one.masked[:_LONGEST], "line": one.line, "is_own": one.rule in ids}
            for one in result.findings[:_MOST_FOUND]
        ]  # fmt: skip
        answer["unread"] = [one.reason[:_LONGEST] for one in result.not_read[:_MOST_FOUND]]
    return answer


def _too_slow(own: Sequence[OwnRule]) -> str:
    """Return why these rules are too slow to examine documents with, or ""."""
    chars = 0
    spent: dict[str, float] = {}
    for text in _samples():
        looked = Looked(text, _SAMPLE_S)
        chars += len(text)
        for one in own:
            begun = time.process_time()
            try:
                for _ in one.find(looked, Hint("code", name="sample.py")):
                    pass
            except TooLong:
                return f"Rule {one.id} takes too long, or finds something in nearly everything."
            spent[one.id] = spent.get(one.id, 0.0) + time.process_time() - begun
    a_mib_s = sum(spent.values()) * 2**20 / max(chars, 1)
    if a_mib_s <= _MIB_S:
        return ""
    slowest = ", ".join(sorted(spent, key=lambda rule: -spent[rule])[:3])
    return (
        f"All rules take {a_mib_s:.0f} seconds for 1 MiB of text (at most {_MIB_S:.0f}); "
        f"the slowest: {slowest}."
    )


def _samples() -> list[str]:
    """Return texts of the kinds that are in notebooks; the same at each call."""
    rng = random.Random(1)  # noqa: S311 - a sample, no key
    words = ["".join(rng.choices(string.ascii_lowercase, k=rng.randrange(2, 11))) for _ in range(500)]
    prose: list[str] = []
    code: list[str] = []
    for number in range(_SAMPLE_CHARS // 60):
        prose.append(" ".join(rng.choices(words, k=9)) + ("." if number % 3 else ".\n"))
        code.append(
            f'{rng.choice(words)}_{number} = "{"".join(rng.choices(_KEYS, k=32))}"  # {rng.choice(words)}'
        )
    blob = "".join(rng.choices(_KEYS, k=_SAMPLE_CHARS))
    digits = "".join(rng.choices(string.digits + ",.- \n", k=_SAMPLE_CHARS))
    return ["\n".join(prose), "\n".join(code), blob, digits, "a" * _SAMPLE_CHARS]


_KEYS = string.ascii_letters + string.digits + "+/"

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
