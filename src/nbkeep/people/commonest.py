"""The stems of the passwords that attackers try first, as they appear at the head of leaked lists.

Compared with a password's letters only, so that digits and signs around a stem do not hide it. Keyboard walks
and repetitions are found by rule in `is_common`.
"""

from __future__ import annotations

import re

# Lines of words, which people can read and add to; a list of quoted ones would be four times as long.
_LINES = """
    password passwort passw pass parola senha contrasena motdepasse wachtwoord salasana haslo
    lozinka admin administrator root toor user guest test tester testing login welcome willkommen
    bienvenue letmein letmeinplease changeme changemenow changeit default secret topsecret
    supersecret master masterkey access iloveyou ilove loveyou lovely sunshine princess monkey
    dragon football baseball basketball soccer hockey superman batman spiderman pokemon starwars
    trustno trustnoone shadow michael jennifer jordan charlie whatever freedom computer internet
    killer pepper summer winter spring autumn january february monday friday qwerty qwertyuiop
    qwertz qwertzuiop azerty azertyuiop asdf asdfgh asdfghjkl zxcv zxcvbn zxcvbnm yxcvbnm qaz qazwsx
    qazwsxedc abc abcd abcdef abcdefg abcdefgh abcdefghij abcdefghijkl alphabet company office
    jupyter jupyterhub jupyterlab notebook notebooks nbkeep python anaconda kernel
    correcthorsebatterystaple
"""
STEMS = frozenset(_LINES.split())
_WALKS = (
    "12345678901234567890",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "abcdefghijklmnopqrstuvwxyz",
    "1q2w3e4r5t6y7u8i9o0p",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
)
_LEET = str.maketrans("013457@$!", "oieastasi")


def is_common(password: str) -> bool:
    """Tell whether a password is a common stem (repeated, decorated, in leet), a walk, or a repetition.

    >>> is_common("P@ssw0rd2024!"), is_common("qwertyuiopasdf"), is_common("marmot lends seven kites")
    (True, True, False)
    """
    low = password.lower()
    if len(set(low)) <= 4 or _once(low) != low:  # aaaabbbb, hahahahahaha, 112233112233
        return True
    if any(low in walk or low in walk[::-1] for walk in _WALKS):
        return True
    # Digits inside are letters in disguise, those at the ends are decoration ("P@ssw0rd2026").
    bare = re.sub(r"^[^a-z]+|[^a-z]+$", "", low)
    return any(_is_stem(_once(re.sub(r"[^a-z]", "", text))) for text in (low, bare.translate(_LEET)))


def _once(text: str) -> str:
    # "passwordpassword" is "password" said twice: a text that is a repetition occurs inside its double.
    period = (text + text).find(text, 1)
    return text[:period] if 0 < period < len(text) else text


def _is_stem(letters: str) -> bool:
    if letters in STEMS:
        return True
    # Two stems in a row ("adminpassword") are one guess as well.
    return any(letters[:cut] in STEMS and letters[cut:] in STEMS for cut in range(1, len(letters)))
