"""From what people write to values; every refusal names the field, and never repeats a secret."""

from __future__ import annotations

import re
from dataclasses import replace

from nbkeep.egress.aws_keys import aws_keys
from nbkeep.egress.parse import parse_host, parse_port
from nbkeep.model.errors import Refused, invalid

from .references import parse_reference
from .values import Binding, Kind

_NAME = re.compile(r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$")
_LABEL = re.compile(r"^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$")
_TOKEN = re.compile(r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$")  # RFC 9110, 5.6.2
_PARAMETER = re.compile(r"^[A-Za-z0-9._~-]{1,100}$")
_SCOPE = re.compile(r"^([a-z0-9-]{1,40})/([a-z0-9-]{1,40})$")
_ENV = re.compile(r"^[A-Z][A-Z0-9_]{0,99}$")
_BASIC_USER = re.compile(r"^[\x21-\x39\x3b-\x7e]{1,200}$")  # visible, without a colon (RFC 7617)
_ROLE = re.compile(r"^[^\x00-\x20\x7f]{1,63}$")
_HTTPS, _MAX_PORT = 443, 65535
_MOST_HOSTS, _HOST_LENGTH = 20, 253
_SHORTEST, _LONGEST = 8, 16_384
_TEMPLATE_LENGTH = 400
# What frames a request, or belongs to the connection: a credential there would be a way to smuggle.
_NOT_HEADERS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "keep-alive",
     "proxy-authorization", "proxy-connection", "expect", "accept-encoding"}
)  # fmt: skip
# What would decide how programs run, or where the platform's own doors are.
_NOT_ENV = ("PATH", "HOME", "SHELL", "USER", "LANG", "IFS", "ENV", "PS4", "TMPDIR", "NO_PROXY")
_NOT_ENV_PARTS = ("LD_", "PYTHON", "BASH", "NBKEEP", "JUPYTER", "SSL_", "GIT_", "NODE_", "OMP_")


def secret_name(text: str) -> str:
    """Return a secret's name; raise `Refused` (400) for anything else."""
    if not _NAME.fullmatch(text):
        raise invalid("name", f"{text[:60]!r} is not a name for a secret.",
                      "Use 1 to 40 small letters, digits and hyphens.")  # fmt: skip
    return text


def secret_value(value: str, kind: Kind = "header") -> str:
    """Return a value without the line's end that a pipe adds; raise `Refused` (400), not repeating it.

    Keys of AWS may come as JSON over many lines: they are returned in one form.
    """
    if kind in {"sigv4", "s3"}:
        return aws_keys(value).text
    value = value.removesuffix("\n").removesuffix("\r")
    if not _SHORTEST <= len(value) <= _LONGEST:
        raise invalid("value", f"A value has {_SHORTEST} to {_LONGEST} characters; this has {len(value)}.",
                      "Shorter ones could not be found in what a server sends back.")  # fmt: skip
    if not value.isascii() or not value.isprintable():
        raise invalid("value", "The value holds characters other than printable ASCII ones.",
                      "A value is one line.")  # fmt: skip
    if kind == "header" and value != value.strip():
        raise invalid("value", "The value begins or ends with a blank.", "Leave blanks out.")
    return value


def host(text: str, *, may_be_wild: bool = False) -> str:
    """Return `name:port` of what an owner wrote; port 443 where none is given.

    Exact names only, or else `*.name` for all that lies below a name.
    """
    name, colon, port_text = text.strip().lower().rpartition(":")
    if not colon:
        name, port_text = port_text, str(_HTTPS)
    wild = "*." if may_be_wild and name.startswith("*.") and name.count(".") > 1 else ""
    name = _ascii(name.removeprefix(wild), text)
    port = int(port_text) if port_text.isascii() and port_text.isdigit() and len(port_text) <= 5 else 0
    labels = name.split(".")
    is_name = len(name) <= _HOST_LENGTH and all(_LABEL.fullmatch(one) for one in labels)
    if not is_name or labels[-1].isdigit() or not 0 < port <= _MAX_PORT:
        raise invalid("host", f"{text[:300]!r} is not the name of a host.",
                      "Write exact names, like api.example.com or api.example.com:8443.")  # fmt: skip
    return f"{wild}{name}:{port}"


def _ascii(name: str, text: str) -> str:
    try:
        return name.removesuffix(".").encode("idna").decode() if name else ""
    except UnicodeError as error:
        raise invalid("host", f"{text[:300]!r} is not the name of a host.", "Check its spelling.") from error


def binding(
    hosts: list[str],
    header: str | None = None,
    query: str | None = None,
    basic: str | None = None,
    *,
    sigv4: str | None = None,
    postgres: str | None = None,
    s3: str | None = None,
    source: str | None = None,
) -> Binding:
    """Return a binding of exactly one kind; raise `Refused` (400) for anything else.

    Only what is signed with goes to `*.name`, too (each bucket has a host): it is not in the request.
    """
    if source:
        lies = str(parse_reference(source))
        bound = binding(hosts, header, query, basic, sigv4=sigv4, postgres=postgres, s3=s3)
        return replace(bound, source=lies)
    if postgres is not None or s3 is not None:
        is_alone = [header, query, basic, sigv4, postgres, s3].count(None) == 5  # one is given
        made, said = (_postgres, postgres) if s3 is None else (_s3, s3)
        return made(hosts, said or "", is_alone=is_alone)
    found = tuple(dict.fromkeys(host(one, may_be_wild=sigv4 is not None) for one in hosts))
    if not found or len(found) > _MOST_HOSTS:
        raise invalid("host", f"A secret is bound to 1 to {_MOST_HOSTS} hosts.", "Give --host HOST[:PORT].")
    if sum(one is not None for one in (header, query, basic, sigv4)) != 1:
        raise Refused("invalid-kind", "Say in exactly one way how the value is sent.",
                      "Give a header like 'Authorization: Bearer {}', a query parameter, a user of basic "
                      "authentication, or region and service of AWS's signature.", status=400)  # fmt: skip
    if header is not None:
        return _header(found, header)
    if query is not None:
        if not _PARAMETER.fullmatch(query):
            raise invalid("query", f"{query[:60]!r} is not the name of a query parameter.",
                          "Write it like api_key.")  # fmt: skip
        return Binding(found, "query", query, "{}")
    if sigv4 is not None:
        return _signature(found, sigv4)
    user = basic or ""
    if not _BASIC_USER.fullmatch(user):
        raise invalid("basic", f"{user[:60]!r} is not a user for basic authentication.",
                      "A colon and blanks cannot be part of it.")  # fmt: skip
    return Binding(found, "basic", "", user)


def _signature(hosts: tuple[str, ...], text: str) -> Binding:
    scope = _SCOPE.fullmatch(text)
    if scope is None:
        raise invalid("sigv4", f"{text[:60]!r} is no region and service of AWS.",
                      "Write them like eu-central-1/s3.")  # fmt: skip
    return Binding(hosts, "sigv4", scope[1], scope[2])


def _s3(hosts: list[str], region: str, *, is_alone: bool) -> Binding:
    """Return the binding of keys that read datasets, at one server."""
    if not is_alone:
        raise invalid("s3", "Keys of datasets are sent in no other way.", "Leave the other ways out.")
    if len(hosts) != 1:
        raise invalid("host", "Keys of datasets are bound to one host.", "Give one --host HOST[:PORT].")
    place = "{}:{}".format(*parse_place(hosts[0], _HTTPS))
    return replace(_signature((place,), f"{region}/s3"), kind="s3")


def _postgres(hosts: list[str], role: str, *, is_alone: bool) -> Binding:
    """Return the binding of a role's password; addresses are hosts, too, and the port is 5432."""
    if not is_alone:
        raise invalid("postgres", "The password of a database's role is sent in no other way.",
                      "Leave header, query and basic out.")  # fmt: skip
    if not hosts or len(hosts) > _MOST_HOSTS:
        raise invalid("host", f"A secret is bound to 1 to {_MOST_HOSTS} hosts.", "Give --host HOST[:PORT].")
    places = tuple(dict.fromkeys("{}:{}".format(*parse_place(one, 5432)) for one in hosts))
    if not _ROLE.fullmatch(role):
        raise invalid("postgres", f"{role[:63]!r} is not the name of a role.",
                      "Write it as PostgreSQL has it: up to 63 visible characters.")  # fmt: skip
    return Binding(places, "postgres", "", role)


def parse_place(text: str, port: int) -> tuple[str, int]:
    """Return host and port of `host`, `host:5432` or `[2001:db8::1]:5432`; raise `Refused` (400)."""
    name, colon, port_text = text.strip().rpartition(":")
    if not colon or "]" in port_text or (":" in name and not name.endswith("]")):
        return parse_host(text.strip()), port
    return parse_host(name), parse_port(port_text)


def _header(hosts: tuple[str, ...], text: str) -> Binding:
    name, colon, template = text.partition(":")
    name, template = name.strip(), template.strip()
    fits = bool(colon) and template.count("{}") == 1 and len(template) <= _TEMPLATE_LENGTH
    if not fits or not _TOKEN.fullmatch(name) or not template.isascii() or not template.isprintable():
        raise invalid("header", f"{text[:60]!r} is not a header with a place for the value.",
                      "Write it like 'Authorization: Bearer {}'.")  # fmt: skip
    if name.lower() in _NOT_HEADERS:
        raise invalid("header", f"The header {name} cannot carry a secret.", "Choose another.")
    return Binding(hosts, "header", name, template)


def env_name(text: str) -> str:
    """Return the name of an environment variable for a placeholder, "" for none."""
    if text and (not _ENV.fullmatch(text) or text in _NOT_ENV or text.startswith(_NOT_ENV_PARTS)
                 or text.endswith(("_PROXY", "_CA_BUNDLE"))):  # fmt: skip
        raise invalid("env", f"{text[:60]!r} cannot hold a placeholder.",
                      "Write a name in capitals, like OPENAI_API_KEY.")  # fmt: skip
    return text
