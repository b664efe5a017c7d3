"""What lines for a shell would do: by the programs they name, what is piped into what, what is written."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from . import decoding, places
from .programs import FETCHERS, INTERPRETERS, SHELLS, Inner, Run, about, host_among, path
from .values import DANGEROUS, NOTABLE, Spot

if TYPE_CHECKING:
    from .collect import Collector

_WRAPPERS = frozenset({
    "sudo", "doas", "nohup", "time", "exec", "command", "nice", "timeout", "stdbuf", "xargs", "env",
    "setsid", "builtin", "!", "then", "do", "else", "if", "while", "busybox", "ionice", "unbuffer", "{",
    "until",
})  # fmt: skip
_OPERATOR = re.compile(r"[|&;()<>\n]+")
_INNER = re.compile(r"\$\(([^()]{1,4000})\)|`([^`]{1,4000})`|[<>]\(([^()]{1,4000})\)")
_FETCHES = re.compile(rf"(?:^|[\s;|&(/])(?:{'|'.join(sorted(FETCHERS))})\s")
# What runs the output of `$(…)`, of backticks or of `<(…)` that stands right behind it.
_RUNS_INNER = re.compile(
    rf"(?:^|[\s;|&({{'\"/!])(?:(?:{'|'.join(sorted((*SHELLS, *INTERPRETERS)))})[\d.]*(?:\s+-[\w-]+)*"
    r"|eval|source|\.|exec)\s+(?:<{1,3}\s*)?[\"']?\s*\Z|(?:\A|[;&|])\s*\Z"
)
_ASSIGN = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)\}?")
_BOMB = re.compile(r":\s*\(\s*\)\s*\{\s*:\s*\|\s*:")
_TUNNEL = re.compile(r"/dev/(?:tcp|udp)/[^\s'\"]{1,100}")
_DECODES = {
    "base64": ("base64", decoding.unbase64), "xxd": ("hex", decoding.unhex), "base32": ("base32", None),
    "openssl": ("a cipher", None), "gunzip": ("gzip", None), "zcat": ("gzip", None),
    "uudecode": ("uuencode", None), "rev": ("reversed", None),
}  # fmt: skip


def look(text: str, spot: Spot, found: Collector, inner: Inner, depth: int = 0) -> None:
    """Note what a text for a shell would do, each line at its line. Raises nothing for any text."""
    if depth > 6:
        found.miss(spot, "has more shells within shells than are looked into")
        return
    if _BOMB.search(text):
        found.add(
            "shell",
            DANGEROUS,
            spot,
            "starts itself again and again until nothing else runs (a fork bomb)",
            text,
        )
    variables: dict[str, str] = {}
    lines = _continued(text) if "\\\n" in text else text.split("\n")
    for number, line in enumerate(lines[:50_000]):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        here = replace(spot, line=spot.line + number) if spot.line else spot
        if len(stripped) > 100_000:
            found.miss(here, "has a line for a shell that is too long to be read")
            continue
        _line(
            _VARIABLE.sub(lambda one: variables.get(one[1], one[0]), stripped),
            here,
            found,
            inner,
            variables,
            depth,
        )


def _continued(text: str) -> list[str]:
    """Return the lines with those joined that go on, at their first; empty ones keep the count."""
    made: list[str] = []
    pending, empty = "", 0
    for line in text.split("\n"):
        if line.endswith("\\"):
            pending += line[:-1]
            empty += 1
            continue
        made += [pending + line, *[""] * empty]
        pending, empty = "", 0
    return [*made, pending] if pending else made


def _line(
    text: str, spot: Spot, found: Collector, inner: Inner, variables: dict[str, str], depth: int
) -> None:
    for tunnel in _TUNNEL.findall(text):
        found.add("network", DANGEROUS, spot, f"opens a raw connection by the shell itself: {tunnel}", text)
    for named in _INNER.finditer(text):
        said = next((one for one in named.groups() if one), "")
        look(said, spot, found, inner, depth + 1)
        if _FETCHES.search(said) and _RUNS_INNER.search(text[max(0, named.start() - 300) : named.start()]):
            found.add("network", DANGEROUS, spot, f"runs what it fetches from {_host(said.split())}", text)
    lying = places.names_credentials(text)
    if lying:
        found.add("credentials", DANGEROUS, spot, f"names {lying}, where keys and passwords lie", text)
    for pipeline in _pipelines(text):
        _pipeline(pipeline, text, spot, found, inner, variables, depth)


def _pipelines(text: str) -> list[list[list[str]]]:
    """Return the commands of a line: each a list of words, joined by pipes to pipelines."""
    try:
        lexer = shlex.shlex(text, posix=True, punctuation_chars="|&;()<>")
        lexer.whitespace_split = True
        lexer.commenters = ""
        words = list(lexer)
    except ValueError:  # a quote that is never closed
        words = [word for word in re.split(r"(\|\||&&|[|&;()<>])|\s+", text) if word]
    pipelines: list[list[list[str]]] = [[[]]]
    for word in words:
        if word in {"|", "|&"}:
            pipelines[-1].append([])
        elif _OPERATOR.fullmatch(word) and not set(word) & set("<>"):
            pipelines.append([[]])
        else:
            pipelines[-1][-1].append(word)
    return [made for one in pipelines if (made := [command for command in one if command])]


def _pipeline(
    commands: list[list[str]],
    text: str,
    spot: Spot,
    found: Collector,
    inner: Inner,
    variables: dict[str, str],
    depth: int,
) -> None:
    fetched = decoded = told = ""
    for words in commands:
        name, arguments = _command(words, spot, found, variables, text)
        into = _writes(words, text, spot, found)
        if not name:
            continue
        found.trail.runs(name, spot, text)
        runs = name in SHELLS or name in INTERPRETERS
        if runs and (fetched or decoded) and not _is_file_given(arguments):
            what = f"runs what it fetches from {fetched}" if fetched else f"runs what it decodes ({decoded})"
            found.add("payload" if decoded and not fetched else "network", DANGEROUS, spot, what, text)
        if _is_decoding(name, arguments):
            decoded = _DECODES[name][0]
            _decode(name, told, spot, inner)
        if name in FETCHERS:
            fetched = _host(arguments)
        if fetched:
            for one in (*into, *(arguments if name == "tee" else ())):
                found.trail.fetches(one, fetched)
        if name in {"echo", "printf"}:
            if any("$(" in one and _FETCHES.search(one) for one in arguments):
                fetched = _host(arguments)
            told = " ".join(one for one in arguments if one not in {"-n", "-e", "-ne"})
        about(Run(name, arguments, text, spot, found, inner, depth))


def _host(words: list[str]) -> str:
    hosts = (places.host_of(one) for one in places.addresses_in(" ".join(words)))
    return next(hosts, "") or host_among(words, "elsewhere")


def _is_decoding(name: str, arguments: list[str]) -> bool:
    if name in {"base64", "xxd"}:
        flags = {"-d", "-D", "--decode", "-r", "-di", "-rp"}
        return bool(flags & set(arguments)) or "-r" in "".join(arguments)
    return name in _DECODES and (name != "openssl" or "-d" in arguments)


def _decode(name: str, told: str, spot: Spot, inner: Inner) -> None:
    how, undo = _DECODES[name]
    data = undo(told.encode("utf-8", "replace")) if undo is not None and told else None
    if data:
        inner.payload(data, spot, how)


def _is_file_given(arguments: list[str]) -> bool:
    return any(not one.startswith("-") for one in arguments)


def _command(
    words: list[str], spot: Spot, found: Collector, variables: dict[str, str], text: str
) -> tuple[str, list[str]]:
    """Return the program of a command and its arguments, without what stands before it."""
    rest = list(words)
    while rest:
        assigned = _ASSIGN.fullmatch(rest[0])
        if assigned is not None:
            variables[assigned[1]] = assigned[2]
            found.sets(assigned[1], assigned[2], spot, text)
            rest.pop(0)
        elif rest[0] in _WRAPPERS:
            if rest[0] in {"sudo", "doas"}:
                found.add("shell", NOTABLE, spot, "runs something as the administrator", text)
            if rest[0] == "env" and len(rest) == 1:
                return "env", []
            rest.pop(0)
            while rest and (rest[0].startswith("-") or re.fullmatch(r"\d+[smhd]?", rest[0])):
                rest.pop(0)
        elif rest[0] == "export" and len(rest) > 1:
            rest.pop(0)
        else:
            break
    if not rest or set(rest[0]) & set("<>"):
        return "", []
    return rest[0].rsplit("/", 1)[-1][:80], rest[1:]


def _writes(words: list[str], text: str, spot: Spot, found: Collector) -> list[str]:
    """Note what the shell writes for a command, and return these paths."""
    made: list[str] = []
    for at, word in enumerate(words[:-1]):
        if ">" in word and set(word) <= set("<>&0123456789") and "<" not in word:
            target = words[at + 1]
            if not target.isdigit() and not target.startswith("/dev/null"):
                path(target, text, spot, found, "writes", writes=True)
                made.append(target)
    return made
