"""What a session's DSPy calls run with: one frozen object, replaced as a whole."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from snakepit_bridge.errors import DSPyError, ErrorCode
from snakepit_bridge.handlers.dspy.options import LMOptions, merged

if TYPE_CHECKING:
    from snakepit_bridge.handlers.dspy.door import DSPyDoor
    from snakepit_bridge.handlers.dspy.language_model import LanguageModels
    from snakepit_bridge.session.context import Session

NAMESPACE = "dspy"
"""Where ``session.settings`` holds the configuration."""

AdapterName = Literal["chat", "json", "xml", "two_step"]

HOW_TO_SET_A_MODEL = (
    "Send dspy.configure {'lm': {'model': 'openai/gpt-4o-mini'}}, "
    "or {'lm': {'model': 'offline'}} to try without one."
)

_ADAPTERS = MappingProxyType({
    "chat": "ChatAdapter",
    "json": "JSONAdapter",
    "xml": "XMLAdapter",
    "two_step": "TwoStepAdapter",
})  # fmt: skip


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one session. Safe to share between threads."""

    lm: LMOptions | None = None
    language_model: Any = None
    """Built from ``lm``; ``None`` leaves what the process around the bridge has configured."""

    adapter: AdapterName | None = None
    adapter_object: Any = None
    num_threads: int | None = None

    def __repr__(self) -> str:
        return f"Configuration({self.shown()})"

    def shown(self) -> dict[str, Any]:
        """The settings for people, secrets masked."""
        return {
            "lm": None if self.lm is None else self.lm.shown(),
            "adapter": self.adapter or "chat",
            "num_threads": self.num_threads,
            "track_usage": True,
        }

    def applied(self, dspy: Any) -> AbstractContextManager[None]:
        """Make DSPy use these settings, in this thread or task, while the block runs."""
        settings: dict[str, Any] = {
            "track_usage": True,
            # Both are kept per process otherwise: memory that grows, shared by all sessions.
            "disable_history": True,
            "trace": [],
        }
        chosen = {
            "lm": self.language_model,
            "adapter": self.adapter_object,
            "num_threads": self.num_threads,
        }
        settings.update((name, value) for name, value in chosen.items() if value is not None)
        context: AbstractContextManager[None] = dspy.context(**settings)
        return context


DEFAULT = Configuration()


def of(session: Session) -> Configuration:
    """What the session has configured."""
    found: Configuration = session.settings.get(NAMESPACE, DEFAULT)
    return found


class Configurator:
    """Changes the configurations of sessions. Safe to use from any thread.

    Args:
        door: The way to DSPy.
        models: Builds the language models.
    """

    def __init__(self, door: DSPyDoor, models: LanguageModels) -> None:
        self._door = door
        self._models = models
        self._lock = threading.Lock()

    def change(
        self,
        session: Session,
        *,
        lm: str | Mapping[str, Any] | None,
        adapter: AdapterName | None,
        num_threads: int | None,
    ) -> Configuration:
        """Change what is given, leave the rest, and return what the session uses from now on.

        Calls that run already go on with what they began with.

        Raises:
            InvalidArgumentError: An option of the language model is unknown or wrong.
            NotAllowedError: A key would go where it must not.
        """
        while True:
            old = of(session)
            options = old.lm if lm is None else merged(old.lm, lm)
            model = old.language_model
            if lm is not None and options is not None:
                model = self._models.build(options)
            name = adapter or old.adapter
            new = Configuration(
                lm=options,
                language_model=model,
                adapter=name,
                adapter_object=self._adapter(name, model),
                num_threads=old.num_threads if num_threads is None else num_threads,
            )
            if self._replaced(session, old, new):
                return new

    def _replaced(self, session: Session, old: Configuration, new: Configuration) -> bool:
        """Put the new one in the place of the old one, unless another change was quicker."""
        with self._lock:
            if of(session) is not old:
                return False
            session.settings[NAMESPACE] = new
            return True

    def _adapter(self, name: AdapterName | None, model: Any) -> Any:
        if name is None:
            return None
        kind = getattr(self._door.open(), _ADAPTERS[name])
        if name != "two_step":
            return kind()
        if model is None:
            raise DSPyError(
                "The adapter 'two_step' needs a language model to read the first answer with.",
                {"hint": HOW_TO_SET_A_MODEL},
                code=ErrorCode.WRONG_CALL,
            )
        return kind(model)
