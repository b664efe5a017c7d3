"""Numbers with check digits: is this one right, and (for tests and benchmarks) make one that is.

Each function takes the number as it is written, and names where its rule stands. None of them says that a
number is somebody's, only that it could be.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

_NOT_ALNUM = re.compile(r"[^0-9A-Za-z+]")
_IBAN_LENGTHS = dict(
    pair.split(":")
    for pair in [
        "AD:24",
        "AE:23",
        "AL:28",
        "AT:20",
        "AZ:28",
        "BA:20",
        "BE:16",
        "BG:22",
        "BH:22",
        "BR:29",
        "BY:28",
        "CH:21",
        "CR:22",
        "CY:28",
        "CZ:24",
        "DE:22",
        "DK:18",
        "DO:28",
        "EE:20",
        "EG:29",
        "ES:24",
        "FI:18",
        "FO:18",
        "FR:27",
        "GB:22",
        "GE:22",
        "GI:23",
        "GL:18",
        "GR:27",
        "GT:28",
        "HR:21",
        "HU:28",
        "IE:22",
        "IL:23",
        "IQ:23",
        "IS:26",
        "IT:27",
        "JO:30",
        "KW:30",
        "KZ:20",
        "LB:28",
        "LC:32",
        "LI:21",
        "LT:20",
        "LU:20",
        "LV:21",
        "LY:25",
        "MC:27",
        "MD:24",
        "ME:22",
        "MK:19",
        "MR:27",
        "MT:31",
        "MU:30",
        "NL:18",
        "NO:15",
        "PK:24",
        "PL:28",
        "PS:29",
        "PT:25",
        "QA:29",
        "RO:24",
        "RS:22",
        "SA:24",
        "SC:31",
        "SE:24",
        "SI:19",
        "SK:24",
        "SM:27",
        "ST:25",
        "SV:28",
        "TL:23",
        "TN:24",
        "TR:26",
        "UA:29",
        "VA:22",
        "VG:24",
        "XK:20",
    ]
)
_DNI = "TRWAGMYFPDXBNJZSQVHLCKE"
_HETU = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_FISCAL_ODD = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8,
         12, 14, 16, 10, 22, 25, 24, 23),
        strict=True,
    )
)  # fmt: skip
_D = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_P = (
    "0123456789", "1576283094", "5803796142", "8916043527", "9453126870",
    "4286573901", "2793806415", "7046913258",
)  # fmt: skip


def bare(text: str) -> str:
    """Return a number without what it is grouped by."""
    return _NOT_ALNUM.sub("", text).upper()


def iban(text: str) -> bool:
    """ISO 13616: the length of its country (SWIFT's registry), and 1 modulo 97."""
    value = bare(text)
    if _IBAN_LENGTHS.get(value[:2]) != str(len(value)) or not value.isalnum():
        return False
    return int("".join(str(int(c, 36)) for c in value[4:] + value[:4])) % 97 == 1


def luhn(text: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    total = 0
    for place, char in enumerate(reversed(text)):
        figure = int(char) * (1 + place % 2)
        total += figure - 9 if figure > 9 else figure
    return total % 10 == 0


def card(text: str) -> bool:
    """Luhn, and a length and first digits that an issuer uses (ISO/IEC 7812)."""
    value = bare(text)
    return value.isdigit() and _issued(value) and luhn(value) and len(set(value)) >= 4


def _issued(value: str) -> bool:
    size, two, four = len(value), int(value[:2]), int(value[:4])
    if value[0] == "4":
        return size in {13, 16, 19}
    if 51 <= two <= 55 or 2221 <= four <= 2720:
        return size == 16
    if two in {34, 37}:
        return size == 15
    if two in {36, 38, 39} or 300 <= int(value[:3]) <= 305:
        return size == 14
    return size in {16, 19} and (four == 6011 or two in {62, 64, 65} or 3528 <= four <= 3589)


def es_dni(text: str) -> bool:
    """Spain's DNI and NIE: a letter by the remainder modulo 23 (Ministerio del Interior)."""
    value = bare(text)
    number = str("XYZ".find(value[0])) + value[1:-1] if value[0] in "XYZ" else value[:-1]
    return number.isdigit() and _DNI[int(number) % 23] == value[-1]


def fr_nir(text: str) -> bool:
    """France's NIR: 97 less the remainder modulo 97, with Corsica's 2A and 2B as 19 and 18 (INSEE)."""
    value = bare(text)
    number = value[:13].replace("2A", "19").replace("2B", "18")
    return (
        len(value) == 15
        and number.isdigit()
        and value[13:].isdigit()
        and 97 - int(number) % 97 == int(value[13:])
    )


def de_tax(text: str) -> bool:
    """Germany's Steuer-ID: ISO 7064 MOD 11,10; one digit is there twice or thrice in the first ten (BZSt)."""
    value = bare(text)
    if len(value) != 11 or not value.isdigit() or value[0] == "0":
        return False
    counts = sorted(value[:10].count(c) for c in set(value[:10]))
    if counts[-1] not in {2, 3} or counts[:-1].count(1) != len(counts) - 1:
        return False
    product = 10
    for char in value[:10]:
        product = ((int(char) + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(value[10])


def it_fiscal(text: str) -> bool:
    """Italy's codice fiscale: a letter by sums of odd and even places (D.M. 23/12/1976)."""
    value = bare(text)
    if len(value) != 16 or not value.isalnum():
        return False
    total = sum(
        _FISCAL_ODD[c] if i % 2 == 0 else int(c, 36) - (10 if c.isalpha() else 0)
        for i, c in enumerate(value[:15])
    )
    return chr(65 + total % 26) == value[15]


def nl_bsn(text: str) -> bool:
    """Dutch BSN: the eleven-test, with the last place counted as minus one (RvIG)."""
    value = bare(text).rjust(9, "0")
    if len(value) != 9 or not value.isdigit() or len(set(value)) < 3:
        return False
    return (sum(int(c) * w for c, w in zip(value, range(9, 1, -1), strict=False)) - int(value[8])) % 11 == 0


def be_number(text: str) -> bool:
    """Belgium's national number: 97 less the remainder modulo 97, after a 2 from the year 2000 on."""
    value = bare(text)
    if (
        len(value) != 11
        or not value.isdigit()
        or not 1 <= int(value[2:4]) <= 12
        or not 1 <= int(value[4:6]) <= 31
    ):
        return False
    key = int(value[9:])
    return key in {97 - int(value[:9]) % 97, 97 - int("2" + value[:9]) % 97}


def pl_pesel(text: str) -> bool:
    """Poland's PESEL: a date of birth whose month says the century, and a weighted sum (gov.pl)."""
    value = bare(text)
    if len(value) != 11 or not value.isdigit():
        return False
    month, day = int(value[2:4]), int(value[4:6])
    century = {0: 1900, 1: 2000, 2: 2100, 3: 2200, 4: 1800}[month // 20]
    if not _is_date(century + int(value[:2]), month % 20, day):
        return False
    total = sum(int(c) * w for c, w in zip(value, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3), strict=False))
    return (10 - total % 10) % 10 == int(value[10])


def pt_nif(text: str) -> bool:
    """Portugal's NIF: a weighted sum modulo 11 (Decreto-Lei 14/2013)."""
    value = bare(text)
    if len(value) != 9 or not value.isdigit() or value[0] not in "1235689" or len(set(value)) < 3:
        return False
    rest = sum(int(c) * w for c, w in zip(value, range(9, 1, -1), strict=False)) % 11
    return (0 if rest < 2 else 11 - rest) == int(value[8])


def se_personnummer(text: str) -> bool:
    """Sweden's personnummer: a date, and Luhn over the last ten (Skatteverket)."""
    value = re.sub(r"\D", "", text)[-10:]
    day = int(value[4:6]) if len(value) == 10 else 0
    return 1 <= int(value[2:4] or 0) <= 12 and 1 <= (day - 60 if day > 60 else day) <= 31 and luhn(value)


def fi_hetu(text: str) -> bool:
    """Finland's henkilötunnus: a date, and a character by the remainder modulo 31 (DVV)."""
    value = text.upper()
    if len(value) != 11 or not (value[:6] + value[7:10]).isdigit():
        return False
    plausible = 1 <= int(value[:2]) <= 31 and 1 <= int(value[2:4]) <= 12 and int(value[7:10]) >= 2
    return plausible and _HETU[int(value[:6] + value[7:10]) % 31] == value[10]


def uk_nhs(text: str) -> bool:
    """NHS number: a weighted sum modulo 11, and never 10 (NHS Data Dictionary)."""
    value = bare(text)
    if len(value) != 10 or not value.isdigit() or len(set(value)) < 3:
        return False
    rest = 11 - sum(int(c) * w for c, w in zip(value, range(10, 1, -1), strict=False)) % 11
    return rest != 10 and rest % 11 == int(value[9])


def br_cpf(text: str) -> bool:
    """Brazil's CPF: two weighted sums modulo 11 (Receita Federal)."""
    value = bare(text)
    if len(value) != 11 or not value.isdigit() or len(set(value)) == 1:
        return False
    for size in (9, 10):
        rest = sum(int(c) * w for c, w in zip(value, range(size + 1, 1, -1), strict=False)) * 10 % 11 % 10
        if rest != int(value[size]):
            return False
    return True


def us_ssn(text: str) -> bool:
    """United States' SSN: no check digit; areas, groups and serials that are given out (SSA), no sample."""
    value = bare(text)
    if (
        len(value) != 9
        or not value.isdigit()
        or value in {"078051120", "219099999", "123456789", "111223333"}
    ):
        return False
    return value[:3] not in {"000", "666"} and value[0] != "9" and value[3:5] != "00" and value[5:] != "0000"


def in_aadhaar(text: str) -> bool:
    """India's Aadhaar: twelve digits, the first from 2 on, and Verhoeff's check (UIDAI)."""
    value = bare(text)
    if len(value) != 12 or not value.isdigit() or value[0] in "01" or len(set(value)) < 4:
        return False
    check = 0
    for place, char in enumerate(reversed(value)):
        check = int(_D[check][int(_P[place % 8][int(char)])])
    return check == 0


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        dt.date(year, month, day)
    except ValueError:
        return False
    return True


CHECKS: dict[str, Callable[[str], bool]] = {
    "iban": iban,
    "card": card,
    "es-dni": es_dni,
    "fr-nir": fr_nir,
    "de-tax": de_tax,
    "it-fiscal": it_fiscal,
    "nl-bsn": nl_bsn,
    "be-number": be_number,
    "pl-pesel": pl_pesel,
    "pt-nif": pt_nif,
    "se-personnummer": se_personnummer,
    "fi-hetu": fi_hetu,
    "uk-nhs": uk_nhs,
    "br-cpf": br_cpf,
    "us-ssn": us_ssn,
    "in-aadhaar": in_aadhaar,
}


def _until(
    check: Callable[[str], bool], form: Callable[[random.Random], str]
) -> Callable[[random.Random], str]:
    # A right number by trying: the last digit or two are right once in a hundred at worst.

    def make(rng: random.Random) -> str:
        while not check(made := form(rng)):
            pass
        return made

    return make


def _n(rng: random.Random, count: int) -> str:
    return "".join(rng.choice("0123456789") for _ in range(count))


def _day(rng: random.Random) -> tuple[str, str, str]:
    return f"{rng.randrange(100):02}", f"{rng.randrange(1, 13):02}", f"{rng.randrange(1, 29):02}"


def _iban(rng: random.Random) -> str:
    country = rng.choice(("DE", "ES", "BE", "AT", "PT", "PL"))
    body = _n(rng, int(_IBAN_LENGTHS[country]) - 4)
    rest = int("".join(str(int(c, 36)) for c in f"{body}{country}00")) % 97
    return f"{country}{98 - rest:02}{body}"


def _fiscal(rng: random.Random) -> str:
    letters = "BCDFGLMNPRSTVZ"
    name = "".join(rng.choice(letters) for _ in range(6))
    year, _month, day = _day(rng)
    month, check = rng.choice("ABCDEHLMPRST"), chr(rng.randrange(65, 91))
    return f"{name}{year}{month}{day}{rng.choice(letters)}{_n(rng, 3)}{check}"


def _nir(rng: random.Random) -> str:
    year, month, _ = _day(rng)
    body = f"{rng.choice('12')}{year}{month}{rng.randrange(1, 96):02}{_n(rng, 6)}"
    return f"{body}{97 - int(body) % 97:02}"


def _belgian(rng: random.Random) -> str:
    year, month, day = _day(rng)
    body = f"{year}{month}{day}{rng.randrange(1, 998):03}"
    return f"{year}.{month}.{day}-{body[6:]}.{97 - int(body) % 97:02}"


MAKERS: dict[str, Callable[[random.Random], str]] = {
    "iban": _iban,
    "card": _until(card, lambda r: r.choice(("4", "51", "2300", "6011")).ljust(4, "7") + _n(r, 12)),
    "card-grouped": lambda r: re.sub(r"(....)(?!$)", r"\1 ", MAKERS["card"](r)),
    "es-dni": _until(es_dni, lambda r: _n(r, 8) + r.choice(_DNI)),
    "es-nie": _until(es_dni, lambda r: r.choice("XYZ") + _n(r, 7) + r.choice(_DNI)),
    "fr-nir": _nir,
    "de-tax": _until(de_tax, lambda r: "".join(r.sample("0123456789", 9)) + _n(r, 2)),
    "it-fiscal": _until(it_fiscal, _fiscal),
    "nl-bsn": _until(nl_bsn, lambda r: _n(r, 9)),
    "be-number": _belgian,
    "pl-pesel": _until(pl_pesel, lambda r: "".join(_day(r)) + _n(r, 5)),
    "pt-nif": _until(pt_nif, lambda r: r.choice("12") + _n(r, 8)),
    "se-personnummer": _until(se_personnummer, lambda r: "".join(_day(r)) + "-" + _n(r, 4)),
    "fi-hetu": _until(fi_hetu, lambda r: "".join(reversed(_day(r))) + "-" + _n(r, 3) + r.choice(_HETU)),
    "uk-nhs": lambda r: re.sub(r"(...)(...)(....)", r"\1 \2 \3", _until(uk_nhs, lambda q: "4" + _n(q, 9))(r)),
    "br-cpf": lambda r: re.sub(
        r"(...)(...)(...)(..)", r"\1.\2.\3-\4", _until(br_cpf, lambda q: _n(q, 11))(r)
    ),
    "us-ssn": _until(
        us_ssn, lambda r: f"{r.randrange(101, 665)}-{r.randrange(10, 99)}-{r.randrange(1000, 9999)}"
    ),
    "in-aadhaar": lambda r: re.sub(
        r"(....)(....)(....)", r"\1 \2 \3", _until(in_aadhaar, lambda q: q.choice("23456789") + _n(q, 11))(r)
    ),
}
