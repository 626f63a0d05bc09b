"""The ``dspy.*`` commands: DSPy objects that live in a session."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from snakepit_bridge.errors import ErrorCode, SessionError
from snakepit_bridge.handlers.binding import binder_for
from snakepit_bridge.handlers.dspy import configuration
from snakepit_bridge.handlers.dspy.accounts.account import MOST_KEPT, account_of
from snakepit_bridge.handlers.dspy.accounts.spending import Budget
from snakepit_bridge.handlers.dspy.configuration import AdapterName, Change
from snakepit_bridge.handlers.dspy.failures import translated
from snakepit_bridge.handlers.dspy.rules import MOST_THREADS
from snakepit_bridge.handlers.dspy.runner import on_a_loop
from snakepit_bridge.handlers.dspy.workbench import Workbench, as_dspy_errors
from snakepit_bridge.handlers.registry import handles

if TYPE_CHECKING:
    from snakepit_bridge.handlers.allow_list import AllowList
    from snakepit_bridge.handlers.dspy.door import DSPyDoor
    from snakepit_bridge.handlers.dspy.secrets import Secrets
    from snakepit_bridge.session.context import Session
    from snakepit_bridge.session.instances import InstanceManager, Ref

CREATE = "dspy.create_instance"
CALL = "dspy.call_method"
PREDICT = "dspy.predict"
CONFIGURE = "dspy.configure"
USAGE = "dspy.usage"
HISTORY = "dspy.history"
LIST = "dspy.list_instances"
DELETE = "dspy.delete_instance"


class DSPyHandler:
    """Creates DSPy objects and calls their methods; one handler serves all sessions and threads.

    Each call runs with the settings of its own session (``dspy.configure``); nothing is configured
    for the process. DSPy itself is imported by the first command that needs it, on a thread, which
    therefore takes a second or two.

    Arguments are an object (keyword arguments) or a list (positional ones). A text that is the ref
    of a live object of the session stands for that object.

    Args:
        instance_manager: Keeps the objects.
        allow: What may be created and called; DSPy's computing parts by default.
        secrets: Keys that callers may refer to; none by default.
        door: The way to DSPy.
        workbench: What the handlers of all ``dspy.*`` commands share, in the place of the above.
    """

    def __init__(
        self,
        instance_manager: InstanceManager,
        *,
        allow: AllowList | None = None,
        secrets: Secrets | None = None,
        door: DSPyDoor | None = None,
        workbench: Workbench | None = None,
    ) -> None:
        self._bench = workbench or Workbench(
            instance_manager, allow=allow, secrets=secrets, door=door
        )
        self._binders = {CREATE: binder_for(self.create), CALL: binder_for(self.call)}

    # --- the commands ---------------------------------------------------------------------------

    @handles(CREATE)
    def create(
        self,
        session: Session,
        *,
        class_path: str,
        args: dict[str, Any] | list[Any] | None = None,
    ) -> Ref:
        """Create an object of a DSPy class and keep it in the session.

        Args:
            class_path: E.g. ``"dspy.ChainOfThought"``.
            args: E.g. ``{"signature": "question -> answer"}``, or ``["question -> answer"]``.

        Returns:
            The ref by which the session finds it again.

        Raises:
            NotAllowedError: The class, or an argument, is not allowed.
            DSPyError: There is no such class, or DSPy refused the arguments.
            SessionError: The session keeps nothing.
        """
        signature = self._bench.signature(class_path, args)
        if signature is not None:
            return self._bench.keep(session, signature)
        call = self._bench.construction(session, CREATE, class_path, args)
        return self._bench.keep(session, self._bench.run_here(call))

    @handles(CALL)
    async def call(
        self,
        session: Session,
        *,
        ref: str,
        method: str,
        args: dict[str, Any] | list[Any] | None = None,
        settings: dict[str, Any] | None = None,
    ) -> Any:
        """Call a method of an object, ``"__call__"`` for the object itself, and answer with data.

        A prediction is answered as an object of its fields. An answer that is a module or a
        signature is kept in the session and answered as its ref.

        Args:
            ref: The object.
            method: Its name.
            args: Keyword arguments, or a list of positional ones.
            settings: What this call alone uses, as ``dspy.configure`` takes it.

        Raises:
            NotAllowedError: The method, or an argument, is not allowed.
            DSPyError: There is no such object or method, the arguments are wrong, or DSPy failed.
            BudgetExceededError: The session, or the call, has spent what it may.
        """
        bench = self._bench
        await bench.opened()
        call = bench.call(session, CALL, ref, method, args, settings=settings)
        return bench.data(session, await bench.run(call))

    @handles(PREDICT)
    async def predict(
        self,
        session: Session,
        *,
        ref: str,
        args: dict[str, Any] | None = None,
        settings: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Run a module and answer with everything that is known of its prediction.

        Args:
            ref: The module.
            args: Its inputs by name.
            settings: What this call alone uses, as ``dspy.configure`` takes it.

        Returns:
            ``outputs``: the fields; ``reasoning``: the model's thoughts, if it was asked for them;
            ``completions``: the fields of every candidate; ``usage``: what the call has spent, in
            tokens, US dollars and seconds.

        Raises:
            BridgeError: As ``dspy.call_method``.
        """
        bench = self._bench
        await bench.opened()
        call = bench.call(session, PREDICT, ref, "__call__", args, settings=settings)
        return bench.record(session, call.scene, await bench.run(call))

    @handles(CONFIGURE)
    def configure(  # noqa: PLR0913  (the fields of the command)
        self,
        session: Session,
        *,
        lm: str | dict[str, Any] | None = None,
        adapter: AdapterName | None = None,
        num_threads: Annotated[int, Meta(ge=1, le=MOST_THREADS)] | None = None,
        cache: bool | None = None,
        budget: Budget | None = None,
        history: Annotated[int, Meta(ge=0, le=MOST_KEPT)] | None = None,
    ) -> dict[str, Any]:
        """Set what the session's DSPy calls use, and say what that is now.

        What is not given stays. An ``lm`` with a model replaces the language model; without one it
        changes options of the current one.

        Args:
            lm: A model's name, or its options:
                ``{"model": "openai/gpt-4o-mini", "api_key": "env:OPENAI_API_KEY"}``. The model
                ``"offline"`` asks nobody.
            adapter: How DSPy writes prompts and reads answers.
            num_threads: For DSPy's own parallel work.
            cache: Whether DSPy's cache may answer, where the operator has one.
            budget: What the session may spend in all: ``calls``, ``tokens``, ``cost_usd``; an empty
                object has no limits.
            history: Requests to language models that ``dspy.history`` remembers.

        Raises:
            InvalidArgumentError: An option is unknown or wrong.
            NotAllowedError: A key would go where the operator does not want it.
        """
        if session.single_use:
            raise _not_kept()
        bench, current = self._bench, configuration.of(session)
        change = Change(
            lm=lm,
            adapter=adapter,
            num_threads=num_threads,
            cache=cache,
            budget=budget,
            history=history,
        )
        hidden = self._hidden(current, lm)
        with translated(bench.door.open(), CONFIGURE, hidden=hidden, details={}):
            new = bench.configurator.change(session, change)
        return {**new.shown(), "cache": bench.models.caches(new.language_model)}

    @handles(USAGE)
    def usage(self, session: Session) -> dict[str, Any]:
        """What the session has spent on language models, its budget, and what is left of it."""
        ledger = account_of(session).ledger
        return {
            "spent": ledger.spent().shown(),
            "budget": ledger.budget.shown(),
            "left": ledger.left(),
        }

    @handles(HISTORY)
    def history(
        self,
        session: Session,
        *,
        limit: Annotated[int, Meta(ge=1, le=MOST_KEPT)] = 20,
        redact: bool = False,
    ) -> list[dict[str, Any]]:
        """The session's newest requests to language models, the newest last.

        Kept are as many as ``dspy.configure {"history": n}`` says, none by default.
        Keys never show.

        Args:
            limit: At most so many.
            redact: Leave out what was asked and answered, and tell how long it was.
        """
        return [each.shown(redact=redact) for each in account_of(session).history(limit)]

    @handles(LIST)
    def listed(self, session: Session) -> list[dict[str, str]]:
        """The session's objects whose classes are allowed here, the oldest first."""
        return [
            {"ref": each.ref, "class": each.type, "created_at": each.created_at.isoformat()}
            for each in self._bench.instances.listed(session.id)
            if self._bench.allow.covers(each.type)
        ]

    @handles(DELETE)
    def delete(self, session: Session, *, ref: str) -> bool:
        """Forget an object; false when it was gone already.

        Raises:
            DSPyError: It belongs to another session.
        """
        with as_dspy_errors():
            return self._bench.instances.release(session.id, ref)

    # --- the founding calls ---------------------------------------------------------------------

    def create_instance(self, session: Session, args: Mapping[str, Any]) -> Ref:
        """As the command: ``{"class_path", "args"}``.

        Raises:
            InvalidArgumentError: Names every wrong key.
            BridgeError: As ``create`` does.
        """
        return self.create(session, **self._bound(CREATE, args))

    def call_method(self, session: Session, args: Mapping[str, Any]) -> Any:
        """As the command: ``{"ref", "method", "args"}``.

        Raises:
            InvalidArgumentError: Names every wrong key.
            BridgeError: As ``call`` does.
        """
        bench = self._bench
        call = bench.call(session, CALL, **self._bound(CALL, args), is_blocking=on_a_loop())
        return bench.data(session, bench.run_here(call))

    async def acreate_instance(self, session: Session, args: Mapping[str, Any]) -> Ref:
        """As ``create_instance``, for code on the loop; the work is done on a thread."""
        return await self._bench.runner.in_thread(partial(self.create_instance, session, args))

    async def acall_method(self, session: Session, args: Mapping[str, Any]) -> Any:
        """As ``call_method``, for code on the loop.

        A module that can is called with its own ``acall``, and being cancelled ends the call.
        Everything else runs on a thread and runs on there when this is cancelled.
        """
        return await self.call(session, **self._bound(CALL, args))

    def _hidden(
        self, current: configuration.Configuration, lm: str | Mapping[str, Any] | None
    ) -> tuple[str, ...]:
        """What must not appear in a message about a change: the old key, and the new one."""
        key = lm.get("api_key") if isinstance(lm, Mapping) else None
        return (*self._bench.models.hidden(current.lm), *((key,) if isinstance(key, str) else ()))

    def _bound(self, command: str, args: Mapping[str, Any]) -> dict[str, Any]:
        binder = self._binders[command]
        assert binder is not None
        return binder.bind(command, args)


def _not_kept() -> SessionError:
    return SessionError(
        "This session ends with its command, and so would what it configures.",
        {"hint": "Send a session_id with the command; any text of your choice opens one."},
        code=ErrorCode.WRONG_CALL,
    )
