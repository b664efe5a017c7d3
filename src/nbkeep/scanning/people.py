"""Finds the columns of a table that are about people: by their names, and by what stands in them."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING

from .checks import is_key, is_password

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NAME = re.compile(
    r"^(?:(?:first|last|given|family|middle|maiden|full|sur|christian|customer|client|patient|employee|person|student|"
    r"contact|member|user|owner|manager|passenger|author|guest|teacher|doctor|legal|display|account_?holder|"
    r"card_?holder|holder|applicant|borrower|recipient|sender)[ _.\-]?(?:full[ _.\-]?)?names?|"
    r"surname|forename|lastname|firstname|fullname|vorname|nachname|familienname|"
    r"pr[eé]nom|nom(?:[ _]de[ _]famille)?|"
    r"nombre|apellidos?|nome|cognome|sobrenome|voornaam|achternaam|imi[eę]|nazwisko|f[oö]rnamn|efternamn|etunimi|sukunimi|"
    r"fname|lname|customer|patient|employee|passenger|contact[ _]person)$",
    re.IGNORECASE,
)
_MAYBE_NAME = re.compile(
    r"^(?:names?|person|people|who|author|owner|contact|user|member|student)$", re.IGNORECASE
)
_STREET = re.compile(
    r"^(?:(?:street|home|mailing|postal|billing|shipping|delivery|residential|work|customer|patient|full|primary|"
    r"contact|user|client|employee)?[ _.\-]?(?:address|addr)[ _.\-]?(?:line)?[ _.\-]?[123]?|"
    r"street(?:[ _]name)?|"
    r"stra(?:ss|ß)e|anschrift|adresse|adress|direcci[oó]n|domicilio|calle|indirizzo|via|endere[cç]o|morada|rua|adres|"
    r"ulica|straat|katuosoite|osoite|gatuadress|home)$",
    re.IGNORECASE,
)
_BIRTH = re.compile(
    r"^(?:(?:date[ _.\-]?of[ _.\-]?)?birth(?:[ _.\-]?(?:date|day))?|dob|d\.o\.b\.?|bdate|born(?:[ _]on)?|"
    r"geburtsdatum|geboren|"
    r"date[ _]de[ _]naissance|naissance|fecha[ _]de[ _]nacimiento|nacimiento|data[ _]di[ _]nascita|"
    r"geboortedatum|"
    r"(?:customer|patient|employee)[ _](?:dob|birth_?date))$",
    re.IGNORECASE,
)
_SECRET = re.compile(
    r"(?:^|[ _.\-])(?:password|passwd|pwd|passphrase|secret|token|credentials?|"
    r"(?:api|access|secret|private|storage|account|auth|app|client|service|encryption|signing|license|subscription)"
    r"[ _.\-]?(?:key|secret|token|pass))$",
    re.IGNORECASE,
)
_PERSON = re.compile(
    r"(?:(?:Dr|Mrs?|Ms|Prof|Herr|Frau|Mme|M|Sr|Sra)\.? )?[^\W\d_]['\u2019\w.\-]*(?:,? "
    r"(?:(?:van|von|de|der|den|da|di|del|la|"
    r"le|bin|al|el|dos|du|ter|zu)\b ?)*[^\W\d_]['\u2019\w.\-]*){0,4}\Z"
)
_DATE = re.compile(
    r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/. ]\d{1,2}[-/. ]\d{2,4}|"
    r"\d{1,2}[ -][A-Za-z]{3,9}[ -,]+\d{4})(?:[ T]00:00.*)?\Z"
)
_PLACE = re.compile(r"0x[0-9a-f]+|[0-9.:]+\Z|[^ ]+@[^ ]+|https?:|[0-9a-f]{12,}|[/\\]", re.IGNORECASE)
_EMPTY = frozenset(("", "nan", "none", "null", "n/a", "na", "nat", "-", "<na>", "..."))
_MOST = 0.6
# Given names that are common in many countries: for columns that are called "name" and may hold anything.
_GIVEN = frozenset(
    (files("nbkeep.scanning") / "rules" / "given-names.txt")
    .read_text(encoding="utf-8")
    .partition("\n\n")[2]
    .split()
)


def rows(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield where the value of each line stands, without the blanks and quotes around it."""
    at = 0
    for line in text.split("\n"):
        value = line.strip(" \t\r\"'")
        begin = at + line.find(value) if value else at
        yield begin, begin + len(value), value
        at += len(line) + 1


def names(column: str, text: str) -> Iterator[tuple[int, int]]:
    """Yield the cells of a column of people's names: by what it is called and by what it holds."""
    bare = _bare(column)
    sure = _NAME.match(bare) is not None
    if not sure and not _MAYBE_NAME.match(bare):
        return
    kept = _mostly(text, lambda value: _PERSON.match(value) is not None and len(value) <= 60)
    if not kept:
        return
    known = sum(_given(value) for _begin, _end, value in kept)
    if sure or known >= 0.3 * len(kept):
        yield from ((begin, end) for begin, end, _value in kept)


def addresses(column: str, text: str) -> Iterator[tuple[int, int]]:
    """Yield the cells of a column that is called after postal addresses and holds words with numbers."""
    if _STREET.match(_bare(column)):
        yield from ((b, e) for b, e, _value in _mostly(text, _is_place))


def births(column: str, text: str) -> Iterator[tuple[int, int]]:
    """Yield the dates of a column of dates of birth."""
    if _BIRTH.match(_bare(column)):
        yield from ((b, e) for b, e, _value in _mostly(text, lambda value: _DATE.match(value) is not None))


def secrets(column: str, text: str) -> Iterator[tuple[int, int]]:
    """Yield the passwords and keys of a column that is called so."""
    if _SECRET.search(column.strip()):
        for begin, end, value in rows(text):
            if is_password(value) if re.search(r"pass|pwd", column, re.IGNORECASE) else is_key(value):
                yield begin, end


def _is_place(value: str) -> bool:
    return (
        any(c.isdigit() for c in value)
        and sum(c.isalpha() for c in value) >= 4
        and (" " in value or "\u00a0" in value)
        and len(value) <= 160
        and not _PLACE.match(value)
    )


def _given(value: str) -> bool:
    return any(word.strip(".,").lower() in _GIVEN for word in value.split(" "))


def _mostly(text: str, is_one: Callable[[str], bool]) -> list[tuple[int, int, str]]:
    # The cells that are such, if most of those that hold anything are.
    filled = [cell for cell in rows(text) if cell[2].lower() not in _EMPTY]
    kept = [cell for cell in filled if is_one(cell[2])]
    return kept if filled and len(kept) >= _MOST * len(filled) else []


def _bare(column: str) -> str:
    """firstName, "First Name", first_name: one."""
    split = re.sub(r"(?<=[a-zà-ÿ])(?=[A-Z])", "_", column.strip())
    return re.sub(r"[\s_.\-]+", "_", split).strip("_")
