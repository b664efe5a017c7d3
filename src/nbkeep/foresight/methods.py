"""The values that an expression may come to, and what methods of Python make of them."""

from __future__ import annotations

import ast
import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard

from .decoding import codec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONGEST = 2 * 2**20
MOST_ITEMS = 200_000


@dataclass(frozen=True, slots=True)
class Known:
    """A text, bytes, a number, or a sequence of values. `how`: by what it was hidden, the outermost first."""

    value: Any
    how: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ref:
    """Something with a full name, such as `os.system` or `requests.get().text`; "?" is not known at all.

    `is_trick`: it was reached in a way by which nobody writes it who has nothing to hide.
    """

    name: str
    is_trick: bool = False


@dataclass(frozen=True, slots=True)
class Local:
    """A function of the document's own."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

    def returns(self) -> list[ast.expr]:
        """Return the expressions that it may return, the first few."""
        if isinstance(self.node, ast.Lambda):
            return [self.node.body]
        found = [
            one.value for one in ast.walk(self.node) if isinstance(one, ast.Return) and one.value is not None
        ]
        return found[:3]


Value = Known | Ref | Local
if TYPE_CHECKING:
    _Method = Callable[[Known, str, "_Given"], Iterator[Value]]


def is_sequence(value: Any) -> TypeGuard[tuple[Value, ...]]:
    """Tell whether a known value is a sequence of values."""
    return isinstance(value, tuple)


_SAME = {
    "posix": "os", "nt": "os", "cPickle": "pickle", "_pickle": "pickle", "__builtin__": "builtins",
    "urllib2": "urllib.request", "subprocess32": "subprocess", "_ctypes": "ctypes", "_socket": "socket",
    "IPython.core.display": "IPython.display", "IPython.core.display_functions": "IPython.display",
    "IPython.core.getipython": "IPython", "tensorflow.compat.v1": "tensorflow",
}  # fmt: skip
_SAME_NAMES = {
    "IPython.get_ipython": "get_ipython", "io.open": "open", "_io.open": "open", "os.path.os": "os",
    "os.popen2": "os.popen", "urllib.urlopen": "urllib.request.urlopen",
    "urllib.urlretrieve": "urllib.request.urlretrieve", "pathlib.PosixPath": "pathlib.Path",
    "pathlib.PurePath": "pathlib.Path", "Path": "pathlib.Path", "os.environb": "os.environ",
    "get_ipython().system_piped": "get_ipython().system",
    "get_ipython().system_raw": "get_ipython().system",
    "get_ipython().getoutput_piped": "get_ipython().getoutput", "ip.system": "get_ipython().system",
}  # fmt: skip


_DECODED_AS_SAID = frozenset({
    "unicode-escape", "raw-unicode-escape", "utf-7", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "idna",
    "punycode", "cp037", "cp500",
})  # fmt: skip


# What nearly every module imports for itself, and hardly anybody takes from there.
_REACHED_BY_OTHERS = {
    **{
        name: name
        for name in ("os", "sys", "subprocess", "builtins", "importlib", "socket", "ctypes", "shutil")
    },
    "_os": "os",
    "_sys": "sys",
}


_OF_THEIR_OWN = frozenset({"asyncio", "gevent", "eventlet", "trio", "anyio"})  # have modules of these names


def _not_by_way_of_another(ref: Ref) -> Ref:
    parts = ref.name.split(".")
    if parts[0] in _OF_THEIR_OWN:
        return ref
    for at in range(len(parts) - 1, 0, -1):
        known = _REACHED_BY_OTHERS.get(parts[at])
        # `socket.socket` is what it says.
        if known and known != parts[0] and not any(part.endswith("()") for part in parts[:at]):
            return Ref(".".join([known, *parts[at + 1 :]]), is_trick=True)
    return ref


def canonical(ref: Ref) -> Ref:
    """Return something by the name by which the tables know it.

    A module that another one has imported is that module: `shutil.os` is reached so to be overlooked.

    >>> canonical(Ref("posix.system")).name
    'os.system'
    >>> canonical(Ref("pd.io.common.os.system")), canonical(Ref("os.path.join")).name
    (Ref(name='os.system', is_trick=True), 'os.path.join')
    """
    ref = _not_by_way_of_another(ref)
    name = ref.name
    if name.startswith("builtins.") and name.count(".") == 1:
        return Ref(name.partition(".")[2], is_trick=True)
    for module, same in _SAME.items():
        if name == module or name.startswith(f"{module}."):
            name = same + name[len(module) :]
    head, dot, tail = name.partition("().")
    name = _SAME_NAMES.get(head, head) + dot + tail
    name = _SAME_NAMES.get(name, name)
    return ref if name == ref.name else Ref(name, ref.is_trick)


def as_str(value: Any) -> str:
    """Return a value as a text shows it."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if is_sequence(value):
        return "…"
    return str(value)[:LONGEST]


def items(one: Value) -> list[Value] | None:
    """Return the items of something that can be gone through, or None."""
    if not isinstance(one, Known) or isinstance(one.value, int):
        return None
    if is_sequence(one.value):
        return list(one.value)
    return [Known(item) for item in one.value[:MOST_ITEMS]]


def item(of: Known, key: Value) -> Iterator[Value]:
    """Yield an item of a sequence by its number; of a table, all that are in it."""
    if isinstance(of.value, int):
        return
    if isinstance(key, Known) and isinstance(key.value, int):
        if -len(of.value) <= key.value < len(of.value):
            found = of.value[key.value]
            yield Known(found, of.how) if isinstance(found, (str, int)) else found
    elif is_sequence(of.value):
        yield from of.value[:6]


def rot13_text(value: Value, how: str) -> Value:
    """Return what rot13 gave as the text that it is."""
    if how == "rot13" and isinstance(value, Known) and isinstance(value.value, bytes):
        return Known(value.value.decode("latin-1"), value.how)
    return value


def first_of(arguments: list[list[Value]], at: int = 0) -> Any:
    """Return the value of an argument, None where it is not known."""
    found = arguments[at] if len(arguments) > at else []
    return found[0].value if found and isinstance(found[0], Known) else None


@dataclass(frozen=True, slots=True)
class _Given:
    """What a method is given: the values that each of its arguments may have."""

    arguments: list[list[Value]]
    keywords: dict[str, list[Value]]

    @property
    def first(self) -> Any:
        return first_of(self.arguments)

    @property
    def second(self) -> Any:
        return first_of(self.arguments, 1)


def method(
    of: Known, name: str, arguments: list[list[Value]], keywords: dict[str, list[Value]]
) -> Iterator[Value]:
    """Yield what a method of a text, of bytes or of a path returns."""
    given = _Given(arguments, keywords)
    if is_sequence(of.value):
        return _of_sequence(of, name)
    if isinstance(of.value, int):
        return _of_number(of, name, given)
    way = _METHODS.get(name)
    return way(of, name, given) if way is not None else iter(())


def _of_sequence(of: Known, name: str) -> Iterator[Value]:
    if name in {"copy", "values", "items"}:
        yield of
    elif name == "get":
        yield from of.value[:6]


def _of_number(of: Known, name: str, given: _Given) -> Iterator[Value]:
    size = given.first
    if name == "to_bytes" and isinstance(size, int) and 0 < size <= 4096:
        order = given.second if given.second in {"big", "little"} else "big"
        yield from tried(lambda: Known(of.value.to_bytes(size, order), (*of.how, "a number")))


def _code(of: Known, name: str, given: _Given) -> Iterator[Value]:
    encoding = given.first or first_of([given.keywords.get("encoding", [])]) or "utf-8"
    return _coded(of, name, str(encoding))


def _join(of: Known, _name: str, given: _Given) -> Iterator[Value]:
    for one in given.arguments[0] if given.arguments else ():
        if (made := _joined(of, one)) is not None:
            yield made


def _replace(of: Known, _name: str, given: _Given) -> Iterator[Value]:
    value, first, second = of.value, given.first, given.second
    if (
        isinstance(first, type(value))
        and isinstance(second, type(value))
        and len(value) * (1 + len(second)) <= 4 * LONGEST
    ):
        yield Known(value.replace(first, second)[:LONGEST], of.how)


def _strip(of: Known, name: str, given: _Given) -> Iterator[Value]:
    signs = given.first if isinstance(given.first, type(of.value)) else None
    yield Known(getattr(of.value, name)(signs), of.how)


def _case(of: Known, name: str, _given: _Given) -> Iterator[Value]:
    yield Known(getattr(of.value, name)(), of.how) if hasattr(of.value, name) else of


def _split(of: Known, _name: str, given: _Given) -> Iterator[Value]:
    if isinstance(of.value, str):
        sign = given.first if isinstance(given.first, str) and given.first else None
        yield Known(tuple(Known(one) for one in of.value.split(sign, 5000)), of.how)


def _hex(of: Known, _name: str, _given: _Given) -> Iterator[Value]:
    if isinstance(of.value, bytes):
        yield Known(of.value.hex(), of.how)


def _format(of: Known, _name: str, given: _Given) -> Iterator[Value]:
    if isinstance(of.value, str):
        yield Known(_placed(of.value, given.arguments, given.keywords), of.how)


def _path_below(of: Known, _name: str, given: _Given) -> Iterator[Value]:
    if isinstance(of.value, str):
        parts = (str(first_of([one]) or "{…}")[:4096] for one in given.arguments)
        yield Known(posixpath.join(of.value[:4096], *parts), of.how)


def _same(of: Known, _name: str, _given: _Given) -> Iterator[Value]:
    yield of


def _items(of: Known, _name: str, given: _Given) -> Iterator[Value]:
    for key in given.arguments[0] if given.arguments else ():
        yield from item(of, key)


def _always(name: str) -> _Method:
    def way(_of: Known, _name: str, _given: _Given) -> Iterator[Value]:
        yield Ref(name)

    return way


def _placed(text: str, arguments: list[list[Value]], keywords: dict[str, list[Value]]) -> str:
    """Return a text with `{}`, `{0}` and `{name}` filled in; Python's own looks into objects."""
    made, number = "", 0
    for at, piece in enumerate(text.split("{")[:400]):
        if len(made) > LONGEST:
            break
        if not at:
            made = piece
            continue
        name, closed, rest = piece.partition("}")
        key = name.partition(":")[0].partition("!")[0]
        if not closed:
            made += "{" + piece
            continue
        if key.isdigit() or not key:
            value = first_of(arguments, int(key[:3]) if key else number)
            number += not key
        else:
            value = first_of([keywords.get(key, [])])
        made += ("{…}" if value is None else as_str(value)) + rest
    return made[:LONGEST]


def _coded(of: Known, name: str, encoding: str) -> Iterator[Value]:
    chosen = codec(encoding)
    if chosen is not None and (name == "decode" or chosen[0] == "rot13"):
        data = of.value.encode("utf-8", "replace") if isinstance(of.value, str) else of.value
        made = chosen[1](data)
        if made is not None:
            yield rot13_text(Known(made, (*of.how, chosen[0])), chosen[0])
    elif name == "decode" and isinstance(of.value, bytes):
        yield from tried(lambda: Known(_decoded(of.value, encoding), of.how))
    elif name == "encode" and isinstance(of.value, str):
        yield Known(of.value.encode("utf-8", "replace"), of.how)
    else:
        yield of


def _decoded(data: bytes, encoding: str) -> str:
    usual = encoding.lower().replace("_", "-")
    if usual in _DECODED_AS_SAID:
        return data.decode(usual, "replace")
    is_latin = usual in {"latin-1", "latin1", "iso-8859-1", "charmap"}
    return data.decode("latin-1" if is_latin else "utf-8", "replace")


def tried(make: Any) -> Iterator[Value]:
    """Yield what is made, or nothing where it cannot be."""
    try:
        yield make()
    except (ValueError, LookupError, OverflowError, TypeError):
        return


def _joined(of: Known, given: Value) -> Value | None:
    if isinstance(given, Ref):
        return Ref("decoded()") if given.name == "decoded()" else None
    parts = items(given)
    if parts is None:
        return None
    how = (given.how if isinstance(given, Known) else ()) or of.how
    sizes = sum(
        len(one.value) for one in parts if isinstance(one, Known) and isinstance(one.value, (str, bytes))
    )
    if sizes + len(of.value) * len(parts) > LONGEST:
        return None
    if isinstance(of.value, bytes):
        known = [one.value for one in parts if isinstance(one, Known) and isinstance(one.value, bytes)]
        return Known(of.value.join(known)[:LONGEST], how) if len(known) == len(parts) else None
    if isinstance(of.value, str):
        texts = (as_str(one.value) if isinstance(one, Known) else "{…}" for one in parts)
        return Known(of.value.join(texts)[:LONGEST], how)
    return None


_METHODS: dict[str, _Method] = {
    **dict.fromkeys(("decode", "encode"), _code),
    **dict.fromkeys(("strip", "lstrip", "rstrip"), _strip),
    **dict.fromkeys(("lower", "upper", "swapcase", "title", "capitalize", "casefold"), _case),
    **dict.fromkeys(("joinpath", "with_name"), _path_below),
    **dict.fromkeys(("expanduser", "resolve", "absolute", "as_posix", "__str__", "format_map"), _same),
    **dict.fromkeys(("read_text", "read_bytes"), _always("open().read()")),
    **dict.fromkeys(("__getitem__", "__getattribute__"), _items),
    "join": _join,
    "replace": _replace,
    "split": _split,
    "hex": _hex,
    "format": _format,
    "translate": _always("decoded()"),
    "open": _always("open()"),
}
