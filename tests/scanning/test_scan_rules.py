"""Each rule finds its examples, and lets its counter-examples go; both are made when this runs."""

from __future__ import annotations

import random
import re

import pytest

from nbkeep.scanning import detect, digits, examples, rulebook
from nbkeep.scanning.interface import Hint

RULES = rulebook.built_in()
SEVERITIES = {"low", "medium", "high", "critical"}
BY_ID = {rule.id: rule for rule in RULES}
STANDARD = detect.standard()


def found(text: str, kind: str = "code", column: str = "", name: str = "") -> set[str]:
    """The ids of the rules that found something."""
    return {hit.rule for hit in STANDARD.find(text, Hint(kind, column, name))}


def test_rules_are_told_apart() -> None:
    """Ids are unique, severities and kinds are known ones, and titles are words."""
    assert len(BY_ID) == len(RULES) > 120
    assert {rule.severity for rule in RULES} <= SEVERITIES
    assert {rule.kind for rule in RULES} == {"secret", "personal"}
    assert all(re.match(r"[A-Za-z0-9&]", rule.title) for rule in RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_finds_its_examples_and_lets_the_others_go(rule: rulebook.Rule) -> None:
    """A rule without both is no rule: nobody could say what it is for."""
    assert rule.examples or rule.config_examples or rule.table_examples, "give it examples"
    assert rule.others or rule.table_others, "give it counter-examples"
    for seed in range(4):
        rng = random.Random(f"{rule.id}{seed}")
        usual = "code" if rule.reader == "assignment" else "text"
        for kind, templates in ((usual, rule.examples), ("config", rule.config_examples)):
            for template in templates:
                text = examples.fill(template, rng)
                assert rule.id in found(text, kind, name=rule.example_name), (template, text)
                padded = f"print('é')\n{'x ' * 300}\n{text}\n{'y ' * 300}"
                assert rule.id in found(padded, kind, name=rule.example_name), (template, text)
        for column, cells in rule.table_examples:
            hits = STANDARD.find(cells, Hint("table", column))
            assert {cells[hit.begin : hit.end] for hit in hits if hit.rule == rule.id} == set(
                cells.split("\n")
            )
        for template in rule.others:
            text = examples.fill(template, rng)
            for kind in ("code", "text", "output"):
                assert rule.id not in found(text, kind), (template, text, kind)
        for column, cells in rule.table_others:
            assert rule.id not in found(cells, "table", column)


@pytest.mark.parametrize("rule", [r for r in RULES if r.reader == "number"], ids=lambda rule: rule.id)
def test_a_number_needs_its_check_digits_and_its_place(rule: rulebook.Rule) -> None:
    """In a column of its name right numbers are found; wrong ones are not, and without its name chance finds none."""
    rng = random.Random(rule.id)
    assert rule.number in digits.CHECKS
    assert rule.near is not None
    right = [digits.MAKERS[rule.number](rng) for _ in range(20)]
    column = {
        "payment-card": "card",
        "de-tax-id": "steuer_id",
        "us-ssn": "ssn",
        "es-dni": "dni",
        "it-fiscal-code": "codice_fiscale",
    }.get(rule.id, rule.number.split("-")[-1])
    column = {"number": "niss", "personnummer": "personnummer"}.get(column, column)
    hits = STANDARD.find("\n".join(right), Hint("table", column))
    assert [hit.rule for hit in hits] == [rule.id] * 20
    if rule.id == "us-ssn":
        return  # has no check digit
    wrong = [re.sub(r"\d(?=\D*$)", lambda m: str((int(m[0]) + 1) % 10), number) for number in right]
    wrong = [number for number in wrong if not digits.CHECKS[rule.number](number)]
    assert wrong
    assert rule.id not in found("\n".join(wrong), "table", column)
