"""What the tests of ``dspy.*`` build their scenes from."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from snakepit_bridge.handlers.dspy import configuration
from snakepit_bridge.handlers.dspy.configuration import Configuration
from snakepit_bridge.handlers.dspy.door import DSPyDoor
from snakepit_bridge.handlers.dspy.language_model import LanguageModels
from snakepit_bridge.handlers.dspy.offline import AsyncOfflineEngine, OfflineEngine
from snakepit_bridge.handlers.dspy.options import LMOptions
from snakepit_bridge.handlers.dspy.secrets import Secrets
from snakepit_bridge.handlers.dspy_handler import DSPyHandler
from snakepit_bridge.session.context import Session
from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.session.manager import SessionManager

CANARY = "sk-canary-0123456789abcdef"
"""A key that must be seen nowhere."""


def workshop(**parts: Any) -> tuple[DSPyHandler, Session, SessionManager]:
    """A handler on the instances of a manager, and one session of it."""
    sessions = SessionManager(EmbeddedHost())
    handler = DSPyHandler(sessions.instances, **parts)
    return handler, sessions.get_or_create("one"), sessions


class RaisingEngine(OfflineEngine):
    """An engine whose every request fails."""

    def __init__(self, make: Callable[[Any], BaseException]) -> None:
        super().__init__()
        self._make = make

    def complete(self, request: Any) -> Any:
        raise self._make(DSPyDoor().open().lm15)


class MeetingEngine(OfflineEngine):
    """An engine whose requests wait until all others are there, too."""

    def __init__(self, answer: Mapping[str, Any], barrier: threading.Barrier) -> None:
        super().__init__([answer])
        self._barrier = barrier

    def complete(self, request: Any) -> Any:
        self._barrier.wait(timeout=5)
        return super().complete(request)


def use_engine(
    session: Session, engine: OfflineEngine, *, async_engine: Any = None, num_retries: int = 0
) -> None:
    """Have a session's calls answered by an engine of the test's own."""
    model = (
        DSPyDoor()
        .open()
        .LM(
            "offline",
            engine=engine,
            async_engine=async_engine or AsyncOfflineEngine(engine),
            cache=False,
            num_retries=num_retries,
        )
    )
    session.settings[configuration.NAMESPACE] = Configuration(
        lm=LMOptions(model="offline"), language_model=model
    )


def models(environment: Mapping[str, str] | None = None, **rules: Any) -> LanguageModels:
    """A builder of language models with these secrets."""
    return LanguageModels(DSPyDoor(), Secrets(environment, **rules))
