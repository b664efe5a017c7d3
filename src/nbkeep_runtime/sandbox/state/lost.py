"""What stands where an object could not be kept."""

from __future__ import annotations

from typing import Any, NoReturn

REASON_LENGTH = 300


class LostError(RuntimeError):
    """Something was used that was not kept when the session was suspended."""


class Lost:
    """Takes the place of an object that was not kept, so that what held it is; any use says why."""

    __slots__ = ("_kind", "_reason")

    def __init__(self, kind: str, reason: str) -> None:
        object.__setattr__(self, "_kind", kind)
        object.__setattr__(self, "_reason", reason)

    def __reduce__(self) -> tuple[Any, ...]:
        return Lost, (self._kind, self._reason)

    def __repr__(self) -> str:
        return f"<{self._kind} that was not kept: {self._reason}>"

    def __fail(self, *_args: Any, **_more: Any) -> NoReturn:
        raise LostError(
            f"This {self._kind} was not kept when the session was suspended: {self._reason} "
            "Run the cells again that make it."
        )

    def __getattr__(self, name: str) -> Any:
        # Looking is free: copy, pickle and notebooks' displays ask for special names that are not there.
        if name.startswith(("__", "_repr_", "_ipython_")):
            raise AttributeError(name)
        self.__fail()

    __call__ = __iter__ = __len__ = __bool__ = __getitem__ = __setitem__ = __enter__ = __next__ = __fail
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __lt__ = __gt__ = __le__ = __ge__ = __fail

    def __setattr__(self, name: str, value: Any) -> None:
        self.__fail()


def reason_of(error: BaseException) -> str:
    """Return an error as a short reason, whatever its own code does."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # noqa: BLE001  the user's class
        text = ""
    name = type(error).__name__
    return (f"{name}: {text}" if text else name)[:REASON_LENGTH]


def kind_of(value: object) -> str:
    """Return the name of an object's type as a person knows it."""
    cls = type(value)
    return kind_of_type(cls)


def kind_of_type(cls: type) -> str:
    """Return the name of a type as a person knows it."""
    try:
        module, name = str(cls.__module__), str(cls.__qualname__)
    except Exception:  # noqa: BLE001  the user's metaclass
        return "object"
    return (name if module in ("builtins", "__main__") else f"{module}.{name}")[:200]
