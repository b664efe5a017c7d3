"""Reads what is assigned to a name that says "password" or "key": in code, URLs, commands and output."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .checks import is_key, is_password

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_AFTER = (
    r"""(?P<rest>[A-Za-z0-9_\-]{0,24})(?P<close>\\?["'`])?(?P<index>[\])])?"""
    r"""[ \t]{0,8}(?P<op>:=|=>|==|[:=,>]|[ \t])[ \t]{0,8}"""
)
_VALUE = (
    r"""(?:[rbuRBU]{0,2}(?P<q>\\?(?:"{3}|'{3}|["'`]))(?P<quoted>(?!(?P=q))[^\n]{1,300}?)(?P=q)"""
    r"""|(?P<bare>[^\s"'`,;<>&|(){}\[\]\\]{6,300}))"""
)
_OTHER_WORD = re.compile(
    r"pass(?:ed|es|ing|age|enger|ive|port|through|band|thru)|bypass|compass|secretar|tokeni[sz]|compass",
    re.IGNORECASE,
)
# Names that speak of a password or a key without being one.
_OTHER = re.compile(
    r"_?-?(?:hash|hashed|md5|sha\d*|digest|file|path|dir|field|name|url|uri|endpoint|len|length|min|max|policy|reset|"
    r"type|kind|id|ids|idx|index|count|counts|size|limit|expiry|expires|expires_in|expiration|at|ttl|version|label|"
    r"regex|pattern|prompt|hint|strength|format|column|col|list|set|map|dict|manager|store|ring|ized?|izer|izers?|"
    r"izers?_name|iz\w*|s_per_\w*|usage|budget|env|env_?var|ids?_\w*|embedding\w*|s?_mask|arn)$",
    re.IGNORECASE,
)
_OTHER_HEAD = re.compile(
    r"(?:public|pub|primary|foreign|sort|cache|partition|page|next|prev|previous|continuation|continue|sync|"
    r"pad|bos|eos|unk|sep|cls|mask|special|stop|start|end|max|min|num|n|input|output|image|image_pad|forgot|reset|"
    r"idempotency|access_key_id)_?-?\.?"
    r"(?:token|key|secret)",
    re.IGNORECASE,
)
_SHELL_LINE = re.compile(r"[ \t]*(?:[!%$]|export[ \t]|set[ \t]|-e[ \t]|ENV[ \t]|#|docker[ \t]|curl[ \t])")
_VARIABLE = re.compile(r"\{[A-Za-z_][\w.\[\]\"']*(?:![rsa])?\}|\$\{?[A-Za-z_]|%\([a-z_]+\)s|%s|\{\}")
_FIELD = re.compile(r"\{[a-z0-9_:.]{1,40}\}")  # of a template: "password=app{number}"
_NAME_BEFORE = 48
_LINE = 400


_TAIL = re.compile(_AFTER + _VALUE)


def after(text: str, ends: Iterable[int]) -> Iterator[re.Match[str]]:
    """Yield what follows each place where a telling name was seen: its rest, an operator and a value."""
    for end in ends:
        match = _TAIL.match(text, end)
        if match is not None:
            yield match


def values(
    matches: Iterator[re.Match[str]], text: str, kind: str, *, password: bool
) -> Iterator[tuple[int, int]]:
    """Yield where values stand that are assigned to such names and may be real."""
    is_real: Callable[[str], bool] = is_password if password else is_key
    for match in matches:
        span = _value(match, text, kind)
        if span is not None and is_real(text[span[0] : span[1]]):
            yield span


def _value(match: re.Match[str], text: str, kind: str) -> tuple[int, int] | None:
    begin = match.start()
    while (
        begin > 0
        and match.start() - begin < _NAME_BEFORE
        and (text[begin - 1].isalnum() or text[begin - 1] in "_.-")
    ):
        begin -= 1
    name = text[begin : match.end("rest")]
    if _OTHER_WORD.search(name) or _OTHER.search(name) or _OTHER_HEAD.search(name):
        return None
    before = text[begin - 1] if begin else ""
    operator = match["op"]
    if operator in {" ", "\t"} and not name.startswith("--"):
        return None
    if (
        operator == ","
        and (
            match["close"] is None
            or match["quoted"] is None
            or before not in {'"', "'", "`"}  # the name is the whole of its string, not the end of a sentence
            or text[match.end() : match.end() + 3].lstrip().startswith(":")  # that is the next key, no value
        )
    ):
        return None
    if operator == ">" and before != "<" and match["close"] is None:
        return None
    if match["quoted"] is not None:
        quoted = match["quoted"]
        return None if _VARIABLE.search(quoted) else match.span("quoted")
    if kind == "code" and not _bare_in_code(match, text, begin, before, name):
        return None
    bare = match["bare"]
    if operator == ">":
        after = text[match.end("bare") : match.end("bare") + 2]
        return match.span("bare") if after == "</" else None
    # Looks like code, whatever was said: a call, an attribute, an item.
    following = text[match.end("bare") : match.end("bare") + 1]
    if (
        following in {"(", "["}
        or _FIELD.match(text, match.end("bare"))
        or _VARIABLE.search(bare)
        or re.fullmatch(r"[A-Za-z_]+(?:\.[A-Za-z_]+)+", bare)
    ):
        return None
    stop = match.end("bare") - (len(bare) - len(bare.rstrip(".:!?"))) * (kind == "text")
    return match.start("bare"), stop


def _bare_in_code(match: re.Match[str], text: str, begin: int, before: str, name: str) -> bool:
    # In code a value without quotes is a name, except in URLs, options, connection strings and shell lines.
    if name.startswith("--") or (before in {"?", "&", ";"} and match["op"] == "="):
        return True
    head = text[max(text.rfind("\n", max(0, begin - _LINE), begin) + 1, begin - _LINE, 0) : begin]
    if match["op"] == "=" and match.end("op") == match.start("bare") and _SHELL_LINE.match(head):
        return True
    # In a string that is open still: "Server=db;Password=…", """…password: …""".
    return head.count('"') % 2 == 1 or head.count("'") % 2 == 1
