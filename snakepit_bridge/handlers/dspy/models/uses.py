"""Who uses a language model's connections, which are closed when nobody does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snakepit_bridge.handlers.dspy.runner import Runner


class Uses:
    """Counts the users of one model, and of the copies that share its connections.

    An open connection keeps what it was opened for: the call, its session, the key. Safe to use
    from any thread.

    Args:
        model: A ``dspy.LM``.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._lock = threading.Lock()
        self._users = 0

    def __deepcopy__(self, memo: object) -> Uses:
        # A copy of the model has connections of its own, which DSPy drops with it.
        return Uses(None)

    def take(self) -> None:
        """Begin to use it."""
        with self._lock:
            self._users += 1

    def drop(self, runner: Runner | None) -> None:
        """Use it no longer; closed connections are opened anew if somebody comes back.

        Args:
            runner: Where connections were opened.
        """
        with self._lock:
            self._users -= 1
            is_unused = self._users == 0
        if is_unused and self._model is not None and runner is not None:
            runner.begin(self._model.aclose())


@contextmanager
def using(model: Any, runner: Runner | None) -> Iterator[None]:
    """Use a language model while the block runs.

    Args:
        model: Of a session, or anything else, which is left alone.
        runner: Where its connections are opened.
    """
    uses = uses_of(model)
    if uses is None:
        yield
        return
    uses.take()
    try:
        yield
    finally:
        uses.drop(runner)


def uses_of(model: Any) -> Uses | None:
    """The users of a model that was made for a session; ``None`` of any other."""
    found = getattr(model, "uses", None)
    return found if isinstance(found, Uses) else None
