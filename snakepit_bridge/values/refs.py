"""Names of live objects."""

from __future__ import annotations

from typing import Self


class Ref(str):  # noqa: SLOT000  (it has attributes, for which a text has no slots)
    """The name under which the other side knows a live object; unguessable, never used again.

    It is a text like any other, and good wherever a text is. What else is known of the object
    travels with it where an encoding has a place for that; it never counts for equality.

    Args:
        text: The name.
        type_name: ``module.Class`` of the object; empty where nobody knows.
        session_id: The session it belongs to; empty where nobody knows.
    """

    type_name: str
    session_id: str

    def __new__(cls, text: str, *, type_name: str = "", session_id: str = "") -> Self:
        """See the class."""
        ref = super().__new__(cls, text)
        ref.type_name = type_name
        ref.session_id = session_id
        return ref

    def __repr__(self) -> str:
        return f"Ref({str(self)!r})"
