"""What a file of rules lets go is what its author wrote, and no more: gitleaks' conditions, and names of files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nbkeep.model.errors import Refused
from nbkeep.scanning import detect
from nbkeep.scanning.interface import Hint
from nbkeep.scanning.scan import Look, examine
from release_parts import notebook

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("re2")
RULE = "[[rules]]\nid = 'acme-badge'\nregex = '(ACME-[0-9]{6})'\n"
ALLOW = RULE + "[[rules.allowlists]]\n"
BADGE = "ACME-" + "482910"


def finds(tmp_path: Path, rules: str, text: str, name: str) -> bool:
    """Tell whether `nbkeep scan --rules` finds something in a file."""
    path = tmp_path / "rules.toml"
    path.write_text(rules)
    return bool(detect.with_rules(path).find(text, Hint("text", name=name)))


@pytest.mark.parametrize(
    ("criteria", "text", "name", "is_found"),
    [
        ("condition = 'AND'\nregexes = ['482']\npaths = ['tests/']", BADGE, "tests/a.txt", False),
        ("condition = 'AND'\nregexes = ['482']\npaths = ['tests/']", BADGE, "src/a.txt", True),
        ("condition = '&&'\nregexes = ['000']\npaths = ['tests/']", BADGE, "tests/a.txt", True),
        ("condition = 'AND'\nstopwords = ['acme']\nregexes = ['482']", BADGE, "", False),
        ("condition = 'AND'\nstopwords = ['acme']\ncommits = ['0a1b']", BADGE, "", True),
        ("condition = 'AND'", BADGE, "", True),
        ("condition = 'OR'\nregexes = ['000']\npaths = ['tests/']", BADGE, "tests/a.txt", False),
        ("commits = ['0a1b']", BADGE, "", True),
        ("regexTarget = 'line'\nregexes = ['^sample']", f"sample {BADGE}", "", False),
    ],
)
def test_of_an_allow_list_with_and_all_has_to_hold(
    tmp_path: Path, criteria: str, text: str, name: str, *, is_found: bool
) -> None:
    """One that holds alone would let go what its author meant to be found."""
    assert finds(tmp_path, ALLOW + criteria, text, name) is is_found


@pytest.mark.parametrize(
    ("criteria", "said"),
    [
        ("condition = 'XOR'\nregexes = ['x']", "condition is 'XOR'"),
        ("regexTarget = 'Line'\nregexes = ['x']", "regexTarget is 'Line'"),
        ("regexTarget = 3\nregexes = ['x']", "regexTarget is '3'"),
        ("commits = 'x'", "commits that are no list"),
    ],
)
def test_a_word_of_an_allow_list_that_is_not_known_is_a_mistake_of_the_file(
    tmp_path: Path, criteria: str, said: str
) -> None:
    with pytest.raises(Refused, match=said):
        finds(tmp_path, ALLOW + criteria, "", "")


@pytest.mark.parametrize(
    "rules",
    [
        ALLOW + "paths = ['fixture']",
        ALLOW + "condition = 'AND'\nregexes = ['482']\npaths = ['fixture']",
        "[allowlist]\npaths = ['fixture']\n" + RULE,
        RULE + "path = '[.]py$'",
        RULE + "path = '[.]ipynb$'",
    ],
)
@pytest.mark.parametrize("name", ["fixture.ipynb", "a.ipynb"])
def test_at_gates_no_name_switches_a_rule_off(rules: str, name: str) -> None:
    """Attack: the author names the document as the allow-list wants it; a cell has no name at all."""
    look = Look(detect.with_text(rules))
    found = examine(notebook(f"badge = '{BADGE}'"), name, look).findings
    assert [one.rule for one in found] == ["acme-badge"]
