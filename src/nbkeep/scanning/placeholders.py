"""Tells what only stands where a secret would stand: samples, placeholders, references, words."""

from __future__ import annotations

import math
import re
from collections import Counter

from nbkeep.model.placeholder import is_placeholder

# In documentation these say "put yours here"; long enough to be in a random key by no chance that counts.
_SAMPLE = re.compile(
    r"example|placeholder|changeme|change_me|change-me|replace|redacted|your[_\-]?|[_\-]?here\b|dummy|insert|"
    r"sample|fake|mock_|lorem|secret_?key$|<[^>]*>|x{5,}|X{5,}|\*{3,}|\.{3,}|0{8,}|1234567|(.)\1{7,}|wJalrXUtnFEMI|abcdefg|foobar|deadbeef|todo",
    re.IGNORECASE,
)
_REFERENCE = re.compile(
    r"^(?:\$|%\(|%[A-Z_]+%$|\{|\[|<|@|#\{|!|&|vault:|file:[/~.]|op://|arn:|env[.:(]|secrets?\.|"
    r"process\.env|os\.|config|settings|getpass|input|none$|null$|true$|false$|undefined$|nil$|self\.|args\.|st\.secrets)",
    re.IGNORECASE,
)
_WEAK_WORDS = re.compile(
    r"admin|admin123|changeit|default|demo|guest|guest123|hidden|key|letmein|login|minioadmin|"
    r"mongo|mypass|mypassword|mysecret|mysql|mytoken|none|null|optional|p4ssw0rd|p@ssw0rd|"
    r"p@ssword|pa55word|pass|pass123|passw0rd|passwd|password|password1|password123|postgres|"
    r"postgrespassword|pwd|qwerty|redis|required|root|s3cr3t|secret|secret123|string|"
    r"supersecret|supersecretpassword|test|test123|tester|testing|text|token|topsecret|user|"
    r"username|value"
)
_WORDS = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z])(?=[A-Z])")


def entropy(text: str) -> float:
    """Return Shannon's entropy of a text's characters, in bits for each.

    >>> entropy("aabb")
    1.0
    """
    if not text:
        return 0.0
    size = len(text)
    return -sum(n / size * math.log2(n / size) for n in Counter(text).values())


def is_stand_in(value: str) -> bool:
    """Tell whether a value is a sample, a reference to somewhere else, or nbkeep's own placeholder.

    >>> is_stand_in("AKIA....EXAMPLE"), is_stand_in("${DB_PASSWORD}"), is_stand_in("nbkeep-placeholder-db")
    (True, True, True)
    """
    return (
        is_placeholder(value)
        or _REFERENCE.match(value) is not None
        or _SAMPLE.search(value) is not None
        or _few_kinds(value)
    )


def is_weak_word(value: str) -> bool:
    """Tell whether a value is a word that manuals use where a password stands."""
    bare = value.lower().strip("'\"")
    return (
        _WEAK_WORDS.fullmatch(bare) is not None
        or re.fullmatch(r"(?:test|demo|dummy|my|pass|user|admin)[a-z_]*[0-9]{0,4}", bare) is not None
    )


def is_worded(value: str) -> bool:
    """Tell whether a value is made of words and short numbers, as names of models, columns and files are.

    >>> is_worded("bert-base-uncased"), is_worded("sentence_transformers_v2"), is_worded("k3Jd82nAlq0Zs7")
    (True, True, False)
    """
    parts = [part for part in _WORDS.split(value) if part]
    if len(parts) > 3 and sum(map(len, parts)) < 4 * len(parts):
        return False  # random letters fall into short pieces, too
    return all(_is_word(part) for part in parts)


def _is_word(part: str) -> bool:
    if part.isdigit():
        return len(part) <= 4
    letters = part.rstrip("0123456789")
    if not letters.isalpha() or len(part) - len(letters) > 4:
        return False
    return len(letters) <= 3 or _vowelled(letters)


def _vowelled(letters: str) -> bool:
    """Words of people have vowels, and no long rows of consonants."""
    low = letters.lower()
    return (
        re.search(r"[aeiouy]", low) is not None
        and re.search(r"[^aeiouy]{5,}", low) is None
        and len(low) <= 16
    )


def _few_kinds(value: str) -> bool:
    #  "aaaaaaaa", "abababab": of hardly any characters, whatever its length.
    return len(value) >= 8 and len(set(value)) <= 3
