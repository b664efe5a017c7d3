"""`nbkeep rules`: what officers type, and what they read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from own_rules_parts import BADGE, RULES
from render_parts import needs_a_jail

if TYPE_CHECKING:
    from pathlib import Path

    from cli_parts import Nbkeep

    from office_parts import OfficeForTests

pytest.importorskip("re2")


@needs_a_jail
def test_rules_from_their_trial_to_their_removal(
    nbkeep: Nbkeep, served: OfficeForTests, tmp_path: Path
) -> None:
    del served
    rules, wrong, sample = tmp_path / "acme.toml", tmp_path / "wrong.toml", tmp_path / "sample.py"
    rules.write_text(RULES)
    wrong.write_text("[[rules]]\nid = 'x'\n")
    sample.write_text(f"badge = '{BADGE}'\n")
    assert "Nothing is found in it." in nbkeep("rules", "test", str(sample)).err
    tried = nbkeep("rules", "test", str(sample), "--rules", str(rules))
    assert ("acme-badge" in tried.out, BADGE in tried.out) == (True, False)
    assert "There are no own rules" in nbkeep("rules", "show").err
    refused = nbkeep("rules", "set", str(wrong))
    assert (refused.code, "has no regex" in refused.err) == (1, True)
    said = nbkeep("rules", "set", str(rules))
    assert (said.code, said.err.strip()) == (0, "1 rule holds from now on, in running sessions, too.")
    assert "Badge of Acme" in nbkeep("rules", "show").out
    rules.write_text(RULES.replace("examples", "path = '[.]py$'\n#"))
    assert "acme-badge hold in all documents" in " ".join(nbkeep("rules", "set", str(rules)).err.split())
    rules.write_text(RULES)
    nbkeep("rules", "set", str(rules))
    assert nbkeep("rules", "show", "--toml").out == RULES
    assert nbkeep("rules", "test", str(sample), "--json").json["found"][0]["is_own"] is True
    assert nbkeep("rules", "unset", "--yes").err.strip() == "Unset."
    assert nbkeep("rules", "show", "--json").json["is_set"] is False
    assert nbkeep("rules", "set", str(tmp_path / "none.toml")).code != 0
