"""How much a marker tells of the object it stands for."""

from __future__ import annotations

from contextlib import suppress
from enum import StrEnum

from snakepit_bridge.values.redaction import redacted


class Detail(StrEnum):
    """What stands in a marker beside the type of the object."""

    NONE = "none"
    """Nothing."""

    TYPE = "type"
    """A text that names the type again, for readers that show nothing else."""

    REPR = "repr_truncated"
    """The beginning of its ``repr``, secrets included."""

    REDACTED_REPR = "repr_redacted_truncated"
    """The same, what looks like a secret taken out first."""


def type_name_of(value: object) -> str:
    """Module and class of a value, e.g. ``"builtins.set"``."""
    kind = type(value)
    return f"{kind.__module__}.{kind.__qualname__}"


def detail_of(value: object, detail: Detail, max_length: int) -> str | None:
    """What to tell of a value.

    Args:
        value: Its ``repr`` is not called unless ``detail`` asks for it.
        detail: How much to tell.
        max_length: Characters of the ``repr`` that are shown.

    Returns:
        The text; ``None`` means that nothing is told.
    """
    if detail is Detail.NONE:
        return None
    if detail is Detail.TYPE:
        return f"<unserializable {type_name_of(value)}>"
    text = _repr_of(value) if max_length else ""
    if detail is Detail.REDACTED_REPR:
        text = redacted(text)
    return text[:max_length]


def _repr_of(value: object) -> str:
    # Foreign code: an object that cannot show itself is still worth a marker.
    with suppress(Exception):
        # Half a character would make the whole answer unsendable.
        return repr(value).encode("utf-8", "backslashreplace").decode()
    return f"<repr failed for {type_name_of(value)}>"
