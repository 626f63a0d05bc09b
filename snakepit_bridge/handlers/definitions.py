"""Where things are defined, which is what every allow-list is about."""

from __future__ import annotations

from snakepit_bridge.errors import NotAllowedError

OPERATORS = frozenset(
    f"__{name}__"
    for name in (
        *("call", "len", "contains", "getitem", "setitem", "delitem", "bool", "int", "float"),
        *("str", "repr", "eq", "ne", "lt", "le", "gt", "ge", "neg", "pos", "abs"),
        *("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"),
        *("radd", "rsub", "rmul", "rtruediv", "and", "or", "xor", "invert"),
    )
)
"""The methods with underscores that may be called: those that stand for an operator or a call."""


def lies_under(module: str, area: str) -> bool:
    """Whether a module is the area or inside of it."""
    return module == area or module.startswith(f"{area}.")


def is_public(name: str) -> bool:
    """Whether this is one name that its author meant for others."""
    return name.isidentifier() and not name.startswith("_")


def is_public_path(path: str) -> bool:
    """Whether every name of a dotted path is public."""
    return all(is_public(name) for name in path.split("."))


def refusal(name: str, why: str, hint: str = "") -> NotAllowedError:
    """The error for something that is not allowed.

    Args:
        name: What it is.
        why: The rest of the sentence that begins with the name.
        hint: What to do instead, or the setting that would allow it.
    """
    return NotAllowedError(f"{name!r} {why}.", {"name": name, "hint": hint})
