"""What functions of Python's own make of values that are known."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Any

from .methods import Known, Ref, Value, first_of, is_sequence, items, tried

if TYPE_CHECKING:
    from collections.abc import Iterator


def function(name: str, arguments: list[list[Value]]) -> Iterator[Value] | None:
    """Return what a function of Python's own makes of values, None where that is none of these."""
    made = _FUNCTIONS.get(name)
    return made(arguments) if made is not None else None


def _chr(arguments: list[list[Value]]) -> Iterator[Value]:
    number = first_of(arguments)
    if isinstance(number, int) and 0 <= number < 0x110000:
        yield Known(chr(number), ("numbers",))


def _ord(arguments: list[list[Value]]) -> Iterator[Value]:
    letter = first_of(arguments)
    if isinstance(letter, (str, bytes)) and len(letter) == 1:
        yield Known(ord(letter))


def _bytes(arguments: list[list[Value]]) -> Iterator[Value]:
    for one in arguments[0] if arguments else ():
        if isinstance(one, Ref):
            yield one
        elif isinstance(one, Known):
            if isinstance(one.value, str):
                yield Known(one.value.encode("utf-8", "replace"), one.how)
            elif isinstance(one.value, bytes):
                yield one
            elif is_sequence(one.value):
                numbers = [
                    x.value for x in items(one) or () if isinstance(x, Known) and isinstance(x.value, int)
                ]
                if len(numbers) == len(one.value) and all(0 <= x < 256 for x in numbers):
                    yield Known(
                        bytes(numbers), (*one.how, "numbers") if "numbers" not in one.how else one.how
                    )


def _str(arguments: list[list[Value]]) -> Iterator[Value]:
    for one in arguments[0] if arguments else ():
        if isinstance(one, Known) and not is_sequence(one.value):
            yield Known(
                one.value.decode("utf-8", "replace") if isinstance(one.value, bytes) else str(one.value),
                one.how,
            )
        elif isinstance(one, Ref):
            yield one


def _int(arguments: list[list[Value]]) -> Iterator[Value]:
    value, base = first_of(arguments), first_of(arguments, 1)
    if isinstance(value, (str, int)) and len(str(value)) <= 1000:
        yield from tried(
            lambda: Known(
                int(value, base) if isinstance(base, int) and isinstance(value, str) else int(value)
            )
        )


def _list(arguments: list[list[Value]]) -> Iterator[Value]:
    for one in arguments[0] if arguments else ():
        found = items(one)
        if found is not None and isinstance(one, Known):
            yield Known(tuple(found), one.how)
        elif isinstance(one, Ref):
            yield one


def _reversed(arguments: list[list[Value]]) -> Iterator[Value]:
    for one in _list(arguments):
        yield Known(one.value[::-1], (*one.how, "reversed")) if isinstance(one, Known) else one


def _map(arguments: list[list[Value]]) -> Iterator[Value]:
    functions = [one for one in arguments[0] if isinstance(one, Ref)] if len(arguments) == 2 else []
    for one in arguments[1] if functions else ():
        make, found = _FUNCTIONS.get(functions[0].name), items(one)
        if make is not None and found is not None:
            made = [one for x in found if (one := next(make([[x]]), None)) is not None]
            if len(made) == len(found):
                yield Known(tuple(made), ("numbers",))


def _path(arguments: list[list[Value]]) -> Iterator[Value]:
    parts = [first_of([one]) for one in arguments]
    texts = [one[:4096] if isinstance(one, str) else "{…}" for one in parts]
    if texts and texts != ["{…}"]:
        yield Known(posixpath.join(*texts)[:4096])


def _same(arguments: list[list[Value]]) -> Iterator[Value]:
    yield from (one for one in (arguments[0] if arguments else ()))


def _getenv(arguments: list[list[Value]]) -> Iterator[Value]:
    name = first_of(arguments)
    yield (
        Known("~")
        if name in {"HOME", "USERPROFILE"}
        else Ref(f"os.environ[{name if isinstance(name, str) else '?'}]")
    )


def _home(_arguments: list[list[Value]]) -> Iterator[Value]:
    yield Known("~")


def _here(_arguments: list[list[Value]]) -> Iterator[Value]:
    yield Known(".")


def _packages(_arguments: list[list[Value]]) -> Iterator[Value]:
    yield Known("site-packages")


def _table(arguments: list[list[Value]]) -> Iterator[Value]:
    for one in arguments[0] if arguments else ():
        if (isinstance(one, Known) and is_sequence(one.value)) or isinstance(one, Ref):
            yield one


_FUNCTIONS: dict[str, Any] = {
    "chr": _chr, "ord": _ord, "bytes": _bytes, "bytearray": _bytes, "str": _str, "int": _int,
    "list": _list, "tuple": _list, "reversed": _reversed, "map": _map, "os.path.join": _path,
    "posixpath.join": _path, "pathlib.Path": _path, "memoryview": _same, "os.path.expanduser": _same,
    "os.path.abspath": _same, "os.path.realpath": _same, "os.path.normpath": _same,
    "os.path.expandvars": _same, "os.fspath": _same, "pathlib.Path.home": _home, "os.getcwd": _here,
    "pathlib.Path.cwd": _here, "os.getenv": _getenv, "os.environ.get": _getenv,
    "site.getsitepackages": _packages, "site.getusersitepackages": _packages, "textwrap.dedent": _same,
    "inspect.cleandoc": _same, "sys.intern": _same, "shlex.quote": _same, "shlex.split": _list,
    "dict": _table,
}  # fmt: skip
