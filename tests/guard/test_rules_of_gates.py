"""What happens to a document at a gate, by what is set at which scope: tables of cases, and what never happens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbkeep.guard.rules import applies, choices, decide, default_of, judge, read_decision, rules_of_downloads
from nbkeep.guard.values import Because, Context, Judgement, Policies, Rule
from nbkeep.guard.words import sentence
from nbkeep.model.gates import Decision, Found, Gate, strictest

A, X, R, D = Decision.ALLOW, Decision.REDACT, Decision.REVIEW, Decision.DENY
SECRET, PERSONAL, UNREAD, NOTHING = Found
HERS = Context("cpu", ("orion", "vega"), "confidential")


def rule(scope: str, decision: Decision, found: Found = SECRET, gate: Gate = Gate.EXPORT) -> Rule:
    return Rule(scope, gate, found, decision)


@pytest.mark.parametrize(
    ("gate", "expected"),
    [
        (Gate.SAVE, (A, A, A, A)),
        (Gate.DOWNLOAD, (A, A, A, A)),
        (Gate.EXPORT, (R, R, R, A)),
        (Gate.SHARE, (R, R, R, A)),
        (Gate.PUBLISH, (R, R, R, A)),
    ],
)
def test_where_nothing_is_set_what_leaves_is_reviewed_unless_it_is_clean(
    gate: Gate, expected: tuple[Decision, ...]
) -> None:
    assert tuple(judge(Policies(), gate, {found}).decision for found in Found) == expected
    assert {decide(Policies(), gate, found).scope for found in Found} == {"default"}


@pytest.mark.parametrize(
    ("rules", "decision", "scope"),
    [
        ((rule("everywhere", A),), A, "everywhere"),
        ((rule("profile:cpu", A),), A, "profile:cpu"),
        ((rule("class:confidential", A),), A, "class:confidential"),
        ((rule("everywhere", D), rule("profile:cpu", A)), D, "everywhere"),
        ((rule("everywhere", A), rule("profile:cpu", D)), D, "profile:cpu"),
        ((rule("everywhere", A), rule("project:vega", X)), X, "project:vega"),
        ((rule("everywhere", A), rule("class:public", R)), R, "class:public"),
        ((rule("everywhere", R), rule("project:orion", R)), R, "everywhere"),
        # What loosens only where it may:
        ((rule("project:orion", A),), R, "default"),
        ((rule("class:public", A),), R, "default"),
        ((rule("class:public", A), rule("class:confidential", A)), A, "class:confidential"),
        # What is none of its business:
        ((rule("profile:gpu", D), rule("project:mars", D), rule("class:pii", D)), R, "default"),
        ((rule("everywhere", D, gate=Gate.SHARE), rule("everywhere", D, PERSONAL)), R, "default"),
        # What this release does not know:
        ((rule("everywhere", A), rule("galaxy:andromeda", D)), D, "galaxy:andromeda"),
        ((rule("galaxy:andromeda", A),), R, "default"),
        # What is asked of everything is asked of what has a finding, too:
        ((rule("everywhere", A), rule("class:internal", D, NOTHING)), D, "class:internal"),
    ],
)
def test_the_strictest_of_what_applies_decides_and_is_named(
    rules: tuple[Rule, ...], decision: Decision, scope: str
) -> None:
    expected = Judgement(decision, (Because(SECRET, decision, scope),))
    assert judge(Policies(HERS, rules), Gate.EXPORT, [SECRET]) == expected
    assert judge(Policies(HERS, rules[::-1]), Gate.EXPORT, [SECRET]) == expected


def test_a_class_that_is_not_known_is_above_all_and_loosens_nothing() -> None:
    unknown = Context(classification="cosmic")
    everything = [
        rule(f"class:{name}", A) for name in ("public", "internal", "confidential", "pii", "cosmic")
    ]
    assert all(applies(one.scope, unknown) for one in everything)
    assert judge(Policies(unknown, tuple(everything)), Gate.EXPORT, [SECRET]).decision is R
    assert judge(Policies(unknown, (rule("class:public", D),)), Gate.EXPORT, [SECRET]).decision is D
    assert not applies("class:public", Context())
    assert not applies("class:cosmic", Context(classification="pii"))


def test_what_was_not_scanned_does_not_leave() -> None:
    allowed = Policies(rules=tuple(rule("everywhere", A, found) for found in Found))
    assert judge(allowed, Gate.EXPORT, []) == Judgement(D, ())
    assert sentence(judge(allowed, Gate.EXPORT, []), Gate.EXPORT) == (
        "Export is denied: no scan has said what is in it."
    )


def test_words_of_another_release_fail_closed() -> None:
    assert read_decision("ask-nicely", Gate.EXPORT, NOTHING) is D
    assert read_decision("", Gate.SAVE, NOTHING) is D
    assert read_decision("redact", Gate.EXPORT, SECRET) is X
    assert read_decision("redact", Gate.EXPORT, UNREAD) is R
    assert read_decision("review", Gate.SAVE, SECRET) is D
    assert rules_of_downloads("cpu", "perhaps") == rules_of_downloads("cpu", "deny")


def test_a_profiles_downloads_are_joined_with_policies_and_the_stricter_holds() -> None:
    def of(word: str, *more: Rule) -> list[str]:
        policies = Policies(HERS, (*rules_of_downloads("cpu", word), *more))
        return [judge(policies, Gate.DOWNLOAD, {found}).decision.value for found in Found]

    assert of("allow") == ["allow"] * 4
    assert of("review") == ["review", "review", "review", "allow"]
    assert of("deny") == ["deny"] * 4
    assert of("review", rule("everywhere", A, gate=Gate.DOWNLOAD))[0] == "review"
    assert of("review", rule("profile:cpu", D, gate=Gate.DOWNLOAD))[0] == "deny"
    denied = judge(Policies(HERS, rules_of_downloads("cpu", "deny")), Gate.DOWNLOAD, [NOTHING])
    assert sentence(denied, Gate.DOWNLOAD, form="original") == (
        "Download of the original is denied: nothing was found (downloads of the profile cpu)."
    )
    assert judge(Policies(HERS, rules_of_downloads("gpu", "deny")), Gate.DOWNLOAD, [NOTHING]).decision is A


def test_the_sentence_says_what_decides_how_much_of_it_and_what_else_was_found() -> None:
    policies = Policies(
        Context(classification="pii"), (rule("class:pii", R), rule("everywhere", R, PERSONAL))
    )
    counts = {SECRET: 2, PERSONAL: 14, UNREAD: 1}
    judged = judge(policies, Gate.EXPORT, [SECRET, PERSONAL])
    assert sentence(judged, Gate.EXPORT, form="html", counts=counts) == (
        "Export as HTML needs a review: 2 secrets (rule of the class pii), "
        "14 pieces of personal data (rule for everything)."
    )
    strict = Policies(rules=(rule("everywhere", D),))
    judged = judge(strict, Gate.EXPORT, [SECRET, UNREAD])
    assert sentence(judged, Gate.EXPORT, counts=counts) == (
        "Export is denied: 2 secrets (rule for everything); also found: 1 part that could not be read."
    )
    assert sentence(judge(Policies(), Gate.SHARE, [NOTHING]), Gate.SHARE) == (
        "Sharing is allowed: nothing was found (default)."
    )


_SCOPES = st.sampled_from(
    ["everywhere", "profile:cpu", "profile:gpu", "project:orion", "project:mars", "galaxy:x", "downloads:cpu"]
    + [f"class:{name}" for name in ("public", "confidential", "pii", "cosmic")]
)
_RULES = st.builds(Rule, _SCOPES, st.sampled_from(Gate), st.sampled_from(Found), st.sampled_from(Decision))
_MANY = st.lists(_RULES, max_size=8)
_CONTEXTS = st.builds(
    Context,
    st.sampled_from(["", "cpu", "gpu"]),
    st.sampled_from([(), ("orion",), ("orion", "mars")]),
    st.sampled_from(["", "public", "confidential", "pii", "cosmic"]),
)
_ORDER = tuple(Decision)


@given(_CONTEXTS, _MANY, _RULES, st.sampled_from(Gate), st.sets(st.sampled_from(Found), min_size=1))
def test_another_policy_never_makes_a_decision_milder_than_the_strictest_that_is_set(
    context: Context, rules: list[Rule], more: Rule, gate: Gate, found: set[Found]
) -> None:
    before = judge(Policies(context, tuple(rules)), gate, found)
    after = judge(Policies(context, (*rules, more)), gate, found)
    held = [
        one.decision
        for one in (*rules, more)
        if one.gate is gate and one.found in found and applies(one.scope, context)
    ]
    assert _ORDER.index(after.decision) >= _ORDER.index(strictest(held or [A]))
    if all(one.scope != "default" for one in before.because):
        assert _ORDER.index(after.decision) >= _ORDER.index(before.decision)


@given(_CONTEXTS, _MANY, st.sampled_from(Gate), st.sets(st.sampled_from(Found), min_size=1))
def test_more_findings_are_never_judged_more_mildly_and_the_decision_is_one_that_is_named(
    context: Context, rules: list[Rule], gate: Gate, found: set[Found]
) -> None:
    policies = Policies(context, tuple(rules))
    judged = judge(policies, gate, found)
    clean = judge(policies, gate, [NOTHING])
    assert _ORDER.index(judged.decision) >= _ORDER.index(clean.decision)
    assert [one.found for one in judged.because] == [one for one in Found if one in found]
    assert judged.decision in {one.decision for one in judged.because}
    assert judged == judge(Policies(context, tuple(reversed(rules))), gate, list(found))


@given(st.sampled_from(Gate), st.sampled_from(Found), st.text(max_size=8) | st.sampled_from(Decision))
def test_what_is_kept_is_read_as_a_choice_or_as_no(gate: Gate, found: Found, word: str) -> None:
    read = read_decision(word, gate, found)
    assert read in choices(gate, found) or read is D
    if word in _ORDER:
        assert _ORDER.index(read) >= _ORDER.index(Decision(word))
    assert default_of(gate, found) in choices(gate, found)
