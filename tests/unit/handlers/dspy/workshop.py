"""What the tests of ``dspy.*`` build their scenes from."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from snakepit_bridge.handlers.dspy import configuration
from snakepit_bridge.handlers.dspy.configuration import Configuration
from snakepit_bridge.handlers.dspy.door import DSPyDoor
from snakepit_bridge.handlers.dspy.models.language_model import LanguageModels
from snakepit_bridge.handlers.dspy.models.options import LMOptions
from snakepit_bridge.handlers.dspy.models.session_lm import session_lm_class
from snakepit_bridge.handlers.dspy.offline import AsyncOfflineEngine, OfflineEngine
from snakepit_bridge.handlers.dspy.runner import Runner
from snakepit_bridge.handlers.dspy.secrets import Secrets
from snakepit_bridge.handlers.dspy.workbench import Workbench
from snakepit_bridge.handlers.dspy_handler import DSPyHandler
from snakepit_bridge.session.context import Session
from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.session.manager import SessionManager

RUNNER = Runner()
"""One for all tests of a process; its threads are daemons."""

CANARY = "sk-canary-0123456789abcdef"
"""A key that must be seen nowhere."""


def workshop(**parts: Any) -> tuple[DSPyHandler, Session, SessionManager]:
    """A handler on the instances of a manager, and one session of it."""
    sessions = SessionManager(EmbeddedHost())
    bench = Workbench(sessions.instances, runner=RUNNER, **parts)
    sessions.when_ended(bench.configurator.forget)
    handler = DSPyHandler(sessions.instances, workbench=bench)
    return handler, sessions.get_or_create("one"), sessions


def called(handler: DSPyHandler, session: Session, **args: Any) -> Any:
    """What ``dspy.call_method`` answers, waited for."""
    return asyncio.run(handler.call(session, **args))


class RaisingEngine(OfflineEngine):
    """An engine whose every request fails."""

    def __init__(self, make: Callable[[Any], BaseException]) -> None:
        super().__init__()
        self._make = make

    def complete(self, request: Any) -> Any:
        raise self._make(DSPyDoor().open().lm15)


class MeetingEngine(AsyncOfflineEngine):
    """An engine whose requests wait until all others are there, too."""

    def __init__(self, answer: Mapping[str, Any], barrier: asyncio.Barrier) -> None:
        super().__init__(OfflineEngine([answer]))
        self._barrier = barrier

    async def complete(self, request: Any) -> Any:
        async with asyncio.timeout(20):
            await self._barrier.wait()
        return await super().complete(request)


def use_engine(
    session: Session, engine: OfflineEngine, *, async_engine: Any = None, num_retries: int = 0
) -> None:
    """Have a session's calls answered by an engine of the test's own."""
    model = session_lm_class(DSPyDoor().open())(
        "offline",
        engine=engine,
        async_engine=async_engine or AsyncOfflineEngine(engine),
        cache=False,
        num_retries=num_retries,
    )
    session.settings[configuration.NAMESPACE] = Configuration(
        lm=LMOptions(model="offline"), language_model=model
    )


def models(environment: Mapping[str, str] | None = None, **rules: Any) -> LanguageModels:
    """A builder of language models with these secrets."""
    return LanguageModels(DSPyDoor(), Secrets(environment, **rules))
