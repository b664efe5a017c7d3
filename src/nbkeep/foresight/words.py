"""What code of a language that is not parsed here would do, by its words: R, Julia, JavaScript and others."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from . import decoding, places
from .values import DANGEROUS, NOTABLE, ORDINARY, Spot

if TYPE_CHECKING:
    from collections.abc import Callable

    from .collect import Collector

# Kind, weight, pattern, words; an indented line goes on with the pattern above it.
_ALL = r"""
install | notable | \b(?:install\.packages|BiocManager::install|(?:devtools|remotes|pak)::\w+
    |pacman::p_load|renv::\w+|Pkg\.(?:add|develop)|pip3?\s+install|conda\s+install|apt(?:-get)?\s+install
    |npm\s+i(?:nstall)?)\b | installs packages
shell | notable | (?<![\w.])(?:system2?|shell|shell\.exec|pipe|processx::\w+
    |sys::exec\w+)\s*\( | runs a program
shell | notable | \b(?:os\.system|os\.popen|subprocess\.\w+|child_process|execSync|spawnSync
    |ProcessBuilder|Runtime\.getRuntime|Process\.Start|popen)\b | runs a program
shell | notable | \brun\(\s*`|\b(?:backtick|IO\.popen)\b | runs a program
network | notable | \b(?:httr2?::(?:POST|PUT)|POST\(|PUT\(|curl_(?:fetch|upload)\w*|socketConnection
    |make\.socket|XMLHttpRequest|sendBeacon|WebSocket|net\.connect|Sockets\.connect|smtplib|paramiko
    |ftpUpload)\b | sends something to another machine
network | ordinary | \b(?:download\.file|url\(|httr2?::GET|GET\(|curl::curl|getURL|fromJSON\(\s*["']http
    |read_?\w*\(\s*["']https?:|Downloads\.download|HTTP\.(?:get|request)|fetch\(|requests\.\w+|urllib\w*
    |urlopen|rvest::\w+|read_html)\b | fetches something
network | dangerous | \b(?:curl|wget)\b[^\n]{0,400}\|\s*(?:sudo\s+)?
    (?:ba|z|da)?sh\b | runs what it fetches
network | dangerous | /dev/(?:tcp|udp)/|\b(?:nc|ncat|netcat)\s+-\w*[el] | opens a raw connection
files | notable | (?<![\w.])(?:unlink|file\.remove|file_delete|rm\s+-rf?|shutil\.rmtree|os\.remove
    |fs\.unlink\w*|rmSync)\b | deletes files
files | ordinary | (?<![\w.])(?:read\.(?:csv|table|delim|xlsx?)|read_(?:csv|tsv|delim|excel|rds|parquet
    |feather|lines|file)|readRDS|readLines|fread|load|scan|CSV\.read|readFileSync|open)\s*\( | reads a file
files | ordinary | (?<![\w.])(?:write\.(?:csv|table)|write_(?:csv|tsv|rds|parquet|feather|lines|xlsx)
    |saveRDS|writeLines|fwrite|save|ggsave|sink|CSV\.write|writeFileSync|file\.copy
    |file\.rename)\s*\( | writes a file
credentials | notable | \b(?:Sys\.getenv\(\s*\)|process\.env\b(?!\.)|ENV\s*\)|System\.getenv\(\)
    |keyring::\w+) | reads the whole environment, or stored passwords
credentials | ordinary | \b(?:Sys\.getenv|getenv|askpass
    |rstudioapi::askForPassword) | reads something of its environment
dynamic | notable | \beval\s*\(\s*(?:parse|str2lang|Meta\.parse|base::parse)|\b(?:eval|exec
    |execfile)\s*\(|include_string\(|new\s+Function\s*\(|\bsource\s*\( | runs text as code
dynamic | dangerous | \b(?:eval|exec|source|system)\s*\(.{0,120}(?:base64|b64decode|decompress
    |memDecompress|fromhex|rawToChar|url\(|https?:) | runs what it decodes or fetches
native | notable | \b(?:dyn\.load|Rcpp::(?:sourceCpp|cppFunction)|sourceCpp|inline::cfunction|ccall
    |\.Call|\.C\(|ctypes|cffi|LD_PRELOAD|dlopen|reticulate::\w+
    |py_run_string)\b | calls native code, or another language
"""


@dataclass(frozen=True, slots=True)
class _Row:
    """What a pattern says that a line does. `literals`: words without which the pattern does not fit."""

    kind: str
    weight: str
    pattern: re.Pattern[str]
    what: str
    literals: frozenset[str]


def _row(line: str) -> _Row:
    kind, weight, pattern, what = (part.strip() for part in line.split(" | "))
    literals = re.findall(r"(?<!\\)[A-Za-z]{2,}|(?<=\\b)[A-Za-z]{2,}", pattern)
    return _Row(kind, weight, re.compile(pattern), what, frozenset(literals))


_ROWS = tuple(_row(line) for line in re.sub(r"\n +", "", _ALL).strip().splitlines())
_QUOTED = re.compile(r"[\"'`]([A-Za-z0-9+/_=\-]{24,})[\"'`]")
_RUN = re.compile(
    r"(?<![\w.])(?:system|shell|run|pipe)\s*\(?\s*(?:[\"']([^\"'\n]{1,2000})[\"']|`([^`\n]{1,2000})`)"
)
_MOST_LINE, _LONG = 20_000, 2_000
_MOST = 2 * 2**20


def look(
    text: str,
    spot: Spot,
    found: Collector,
    payload: Callable[[bytes, Spot, str], None],
    shell: Callable[[str, Spot], None] | None = None,
) -> None:
    """Note what the words of each line say that it would do. Raises nothing, in time to the text's length."""
    if len(text) > _MOST:
        found.miss(spot, f"is longer than {_MOST >> 20} MiB: the rest was not looked at", partly=False)
        text = text[:_MOST]
    for number, line in enumerate(text.split("\n")):
        stripped = line.strip()
        if not stripped or stripped.startswith(("#", "//")):
            continue
        here = replace(spot, line=spot.line + number) if not spot.within else spot
        for begin in range(0, len(stripped), _MOST_LINE):
            _line(stripped[max(0, begin - 200) : begin + _MOST_LINE], here, found, payload, shell)


def _line(
    line: str,
    spot: Spot,
    found: Collector,
    payload: Callable[[bytes, Spot, str], None],
    shell: Callable[[str, Spot], None] | None,
) -> None:
    _by_rows(line, spot, found)
    _by_places(line, spot, found)
    for quoted in _QUOTED.findall(line):
        hidden = decoding.literal(quoted)
        if hidden is not None:
            payload(hidden[1], spot, hidden[0])
    if shell is not None:
        for one, other in _RUN.findall(line):
            shell(one or other, spot)


def _by_rows(line: str, spot: Spot, found: Collector) -> None:
    is_long = len(line) > _LONG
    for row in _ROWS:
        if is_long and not any(one in line for one in row.literals):
            continue  # a pattern takes twenty times as long to say so
        seen = row.pattern.search(line)
        if seen is not None:
            found.add(row.kind, row.weight, spot, f"{row.what}: {seen[0].strip()[:80]}", line)


def _by_places(line: str, spot: Spot, found: Collector) -> None:
    if lying := places.names_credentials(line):
        found.add("credentials", DANGEROUS, spot, f"names {lying}, where keys and passwords lie", line)
    if lasting := places.names_persistence(line):
        found.add("persistence", NOTABLE, spot, f"names {lasting}, which is run later", line)
    for address in places.addresses_in(line):
        weight, word = places.weight_of_address(address)
        told = f"names {places.host_of(address)}{f', {word}' if word else ''}"
        found.add("network", weight if weight != NOTABLE else ORDINARY, spot, told, line)
