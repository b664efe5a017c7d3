"""Rules of an organisation: found beside the built-in ones, explained when they are wrong, harmless when hostile."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from nbkeep.model.errors import Refused
from nbkeep.scanning import detect
from nbkeep.scanning.interface import Hint

pytest.importorskip("re2")
TEXT = Hint("text")


def rules(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "rules.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_own_rule_finds_what_no_built_in_rule_knows(tmp_path: Path) -> None:
    detector = detect.with_rules(
        rules(
            tmp_path,
            """
[[rules]]
id = "acme-badge"
title = "Badge of Acme"
severity = "critical"
regex = '''badge[:=]\\s*(ACME-[0-9]{6})'''
keywords = ["badge"]
examples = ['badge: ACME-{digits:6}']
counter_examples = ['badge: none']
""",
        )
    )
    text = "é 🙂 the badge: ACME-123456 of Jane"
    (hit,) = detector.find(text, TEXT)
    assert (hit.rule, hit.kind, hit.title, hit.severity) == (
        "acme-badge",
        "secret",
        "Badge of Acme",
        "critical",
    )
    assert text[hit.begin : hit.end] == "ACME-123456"


def test_a_rule_of_gitleaks_means_the_same_here(tmp_path: Path) -> None:
    """Its entropy, its allow-lists and its groups count."""
    detector = detect.with_rules(
        rules(
            tmp_path,
            """
title = "ours"
[allowlist]
paths = ['''fixtures/''']
[[rules]]
id = "acme-key"
description = "Acme"
regex = '''(?i)acme_([a-z0-9]{20})'''
entropy = 3
keywords = ["acme_"]
tags = ["ours"]
  [[rules.allowlists]]
  stopwords = ["letmego"]
  regexTarget = "line"
  regexes = ['''^# sample''']
""",
        )
    )
    good = "acme_" + "k3j9x7q2m5v8b1n4z6w0"
    assert [hit.rule for hit in detector.find(good, TEXT)] == ["acme-key"]
    for other in ("acme_" + "a" * 20, "# sample " + good, "acme_letmego" + "k3j9x7q2m5v8b"):
        assert not detector.find(other, TEXT)
    assert not detector.find(good, Hint("text", name="fixtures/a.py"))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("id = 'a'", "has no regex"),
        ("id = 'A b'\nregex = 'x'", "no proper id"),
        ("id = 'a'\nregex = '(?<=x)y'", "RE2 does not take"),
        ("id = 'a'\nregex = '((x{999}){999}){999}'", "RE2 does not take"),
        ("id = 'a'\nregex = 'x'\nseverity = 'dire'", "severity"),
        ("id = 'a'\nregex = 'x'\nsecretGroup = 3", "no group 3"),
        ("id = 'a'\nregex = 'x'\nregexp = 'y'", "unknown keys: regexp"),
        ("id = 'a'\nregex = 'x'\nexamples = ['y']", "does not find its example"),
        ("id = 'a'\nregex = 'x'\ncounter_examples = ['x']", "finds its counter-example"),
        ("id = 'a'\nregex = 'x'\nkeywords = 'x'", "no list of texts"),
        ("id = 'a'\nregex = 'x'\nexamples = ['{nothing:3}']", "no field"),
        ("id = 'a'\nregex = 3", "has no regex"),
    ],
)
def test_a_wrong_rule_is_named_with_its_line_and_what_to_do(tmp_path: Path, body: str, said: str) -> None:
    with pytest.raises(Refused) as refused:
        detect.with_rules(rules(tmp_path, f"# ours\n\n[[rules]]\n{body}\n"))
    assert said in refused.value.message
    assert "line 3" in refused.value.message
    assert refused.value.remedy


def test_what_is_no_file_is_no_file_of_rules(tmp_path: Path) -> None:
    """A device without end, and a pipe that nobody writes to."""
    os.mkfifo(tmp_path / "pipe")
    for path in (Path("/dev/zero"), tmp_path / "pipe"):
        with pytest.raises(Refused, match="is no file"):
            detect.with_rules(path)


@pytest.mark.parametrize(
    "text",
    ["", "no toml at all", "rules = 3", "[[rules]]\nid='a'\nregex='x'\n[[rules]]\nid='a'\nregex='y'\n"],
)
def test_a_wrong_file_is_refused_in_words(tmp_path: Path, text: str) -> None:
    with pytest.raises(Refused):
        detect.with_rules(rules(tmp_path, text))
    with pytest.raises(Refused, match="cannot be read"):
        detect.with_rules(tmp_path / "absent.toml")


@pytest.mark.parametrize(
    "bomb", ["(a+)+$", "(a|aa)+$", "(a|a?)+b", "(.*a){12}c", "^(([a-z])+.)+[A-Z]([a-z])+$"]
)
def test_a_pattern_that_would_hang_other_engines_takes_no_time(tmp_path: Path, bomb: str) -> None:
    """Attack: a team's rule with an exponential pattern. RE2 is linear."""
    detector = detect.with_rules(rules(tmp_path, f"[[rules]]\nid = 'bomb'\nregex = '''{bomb}'''\n"))
    begun = time.process_time()
    detector.find("a" * 50_000 + "!", TEXT)
    assert time.process_time() - begun < 5
