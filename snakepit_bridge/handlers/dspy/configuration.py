"""What a session's DSPy calls run with: one frozen object, replaced as a whole."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta

from snakepit_bridge.errors import DSPyError, ErrorCode, InvalidArgumentError
from snakepit_bridge.handlers.dspy.accounts.account import MOST_KEPT, account_of
from snakepit_bridge.handlers.dspy.accounts.spending import Budget
from snakepit_bridge.handlers.dspy.models.options import LMOptions, merged
from snakepit_bridge.handlers.dspy.models.session_lm import USAGE_TRACKER
from snakepit_bridge.handlers.dspy.models.uses import Uses, uses_of
from snakepit_bridge.handlers.dspy.rules import MOST_THREADS
from snakepit_bridge.handlers.dspy.runs import KEY
from snakepit_bridge.nearest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snakepit_bridge.handlers.dspy.door import DSPyDoor
    from snakepit_bridge.handlers.dspy.models.language_model import LanguageModels
    from snakepit_bridge.handlers.dspy.runner import Runner
    from snakepit_bridge.handlers.dspy.runs import Run
    from snakepit_bridge.session.context import Session

NAMESPACE = "dspy"
"""Where ``session.settings`` holds the configuration."""

AdapterName = Literal["chat", "json", "xml", "two_step"]

MOST_IN_USE = 100_000
"""Language models of sessions whose connections are closed at the session's end."""

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


class Change(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a caller may set, for a session or for one call. What is ``None`` stays."""

    lm: str | dict[str, Any] | None = None
    """A model's name, or its options; with ``model`` it replaces the language model."""

    adapter: AdapterName | None = None
    num_threads: Annotated[int, Meta(ge=1, le=MOST_THREADS)] | None = None
    cache: bool | None = None
    """Whether DSPy's cache may answer, where the operator has one."""

    budget: Budget | None = None
    """What may be spent in all: by the session since it began, or by the call."""

    history: Annotated[int, Meta(ge=0, le=MOST_KEPT)] | None = None
    """Requests to language models that the session remembers; a call cannot set it."""


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one session, or of one call. Safe to share between threads."""

    lm: LMOptions | None = None
    language_model: Any = None
    """Built from ``lm``; ``None`` leaves what the process around the bridge has configured."""

    adapter: AdapterName | None = None
    adapter_object: Any = None
    num_threads: int | None = None
    cache: bool | None = None
    budget: Budget | None = None
    history: int = 0

    def __repr__(self) -> str:
        return f"Configuration({self.shown()})"

    def shown(self) -> dict[str, Any]:
        """The settings for people, secrets masked."""
        return {
            "lm": None if self.lm is None else self.lm.shown(),
            "adapter": self.adapter or "chat",
            "num_threads": self.num_threads,
            "budget": None if self.budget is None else self.budget.shown(),
            "history": self.history,
            "track_usage": True,
        }

    def applied(
        self, dspy: Any, run: Run | None = None, **more: Any
    ) -> AbstractContextManager[None]:
        """Make DSPy use these settings, in this thread or task, while the block runs.

        Args:
            dspy: The module.
            run: What the code may use and must count.
            more: Further settings of DSPy.
        """
        settings: dict[str, Any] = {
            "track_usage": True,
            "usage_tracker": USAGE_TRACKER,
            # A history is kept per process otherwise. The session's own models keep none: they are
            # told of each request by what would have gone into it.
            "disable_history": self.language_model is None,
            "trace": [],
            # It would log what callers send.
            "warn_on_type_mismatch": False,
            KEY: run,
            **more,
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


def change_from(settings: Mapping[str, Any]) -> Change:
    """The change that a caller's object of settings means.

    Raises:
        InvalidArgumentError: Names every unknown setting, or the first wrong one.
    """
    known = Change.__struct_fields__
    unknown = [name for name in settings if name not in known]
    if unknown:
        raise _wrong(
            f"unknown are {', '.join(map(repr, unknown))}",
            did_you_mean(str(unknown[0]), known, otherwise=f"Known are: {', '.join(known)}."),
        )
    if settings.get("history") is not None:
        raise _wrong("'history' belongs to the session", "Set it with 'dspy.configure'.")
    try:
        return msgspec.convert(dict(settings), Change)
    except msgspec.ValidationError as error:
        raise _wrong(str(error)) from error


def _wrong(why: str, hint: str = "") -> InvalidArgumentError:
    return InvalidArgumentError(f"Wrong 'settings': {why}.", {"argument": "settings", "hint": hint})


class Configurator:
    """Changes the configurations of sessions. Safe to use from any thread.

    Args:
        door: The way to DSPy.
        models: Builds the language models.
        runner: Where their connections are opened.
    """

    def __init__(
        self, door: DSPyDoor, models: LanguageModels, runner: Runner | None = None
    ) -> None:
        self._door = door
        self._models = models
        self._runner = runner
        self._lock = threading.Lock()
        self._in_use: dict[str, Uses] = {}

    def change(self, session: Session, change: Change) -> Configuration:
        """Change what is given, leave the rest, and return what the session uses from now on.

        Calls that run already go on with what they began with.

        Raises:
            InvalidArgumentError: An option of the language model is unknown or wrong.
            NotAllowedError: A key would go where it must not.
        """
        while True:
            old = of(session)
            new = self.changed(old, change)
            if self._replaced(session, old, new):
                return new

    def changed(self, old: Configuration, change: Change) -> Configuration:
        """A configuration after a change; nothing is stored.

        Raises:
            InvalidArgumentError: An option of the language model is unknown or wrong.
            NotAllowedError: A key would go where it must not.
        """
        options = old.lm if change.lm is None else merged(old.lm, change.lm)
        cache = old.cache if change.cache is None else change.cache
        model = old.language_model
        if options is not None and (change.lm is not None or cache is not old.cache):
            known = old.lm if cache is old.cache else None
            model = self._models.changed(known, model, options, cache=cache)
        name = change.adapter or old.adapter
        return Configuration(
            lm=options,
            language_model=model,
            adapter=name,
            adapter_object=self._adapter(name, model),
            num_threads=old.num_threads if change.num_threads is None else change.num_threads,
            cache=cache,
            budget=old.budget if change.budget is None else change.budget,
            history=old.history if change.history is None else change.history,
        )

    def _replaced(self, session: Session, old: Configuration, new: Configuration) -> bool:
        """Put the new one in the place of the old one, unless another change was quicker."""
        with self._lock:
            if of(session) is not old:
                return False
            session.settings[NAMESPACE] = new
            account = account_of(session)
            account.ledger.budget = new.budget or Budget()
            if account.keeps != new.history:
                account.keep(new.history)
            if new.language_model is not old.language_model:
                self._take(session.id, new.language_model)
            return True

    def forget(self, session_id: str) -> None:
        """The session has ended, and uses its language model no longer."""
        with self._lock:
            uses = self._in_use.pop(session_id, None)
        if uses is not None:
            uses.drop(self._runner)

    def _take(self, session_id: str, model: Any) -> None:
        """The session uses this language model from now on."""
        before, uses = self._in_use.pop(session_id, None), uses_of(model)
        if uses is not None and len(self._in_use) < MOST_IN_USE:
            uses.take()
            self._in_use[session_id] = uses
        if before is not None:
            before.drop(self._runner)

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
