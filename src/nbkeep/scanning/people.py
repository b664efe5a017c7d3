"""Finds the columns of a table that are about people: by their names, and by what stands in them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .checks import is_key, is_password

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NAME = re.compile(
    r"^(?:(?:first|last|given|family|middle|maiden|full|sur|christian|customer|client|patient|employee|person|student|"
    r"contact|member|user|owner|manager|passenger|author|guest|teacher|doctor|legal|display|account_?holder|"
    r"card_?holder|holder|applicant|borrower|recipient|sender)[ _.\-]?(?:full[ _.\-]?)?names?|"
    r"surname|forename|lastname|firstname|fullname|vorname|nachname|familienname|pr[eé]nom|nom(?:[ _]de[ _]famille)?|"
    r"nombre|apellidos?|nome|cognome|sobrenome|voornaam|achternaam|imi[eę]|nazwisko|f[oö]rnamn|efternamn|etunimi|sukunimi|"
    r"fname|lname|customer|patient|employee|passenger|contact[ _]person)$",
    re.IGNORECASE,
)
_MAYBE_NAME = re.compile(r"^(?:names?|person|people|who|author|owner|contact|user|member|student)$", re.IGNORECASE)
_STREET = re.compile(
    r"^(?:(?:street|home|mailing|postal|billing|shipping|delivery|residential|work|customer|patient|full|primary|"
    r"contact|user|client|employee)?[ _.\-]?(?:address|addr)[ _.\-]?(?:line)?[ _.\-]?[123]?|street(?:[ _]name)?|"
    r"stra(?:ss|ß)e|anschrift|adresse|adress|direcci[oó]n|domicilio|calle|indirizzo|via|endere[cç]o|morada|rua|adres|"
    r"ulica|straat|katuosoite|osoite|gatuadress|home)$",
    re.IGNORECASE,
)
_BIRTH = re.compile(
    r"^(?:(?:date[ _.\-]?of[ _.\-]?)?birth(?:[ _.\-]?(?:date|day))?|dob|d\.o\.b\.?|bdate|born(?:[ _]on)?|geburtsdatum|geboren|"
    r"date[ _]de[ _]naissance|naissance|fecha[ _]de[ _]nacimiento|nacimiento|data[ _]di[ _]nascita|geboortedatum|"
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
    r"(?:(?:Dr|Mrs?|Ms|Prof|Herr|Frau|Mme|M|Sr|Sra)\.? )?[^\W\d_]['’\w.\-]*(?:,? (?:(?:van|von|de|der|den|da|di|del|la|"
    r"le|bin|al|el|dos|du|ter|zu)\b ?)*[^\W\d_]['’\w.\-]*){0,4}\Z"
)
_DATE = re.compile(r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/. ]\d{1,2}[-/. ]\d{2,4}|\d{1,2}[ -][A-Za-z]{3,9}[ -,]+\d{4})(?:[ T]00:00.*)?\Z")
_PLACE = re.compile(r"0x[0-9a-f]+|[0-9.:]+\Z|[^ ]+@[^ ]+|https?:|[0-9a-f]{12,}|[/\\]", re.IGNORECASE)
_EMPTY = frozenset(("", "nan", "none", "null", "n/a", "na", "nat", "-", "<na>", "..."))
_MOST = 0.6
# Given names that are common in many countries: for columns that are called "name" and may hold anything.
_GIVEN = frozenset(
    "aaliyah aaron abdul abigail adam adrian agnes ahmed aisha alan albert alejandra alejandro alex alexander alexandra "
    "alexis ali alice alicia alina alison amanda amara amelia amina amir amy ana andre andrea andreas andrei andrew angela "
    "anita ann anna anne annika anthony antonio ari arjun arthur astrid ashley aya barbara beatriz ben benjamin bernd "
    "beth betty bianca bob boris brandon brenda brian bruno camila carla carlos carmen carol caroline catherine cecilia "
    "charles charlotte chen chiara chloe chris christian christina christine christopher claire clara claudia connor "
    "craig cristina daniel daniela david deborah deepak dennis diana diego dieter dimitri dmitri donald donna dorothy "
    "douglas edward elena eli elias elif elisa elizabeth ella ellen emil emilia emily emma eric erik erika ethan eva evelyn "
    "fatima felix fernanda fernando filip finn fiona florian frances francesca francisco frank frederik freya gabriel "
    "gabriela george gerald gerhard gina giovanni giulia gloria grace greta gregory guillaume gustavo hana hannah hans harold "
    "harry hassan heather heidi heinz helen helena henrik henry hiroshi hugo ian ibrahim igor ines ingrid irene iris "
    "isaac isabel isabella ivan jack jacob jacqueline jakob james jan jane janet jason javier jean jeff jennifer jens "
    "jeremy jessica joan joana joanna joao joe johan johanna john jon jonas jonathan jorge jose joseph joshua joyce juan "
    "judith julia julian julie julien jurgen justin karen karim karin karl katarzyna kate katharina kathleen kathryn "
    "katie keiko keith kelly ken kenneth kenji kevin khadija kim klaus kristina kumar kyle lars laura lauren lea leah lei "
    "lena leo leon leonardo li lily linda lisa liam lorenzo louis louise luca lucas lucia lucy luis luisa luke lukas "
    "magdalena maja manuel marc marco marcos marek margaret maria mariam marie marina mario mark marko markus marta "
    "martha martin martina mary maryam matej mateo mathias matteo matthew max maya megan mehmet mei melissa mia michael "
    "michal michelle miguel mika mike mila milan ming mohamed mohammed monica monika muhammad nadia naomi natalia "
    "natalie nathan nicholas nick nicola nicole nikhil nikola nils nina noah noor nora oleg oliver olivia omar oscar "
    "pablo pamela paola patricia patrick paul paula paulo pedro peter petra philip philippe pierre piotr priya rachel "
    "rafael rahul raj ralph ramon raquel rashid raymond rebecca rene ricardo richard rita robert roberto roger roland "
    "roman rosa rose ruth ryan sabine sakura salma sam samantha samir samuel sana sandra sanjay sara sarah scott sean "
    "sebastian sergei sergio sharon simon simone sofia sonia sophia sophie stefan stefanie stephanie stephen steven "
    "sunita susan susanne sven sylvia tamara tanja tariq teresa theo theresa thomas tim timothy tina tobias tom tomas "
    "tomasz tyler uwe valentina valeria vanessa vera veronica victor victoria vijay vincent viktor virginia vladimir "
    "walter wei wendy werner wilhelm william wolfgang xavier yan yasmin yuki yusuf yvonne zahra zoe zoran".split()
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
    """Yield the cells of a column that is called after people's names and holds such, or is called "name" and does."""
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
    """The cells that are such, if most of those that hold anything are."""
    filled = [cell for cell in rows(text) if cell[2].lower() not in _EMPTY]
    kept = [cell for cell in filled if is_one(cell[2])]
    return kept if filled and len(kept) >= _MOST * len(filled) else []


def _bare(column: str) -> str:
    """firstName, "First Name", first_name: one."""
    split = re.sub(r"(?<=[a-zà-ÿ])(?=[A-Z])", "_", column.strip())
    return re.sub(r"[\s_.\-]+", "_", split).strip("_")
