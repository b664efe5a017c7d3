"""Checks of a value that has a rule's form: is it one? Each takes the match, and says yes or no."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import TYPE_CHECKING, TypeAlias

from .examples import crc62
from .placeholders import entropy, is_stand_in, is_weak_word, is_worded

if TYPE_CHECKING:
    from collections.abc import Callable

_HEX = re.compile(r"[0-9a-fA-F]+\Z")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z", re.IGNORECASE)
_NOISE = re.compile(r"(?:\\[nrt]|\\|[\s\"',+])+")
_PUBLIC = re.compile(r"public|_name|_url|track|album|playlist|user_?id", re.IGNORECASE)
_CONSTANT_OR_VERSION = re.compile(
    r"[A-Z]+(?:_[A-Z0-9]+)+|v?[0-9]+(?:\.[0-9]+){2}"
    r"(?:[-+.]?(?:[a-z]{1,10}|[A-Z]{1,10})?[0-9]{0,4})?(?:[-+.](?:[a-z]{1,10}[0-9]{0,4}|[0-9]{1,4})){0,3}"
)
_SERVICE = re.compile(
    r"(?:"
    r"adafruit|adobe|airtable|alchemy|algolia|alibaba|alpaca|alpha_?vantage|amplitude|asana|"
    r"auth0|bitbucket|bittrex|binance|cloudflare|codecov|cohere|coinbase|confluent|contentful|"
    r"datadog|dd_api|deepgram|deepl|deepseek|discord|elevenlabs|etherscan|etsy|facebook|fastly|"
    r"finnhub|flickr|freshbooks|gitter|heroku|hubspot|infura|intercom|jfrog|kaggle|kraken|"
    r"kucoin|launchdarkly|linkedin|looker|mattermost|messagebird|mistral|mixpanel|mlflow|"
    r"moralis|mux|neptune|netlify|news_?api|ngrok|nytimes|okta|openweather(?:map)?|pagerduty|"
    r"plaid|polygon|quandl|rapidapi|reddit|roboflow|segment|sendbird|serpapi|serper|shodan|"
    r"snowflake|snyk|sonar|spotify|stability|sumologic|tavily|tiingo|tmdb|together|travis|"
    r"trello|twitch|twitter|typesense|unsplash|vimeo|virustotal|voyage|weaviate|yelp|zendesk|"
    r"zoom"
    r")[A-Za-z0-9_.\- ]{0,30}\Z",
    re.IGNORECASE,
)

Match: TypeAlias = "re.Match[str]"


def value_of(match: Match) -> str:
    """Return what a rule's pattern says is the value."""
    return match["value"]


def _mixed(match: Match) -> bool:
    """Upper and lower case and digits: what a random key of such length has, and hardly a word."""
    value = value_of(match)
    return (
        any(c.isdigit() for c in value)
        and any(c.islower() for c in value)
        and any(c.isupper() for c in value)
    )


def _mixed_case(match: Match) -> bool:
    value = value_of(match)
    return any(c.islower() for c in value) and any(c.isupper() for c in value)


def _has_digits(match: Match) -> bool:
    return sum(c.isdigit() for c in value_of(match)) >= 4


def _not_hex(match: Match) -> bool:
    return _HEX.match(value_of(match)) is None


def crc_is_right(value: str) -> bool:
    """Tell whether a token of GitHub or npm ends with its own checksum."""
    body = value.partition("_")[2]
    return crc62(body[:-6]) == body[-6:]


def _crc32_if_36(match: Match) -> bool:
    # A wrong checksum is no proof of innocence (a token cut or mistyped is still half known): only words are
    # let go.
    value = value_of(match)
    body = value.partition("_")[2]
    return crc_is_right(value) if len(body) == 36 and _is_plain_case(body) else True


def _is_plain_case(body: str) -> bool:
    return not (any(c.islower() for c in body) and any(c.isupper() for c in body))


def _jwt(match: Match) -> bool:
    # The header is JSON with an algorithm, and it is not the token that every page about them shows.
    value = value_of(match)
    head, body, signature = [*value.split("."), "", ""][:3]
    decoded = _json_of(head)
    if not isinstance(decoded, dict) or not ("alg" in decoded or "enc" in decoded):
        return False
    return b"1234567890" not in _bytes_of(body) and len(signature) >= 16


def _json_of(part: str) -> object:
    try:
        return json.loads(_bytes_of(part))
    except (ValueError, RecursionError):
        return None


def _bytes_of(part: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError):
        return b""


def _armour(match: Match) -> bool:
    # What stands between the lines is base64 of some length: no dots, no words.
    letters = _NOISE.sub("", value_of(match))
    return len(letters) >= 40 and entropy(letters) >= 4.0 and not re.search(r"x{8,}|\.{3}", letters)


def _url_password(match: Match) -> bool:
    value, host = value_of(match), match["host"].lower()
    user = match[0].partition("://")[2].partition(":")[0]
    if is_stand_in(value) or is_weak_word(value) or value.lower() == user.lower():
        return False
    if re.search(r"[{}$<>()\[\]%]", value) and not re.search(r"%[0-9A-Fa-f]{2}", value):
        return False
    return not re.search(r"(?:^|\.)example(?:\.(?:com|org|net))?\b", host) or not is_worded(value)


def _basic_auth(match: Match) -> bool:
    # It decodes to a name and a password in readable characters.
    try:
        text = base64.b64decode(value_of(match), validate=True).decode()
    except (binascii.Error, ValueError):
        return False
    name, colon, password = text.partition(":")
    return bool(name and colon) and text.isprintable() and _is_password(password)


def is_key(value: str) -> bool:
    """Tell whether a value may be a key: long, of letters and digits, no words, no sample.

    >>> is_key("0f3c2d9a7b1e4f6680aa55c1d2e3f490"), is_key("bert-base-uncased")
    (True, False)
    """
    if not 16 <= len(value) <= 4096 or is_stand_in(value) or re.search(r"\s|://|^[./~]|\(\)|[<>{}]", value):
        return False
    figures = sum(c.isdigit() for c in value)
    cases = any(c.islower() for c in value) and any(c.isupper() for c in value)
    if (
        (figures < 2 and not (cases and len(value) >= 20))
        or figures == len(value)
        or entropy(value) < (3.0 if _HEX.match(value) else 3.2)
    ):
        return False
    return not is_worded(value)


def is_password(value: str) -> bool:
    """Tell whether a value may be a password: no word of a manual, no sample, no name of something.

    >>> is_password("Tr0ub4dor&3"), is_password("changeme"), is_password("username")
    (True, False, False)
    """
    return _is_password(value)


def _is_password(value: str) -> bool:
    if not 6 <= len(value) <= 200 or is_stand_in(value) or is_weak_word(value) or "://" in value:
        return False
    if _CONSTANT_OR_VERSION.fullmatch(value):
        return False
    if re.search(r"^[./~\\]|^[A-Za-z_.]+\(|\s{2}|^[A-Za-z_]+\[[\"']", value):
        return False
    if " " in value and is_worded(value):
        return False
    letters = any(c.isalpha() for c in value)
    others = any(not c.isalpha() and c not in " _-." for c in value)
    if letters and others:
        return entropy(value) >= 2.2 and not re.fullmatch(
            r"[a-z]+(?:[_\-. ][a-z]+)*[0-9]{0,1}|[A-Z_]+", value
        )
    return len(value) >= 10 and letters and not is_worded(value) and entropy(value) >= 3.0


def _key_like(match: Match) -> bool:
    return is_key(value_of(match))


def _password_like(match: Match) -> bool:
    return is_password(value_of(match))


def _cookie_line(match: Match) -> bool:
    # It stands behind the word, in the same line.
    before = match.string[max(0, match.start() - 300) : match.start()]
    return "cookie" in before[before.rfind("\n") + 1 :].lower()


def _named_key(match: Match) -> bool:
    """Its name is of a service, and of nothing public: "spotify_track_id" says something else."""
    head = match.string[max(0, match.start() - 60) : match.end() - len(match[0]) + 8]
    before = match.string[max(0, match.start() - 60) : match.start()]
    return _SERVICE.search(before) is not None and not _PUBLIC.search(head)


def _discord_id(match: Match) -> bool:
    """Its first part is the bot's id, in base64."""
    return _bytes_of(value_of(match).partition(".")[0]).isdigit()


CHECKS: dict[str, Callable[[Match], bool]] = {
    "armour": _armour,
    "basic-auth": _basic_auth,
    "cookie-line": _cookie_line,
    "crc32-if-36": _crc32_if_36,
    "discord-id": _discord_id,
    "has-digits": _has_digits,
    "jwt": _jwt,
    "key-like": _key_like,
    "mixed": _mixed,
    "mixed-case": _mixed_case,
    "named-key": _named_key,
    "not-hex": _not_hex,
    "password-like": _password_like,
    "url-password": _url_password,
}
