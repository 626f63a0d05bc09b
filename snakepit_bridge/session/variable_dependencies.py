"""Which variables of a session follow which."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from snakepit_bridge.errors import InvalidArgumentError, QuotaExceededError
from snakepit_bridge.session.variable_data import shown

MAX_DEPENDENCIES = 10_000
"""Of one session, as many as it may have variables."""

_MAX_SHOWN = 8
"""Variables named in an error that shows a circle; longer ones are cut."""


class Dependencies:
    """Edges from a variable to those it depends on. Touched under the lock of the store only."""

    def __init__(self, *, limit: int = MAX_DEPENDENCIES) -> None:
        self._limit = limit
        self._count = 0
        self._needs: defaultdict[str, dict[str, str]] = defaultdict(dict)
        self._needed_by: defaultdict[str, set[str]] = defaultdict(set)

    def add(self, dependent: str, needed: str, kind: str) -> None:
        """Note that one variable depends on another; a second time only changes the kind.

        Raises:
            InvalidArgumentError: It would depend on itself, perhaps through others.
            QuotaExceededError: There are as many dependencies as there may be.
        """
        way = self._way(needed, dependent)
        if way:
            raise _circle([dependent, *way])
        if needed not in self._needs[dependent]:
            if self._count >= self._limit:
                raise QuotaExceededError(
                    f"The session has {self._limit} dependencies, as many as it may.",
                    {"limit": self._limit, "hint": "Delete variables that are not needed."},
                )
            self._count += 1
        self._needs[dependent][needed] = kind
        self._needed_by[needed].add(dependent)

    def followers_of(self, name: str) -> Mapping[str, str]:
        """The variables that depend directly on this one, each with the kind of its dependency."""
        return {each: self._needs[each][name] for each in sorted(self._needed_by.get(name, ()))}

    def forget(self, name: str) -> None:
        """Forget a variable that is no more."""
        needs, followers = self._needs.pop(name, {}), self._needed_by.pop(name, set())
        for needed in needs:
            self._needed_by[needed].discard(name)
        for follower in followers:
            del self._needs[follower][name]
        self._count -= len(needs) + len(followers)

    def _way(self, start: str, end: str) -> list[str]:
        """Some way along dependencies, both ends included; empty where there is none."""
        came_from = {start: start}
        to_visit = [start]
        while to_visit and end not in came_from:
            name = to_visit.pop()
            found = [each for each in self._needs.get(name, ()) if each not in came_from]
            came_from.update(dict.fromkeys(found, name))
            to_visit += found
        if end not in came_from:
            return []
        way = [end]
        while way[-1] != start:
            way.append(came_from[way[-1]])
        return way[::-1]


def _circle(names: list[str]) -> InvalidArgumentError:
    between = names[1:-1]
    if len(names) > _MAX_SHOWN:
        between = [*between[: _MAX_SHOWN - 3], "…"]
    through = f" through {', '.join(map(shown, between))}" if between else ""
    return InvalidArgumentError(
        f"Variable {shown(names[0])} would depend on itself{through}.",
        {"from": names[0], "to": names[1], "hint": "Leave out one of these dependencies."},
    )
