"""Which events the reader of a stream wants."""

from __future__ import annotations

import fnmatch
import math
import re
from collections.abc import Callable, Iterable

import msgspec


class Globs:
    """Shell-style patterns of event names: ``*``, which matches dots too, ``?`` and ``[...]``.

    Upper and lower case differ, on every operating system.

    Args:
        patterns: Any number of them, of any text; a name matches if it matches one.
    """

    __slots__ = ("_one_of_them", "patterns")

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        self.patterns = tuple(patterns)
        self._one_of_them = re.compile("|".join(map(fnmatch.translate, self.patterns)))

    def __bool__(self) -> bool:
        """Whether there is any pattern."""
        return bool(self.patterns)

    def match(self, name: str) -> bool:
        """Whether a name matches; without patterns none does."""
        return bool(self.patterns) and self._one_of_them.match(name) is not None


_NONE = Globs()


class Controls(msgspec.Struct, frozen=True, kw_only=True):
    """What one reader has asked for: everything, at first."""

    is_on: bool = True

    rate: float = 1.0
    """The share of the events that is sent, from 0 to 1."""

    sampled: Globs = _NONE
    """The events the rate is for; all of them without a pattern."""

    allow: Globs = _NONE
    """The events that are sent; all of them without a pattern."""

    deny: Globs = _NONE
    """The events that are not sent, even where they are allowed."""

    def switched(self, *, on: bool) -> Controls:
        """These controls, switched on or off."""
        return msgspec.structs.replace(self, is_on=on)

    def sampling(self, rate: float, patterns: Iterable[str] = ()) -> Controls:
        """These controls with another rate.

        Args:
            rate: Taken as the nearest number from 0 to 1.
            patterns: The events it is for; those of other names are sent as if it were 1.

        Raises:
            ValueError: The rate is no number.
        """
        if math.isnan(rate):
            text = "the sampling rate is not a number"
            raise ValueError(text)
        return msgspec.structs.replace(self, rate=min(1.0, max(0.0, rate)), sampled=Globs(patterns))

    def filtering(self, *, allow: Iterable[str], deny: Iterable[str]) -> Controls:
        """These controls with another filter, in place of the one before."""
        return msgspec.structs.replace(self, allow=Globs(allow), deny=Globs(deny))

    def let_pass(self, name: str, draw: Callable[[], float]) -> bool:
        """Whether an event of this name is sent.

        Args:
            name: Dotted name of the event.
            draw: A random number from 0, included, to 1, excluded.
        """
        if not self.is_on or not self._is_drawn(name, draw):
            return False
        return not self.deny.match(name) and (not self.allow or self.allow.match(name))

    def _is_drawn(self, name: str, draw: Callable[[], float]) -> bool:
        if self.rate >= 1.0 or (self.sampled and not self.sampled.match(name)):
            return True
        return draw() < self.rate
