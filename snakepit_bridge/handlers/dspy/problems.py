"""What is wrong with data from a caller, gathered so that it is said all at once."""

from __future__ import annotations

from snakepit_bridge.errors import BridgeError, InvalidArgumentError, NotAllowedError

MOST_NAMED = 20
"""Problems that one message names."""

MOST_CHARACTERS = 500
"""Characters of one problem; it may repeat what was sent."""


class Problems:
    """Gathers what is wrong, by place; the first problem of a place counts.

    Args:
        what: What the data describes, e.g. ``"signature"``.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._found: dict[str, str] = {}
        self._errors: list[BridgeError] = []

    def __len__(self) -> int:
        return len(self._found)

    def add(self, place: str, why: str) -> None:
        """Remember a problem.

        Args:
            place: E.g. ``"outputs.answer.items"``.
            why: Goes on where the place ends, e.g. ``"is missing"``.
        """
        self._found.setdefault(place, why[:MOST_CHARACTERS])

    def add_error(self, place: str, error: BridgeError) -> None:
        """Remember an error; alone it is raised as it is, so that its kind is not lost."""
        if place not in self._found:
            self._errors.append(error)
            self.add(place, f"({error})")

    def raise_if_any(self) -> None:
        """Say all of it.

        Raises:
            InvalidArgumentError: Something is wrong; the details have every place.
            NotAllowedError: Something of it is not allowed.
            BridgeError: As it was, if it is the only one.
        """
        if not self._found:
            return
        if len(self._found) == len(self._errors) == 1:
            raise self._errors[0]
        shown = list(self._found.items())[:MOST_NAMED]
        listed = "; ".join(f"{place!r} {why}" for place, why in shown)
        more = len(self._found) - len(shown)
        kind = InvalidArgumentError
        if any(isinstance(each, NotAllowedError) for each in self._errors):
            kind = NotAllowedError  # type: ignore[assignment]  # both are made the same way
        raise kind(
            f"The {self._what} is wrong: {listed}{f'; and {more} more' if more else ''}.",
            {"problems": dict(shown)},
        )
