"""What was clean at the last save is not looked through again, and nothing else is passed over with it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nbkeep.scanning import decode, engines
from nbkeep.scanning.clean import Clean
from nbkeep.scanning.documents import strings
from nbkeep.scanning.interface import Hint, Hit
from nbkeep.scanning.scan import Look, examine
from nbkeep.scanning.values import Part
from scan_parts import KEY, FewRules

PRINTED = "".join(f"step {number} of 500: loss 0.5\n" for number in range(500))


class Counting(FewRules):
    """Counts the characters that it is asked to look through."""

    looked_at = 0

    def find(self, text: str, hint: Hint) -> list[Hit]:
        self.looked_at += len(text)
        return super().find(text, hint)


class AlsoNumbers(FewRules):
    """Takes every printed step for a secret."""

    def find(self, text: str, hint: Hint) -> list[Hit]:
        del hint
        return [Hit("step", "secret", "Step", "low", *one.span()) for one in re.finditer("step 7 ", text)]


def test_a_text_that_was_clean_is_not_looked_through_again() -> None:
    detector = Counting()
    look = Look(detector, clean=Clean())
    assert not examine(PRINTED.encode(), "a.log", look).findings
    first = detector.looked_at
    assert not examine(PRINTED.encode(), "a.log", look).findings
    assert first >= len(PRINTED)
    assert detector.looked_at == first


def test_what_is_written_into_a_clean_text_is_found() -> None:
    """A save with one more line of output, with a key in it, is another text."""
    look = Look(FewRules(), clean=Clean())
    assert not examine(PRINTED.encode(), "a.log", look).findings
    for leaky in (f"{PRINTED}{KEY}\n", f"{KEY}\n{PRINTED}"):
        assert [one.rule for one in examine(leaky.encode(), "a.log", look).findings] == ["aws-access-key-id"]


def test_a_text_with_something_in_it_is_never_taken_for_clean() -> None:
    look = Look(FewRules(), clean=Clean())
    leaky = f"{PRINTED}{KEY}\n".encode()
    assert [len(examine(leaky, "a.log", look).findings) for _ in range(3)] == [1, 1, 1]


def test_other_rules_look_through_all_of_it_again() -> None:
    """An organisation's new rule counts from the next save on, also in what was clean before it."""
    look = Look(FewRules(), clean=Clean())
    assert not examine(PRINTED.encode(), "a.log", look).findings
    assert examine(PRINTED.encode(), "a.log", replace(look, detector=AlsoNumbers())).findings


def test_what_was_clean_of_one_kind_is_looked_through_for_another() -> None:
    text = f"{PRINTED}ada@lovelace.org\n".encode()
    look = Look(FewRules(), kinds=frozenset({"secret"}), clean=Clean())
    assert not examine(text, "a.log", look).findings
    assert [one.rule for one in examine(text, "a.log", replace(look, kinds=frozenset({"personal"}))).findings]


@pytest.mark.parametrize("other", [Hint("table", column="name"), Hint("output", name="a"), Hint("code")])
def test_a_clean_text_is_known_by_what_it_is_as_well(other: Hint) -> None:
    """A list of names is nothing in a log, and personal data in a column that is called so."""
    clean, look = Clean(), Look(FewRules())
    key = clean.key(PRINTED, Hint("output"), look)
    assert key is not None
    clean.add(key)
    assert clean.has(key)
    again = clean.key(PRINTED, other, look)
    assert again is not None
    assert not clean.has(again)


def test_what_is_remembered_is_bounded() -> None:
    """The oldest goes first; what is met again stays."""
    clean, look = Clean(most=2), Look(FewRules())
    keys = [clean.key(f"{number}{PRINTED}", Hint("output"), look) or b"" for number in range(3)]
    clean.add(keys[0])
    clean.add(keys[1])
    assert clean.has(keys[0])
    clean.add(keys[2])
    assert [clean.has(key) for key in keys] == [True, False, True]


def all_signs(_self: engines.Present, _text: str) -> range:
    """Stand in for a look that sees every sign."""
    return range(len(decode.SIGNS))


PIECES = st.sampled_from([
    "cGFzc3dvcmQ9aHVudGVyMg", "68756e746572322d68756e", "68 75 6e 74 65 72 32 21", "\\x41", "%41", "&#65;",
    "\x1b[31m", "\x07", "\u200b", "\uff21", "<b>a</b>", "<wbr>", "<!--x-->", "'a' + 'b'", '"a", "b"', "chr(65)",
    "bytes([104, 117, 110, 116, 101, 114, 50, 33])", "String.fromCharCode(104,117,110,116,101,114,50,33)",
    "intToUtf8(c(104,117,110,116,101,114,50,33))", "word", " ", "\n", ",", "é", "9.5",
])  # fmt: skip


@given(st.lists(PIECES, max_size=12).map("".join), st.sampled_from(["code", "config", "output", "table"]))
@example("a%00b", "output")
def test_no_decoder_is_passed_over_that_has_something_to_do(text: str, kind: str) -> None:
    """What hides in a text is the same whether each decoder tries, or only those whose signs are there."""
    assert hidden(text, kind) == hidden(text, kind, passes_over=False)


def hidden(text: str, kind: str, *, passes_over: bool = True) -> list[tuple[str, tuple[int, int]]]:
    """Return what hides in a text; `passes_over`: decoders whose signs are not there, as always."""
    with pytest.MonkeyPatch.context() as patched:
        if not passes_over:
            patched.setattr(engines.Present, "find", all_signs)
        return [(one.text, one.origin(0, 1)) for one in decode.derive(text, Hint(kind)) if one.text]


INLINE = [
    "a",
    "b",
    "i",
    "u",
    "s",
    "em",
    "tt",
    "sub",
    "sup",
    "wbr",
    "span",
    "font",
    "code",
    "mark",
    "kbd",
    "var",
]
APART = [
    *(form.format(name) for name in INLINE for form in ("<{}>", "</{}>", "<{} >", "<{}/>", "<{} x='y'>")),
    *(form.format(name.upper()) for name in INLINE for form in ("<{}>", "</{}\n>")),
    "<Wbr/>", "<a href=x>", "<font color=red>", "<!---->", "<!--\n-->", "<\u017f>", "<b\u00e9>",
    *(chr(code) for code in (*range(9), 11, 12, *range(14, 32), 127)), "\x1b[0m", "\x1b]8;;x\x07", "\u200b", "\xad", "&shy;", "&#8203;", "\\x41", "\\u0041", "%41",
    '"+"', "' \"",
]  # fmt: skip


@pytest.mark.parametrize("kind", ["text", "code", "config", "output", "table"])
def test_what_takes_a_key_apart_is_seen_by_whatever_puts_it_together(kind: str) -> None:
    """A tag alone, in capitals, with attributes; a character without width. Each sign covers its decoder."""
    for apart in APART:
        text = f"k: {KEY[:9]}{apart}{KEY[9:]}"
        assert hidden(text, kind) == hidden(text, kind, passes_over=False), apart
    for apart in ("<b>", "<WBR>", "<sup >", "<a href=x>", "\x7f"):
        assert any(KEY in one for one, _ in hidden(f"k: {KEY[:9]}{apart}{KEY[9:]}", kind)), apart


@pytest.mark.parametrize("at", [0, 1, 55, 63, 64, 65, 2030, 2047, 2048, 5000])
@pytest.mark.parametrize(
    "hidden", [f"{KEY[:9]}\u200b{KEY[9:]}", f"\u0410{KEY[1:]}", f"{KEY[:4]}\uff31{KEY[5:]}"]
)
def test_a_key_in_disguise_is_found_wherever_it_stands_among_other_scripts(at: int, hidden: str) -> None:
    """With a character that nobody sees, a Cyrillic letter, a wide one; most of the text is passed over at once."""
    around = "".join(chr(0x4E00 + number * 7 % 20_000) for number in range(6000))
    derived = decode.derive(f"{around[:at]} {hidden} {around[at:]}", Hint("output"))
    assert any(KEY in one.text for one in derived)


@given(
    st.lists(
        st.sampled_from([b"a", b"~", b"\t", b"\0", b"\0\0\0", b"\n", b"\xff", b"word"]), max_size=60
    ).map(b"".join)
)
def test_what_can_be_read_in_bytes_is_what_a_pattern_would_find(data: bytes) -> None:
    """Letters of one, two or four bytes, six of them at least."""
    found = [part.text for part in strings.read_strings(data, note="") if isinstance(part, Part)]
    runs = [
        run.decode(encoding)
        for pattern, encoding in (
            (rb"[\t\x20-\x7e]{6,}", "ascii"),
            (rb"(?:[\t\x20-\x7e]\0){6,}", "utf-16-le"),
            (rb"(?:[\t\x20-\x7e]\0\0\0){6,}", "utf-32-le"),
        )
        for run in re.findall(pattern, data)
    ]
    assert found == (["\n".join(runs)] if runs else [])
