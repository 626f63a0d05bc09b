"""What all ``dspy.*`` commands share: the way from a ref to an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from snakepit_bridge.errors import (
    BridgeError,
    DSPyError,
    InvalidArgumentError,
    SessionError,
    WrongCallError,
)
from snakepit_bridge.handlers.allow_list import AllowList
from snakepit_bridge.handlers.dspy import configuration
from snakepit_bridge.handlers.dspy.accounts.account import account_of
from snakepit_bridge.handlers.dspy.accounts.spending import Ledger
from snakepit_bridge.handlers.dspy.arguments import Arguments, arguments_from, with_examples
from snakepit_bridge.handlers.dspy.call import Call, Scene
from snakepit_bridge.handlers.dspy.configuration import (
    HOW_TO_SET_A_MODEL,
    Configurator,
    change_from,
)
from snakepit_bridge.handlers.dspy.creation import Args, Creation
from snakepit_bridge.handlers.dspy.door import DSPyDoor
from snakepit_bridge.handlers.dspy.failures import error_from
from snakepit_bridge.handlers.dspy.models.language_model import LanguageModels
from snakepit_bridge.handlers.dspy.models.session_lm import lm_call_under_way
from snakepit_bridge.handlers.dspy.plain import PlainData
from snakepit_bridge.handlers.dspy.predictions import record_of
from snakepit_bridge.handlers.dspy.runner import Runner
from snakepit_bridge.handlers.dspy.runs import Halt, Journal, Run
from snakepit_bridge.handlers.dspy.secrets import Secrets
from snakepit_bridge.handlers.dspy.spans.callbacks import callbacks_for
from snakepit_bridge.handlers.dspy.spans.instruments import Instruments
from snakepit_bridge.handlers.tool_handler import ToolHandler
from snakepit_bridge.session.context import current_execution

if TYPE_CHECKING:
    from snakepit_bridge.session.context import Session
    from snakepit_bridge.session.instances import InstanceManager, Ref

BATCH = "batch"
"""The method of modules that takes examples."""

USAGE = "dspy-usage"
"""Names what a command has spent, as JSON, in the metadata of its answer."""


class Follower(msgspec.Struct, frozen=True, kw_only=True):
    """Who follows a call while it runs."""

    tell: Callable[[dict[str, Any]], None] | None = None
    """Takes events; must not block."""

    journal: Journal | None = None
    settings: Mapping[str, Any] = {}
    """Further settings of DSPy, e.g. ``send_stream``."""

    is_job: bool = False
    """Whether many requests follow each other, none of which helps once one was refused."""


NOBODY = Follower()


class Workbench:
    """Everything DSPy's commands are made from; one serves all sessions and threads.

    Args:
        instance_manager: Keeps the objects.
        allow: What may be created and called; DSPy's computing parts by default.
        secrets: Keys that callers may refer to; none by default.
        door: The way to DSPy.
        runner: Where DSPy's code runs.
        hold: Keeps a session from ending by idleness while the block runs.
        instruments: Where spans and metrics go.
        tools: Python's own tools, which agents may be given as well as the host's.
    """

    def __init__(  # noqa: PLR0913  (everything the commands share)
        self,
        instance_manager: InstanceManager,
        *,
        allow: AllowList | None = None,
        secrets: Secrets | None = None,
        door: DSPyDoor | None = None,
        runner: Runner | None = None,
        hold: Callable[[str], AbstractContextManager[object]] = nullcontext,
        instruments: Instruments | None = None,
        tools: ToolHandler | None = None,
    ) -> None:
        self.instances = instance_manager
        self.door = door or DSPyDoor()
        self.allow = allow or AllowList(importer=self.door.import_module)
        self.secrets = secrets or Secrets()
        self.models = LanguageModels(self.door, self.secrets)
        self.runner = runner or Runner()
        self.configurator = Configurator(self.door, self.models, self.runner)
        self.tools = tools or ToolHandler()
        self.creation = Creation(self.door, self.allow, self.tools)
        self.instruments = instruments or Instruments()
        self.hold = hold

    # --- what a command is about ----------------------------------------------------------------

    async def opened(self) -> Any:
        """The ``dspy`` module; the first time it is imported, on a thread.

        Raises:
            DSPyError: It is not installed, cannot be imported, or is of another version.
        """
        return (
            self.door.open() if self.door.is_open else await self.runner.in_thread(self.door.open)
        )

    def instance(self, session: Session, ref: str) -> Any:
        """The live object of a ref.

        Raises:
            DSPyError: There is none, or it belongs to another session.
        """
        with as_dspy_errors():
            return self.instances.get(session.id, ref)

    def construction(self, session: Session, command: str, class_path: str, args: Args) -> Call:
        """The creation of an object, checked, not begun.

        Raises:
            NotAllowedError: The class, or an argument, is not allowed.
            DSPyError: There is no such class, or the arguments do not fit.
        """
        scene = self.scene(session, command, details={"class_path": class_path})
        with as_dspy_errors():
            found = self.allow.find(class_path)
            if not isinstance(found, type):
                raise InvalidArgumentError(
                    f"{class_path!r} is a function, not a class.", {"class_path": class_path}
                )
            given = self.creation.arguments(
                found, args, session, lambda args: self.arguments(session, args)
            )
            return self._checked(scene, found, given)

    def signature(self, class_path: str, args: Args) -> Any | None:
        """The signature that is to be created of data; ``None`` where something else is.

        Raises:
            DSPyError: The data describe no signature.
            NotAllowedError: A type is not allowed.
        """
        data = args[0] if isinstance(args, list) and len(args) == 1 else args
        if class_path.rpartition(".")[2] != "Signature" or not isinstance(data, Mapping):
            return None
        with as_dspy_errors():
            if self.allow.find(class_path) is not self.door.open().Signature:
                return None
            only = data.get("signature")
            # Its own parameter may be what has the fields.
            return self.creation.signatures.made(only if isinstance(only, Mapping) else data)

    def call(  # noqa: PLR0913  (the fields of the command, and who follows it)
        self,
        session: Session,
        command: str,
        ref: str,
        method: str,
        args: Args = None,
        *,
        settings: Mapping[str, Any] | None = None,
        follower: Follower = NOBODY,
        is_blocking: bool = False,
    ) -> Call:
        """The call of a method, checked, not begun.

        A module that can be awaited is, unless ``is_blocking``: ``"__call__"`` is its ``acall``.

        Raises:
            NotAllowedError: The method, or an argument, is not allowed.
            DSPyError: There is no such object or method, or the arguments do not fit.
            InvalidArgumentError: The settings are wrong.
        """
        instance = self.instance(session, ref)
        details = {"ref": ref, "method": method}
        scene = self.scene(session, command, details=details, settings=settings, follower=follower)
        awaited = method == "__call__" and not is_blocking and self.can_be_awaited(instance)
        with as_dspy_errors():
            target = self.allow.method(instance, "acall" if awaited else method)
            given = self.arguments(session, args)
            if method == BATCH and isinstance(instance, scene.dspy.Module):
                given = with_examples(scene.dspy, given)
            return self._checked(scene, target, given, method)

    def can_be_awaited(self, instance: Any) -> bool:
        """Whether an object is a module with an ``async`` form, which ends when it is cancelled."""
        return isinstance(instance, self.door.open().Module) and hasattr(instance, "aforward")

    def arguments(self, session: Session, args: Args) -> Arguments:
        """Arguments with live objects in the place of their refs.

        Raises:
            ForeignRefError: A ref belongs to another session.
        """
        return arguments_from(args, lambda ref: self.instances.get(session.id, ref))

    def scene(
        self,
        session: Session,
        command: str,
        *,
        details: Mapping[str, Any],
        settings: Mapping[str, Any] | None = None,
        follower: Follower = NOBODY,
    ) -> Scene:
        """Where a call of this session takes place.

        Args:
            session: As the command sees it.
            command: For errors.
            details: Facts for errors.
            settings: What this call uses in the place of the session's, as ``dspy.configure``.
            follower: Who follows it.

        Raises:
            InvalidArgumentError: The settings are wrong.
        """
        dspy = self.door.open()
        chosen, budget = configuration.of(session), None
        if settings:
            change = change_from(settings)
            chosen, budget = self.configurator.changed(chosen, change), change.budget
        hidden = self.models.hidden(chosen.lm)
        account = account_of(session)
        if chosen.language_model is None and (budget or account.ledger.budget).shown():
            raise WrongCallError(
                "A budget needs a language model of the session's own; nobody counts any other.",
                {"hint": HOW_TO_SET_A_MODEL},
            )
        run = Run(
            session,
            Ledger(budget, parent=account.ledger, owner="job" if follower.is_job else "call"),
            runner=self.runner,
            tools=self.tools,
            journal=follower.journal,
            tell=follower.tell,
            refused=partial(error_from, dspy, command, hidden, details)
            if follower.is_job
            else None,
            on_lm_call=lambda call: account.record(call, hidden),
        )
        callbacks = callbacks_for(
            dspy, run, instruments=self.instruments, hidden=hidden, lm_call=lm_call_under_way
        )
        return Scene(
            dspy=dspy,
            command=command,
            configuration=chosen,
            hidden=hidden,
            details=details,
            run=run,
            settings={**follower.settings, "callbacks": callbacks},
        )

    # --- doing it -------------------------------------------------------------------------------

    async def run(self, call: Call) -> Any:
        """Make a call, from any loop; being cancelled ends what can be ended.

        Raises:
            DSPyError: DSPy, or what it called, raised.
            BridgeError: It was halted: why.
        """
        with self.under_way(call.scene):
            if call.is_async:
                return await self.runner.run(call.arun())
            return await self.runner.in_thread(call.run)

    def run_here(self, call: Call) -> Any:
        """Make a call and wait for it; in this thread, unless it is ``async``.

        Raises:
            WrongCallError: It is ``async``, and this is a loop's thread.
            BridgeError: As ``run``.
        """
        with self.under_way(call.scene):
            if not call.is_async:
                return call.run()
            try:
                return self.runner.wait(call.arun(), call.scene.run)
            except Halt as halt:
                # The wait was cancelled; what was waited for has been told, too.
                raise halt.error from None

    @contextmanager
    def under_way(self, scene: Scene) -> Iterator[None]:
        """While the block runs, the command's cancellation is that of the run.

        In the end the answer tells what was spent.
        """
        run, execution = scene.run, current_execution.get()
        if run is None or execution is None:
            yield
            return
        take_back = execution.on_cancel(run.cancel)
        try:
            yield
        except BridgeError as error:
            if run.ledger.spent().calls:
                error.details.setdefault("usage", run.ledger.spent().shown())
            raise
        finally:
            take_back()
            spent = run.ledger.spent()
            if spent.calls:
                told = msgspec.json.encode(spent.shown()).decode()
                run.session.answer_metadata[USAGE] = told

    # --- answers --------------------------------------------------------------------------------

    def keep(self, session: Session, instance: Any) -> Ref:
        """Keep an object in the session.

        Raises:
            SessionError: The session keeps nothing.
            QuotaExceededError: It keeps as much as it may.
        """
        return self.instances.register(session.id, instance)

    def data(self, session: Session, result: Any) -> Any:
        """A result as plain data; a module or a signature is kept, and answered as its ref.

        Raises:
            DSPyError: It, or something inside of it, has no form as data.
            SessionError: It is to be kept, and the session keeps nothing.
        """
        return self._plain(session).answer(result)

    def record(self, session: Session, scene: Scene, result: Any) -> dict[str, Any]:
        """A prediction with everything about it, see ``record_of``, and what the call has spent.

        Raises:
            DSPyError: It is no prediction, and no data either.
        """
        spent = scene.run.ledger.spent() if scene.run else None
        told = record_of(self.door.open(), result, self._plain(session))
        return {**told, "usage": spent.shown() if spent else {}}

    def _plain(self, session: Session) -> PlainData:
        return PlainData(self.door.open(), lambda instance: self.keep(session, instance))

    def _checked(self, scene: Scene, target: Any, arguments: Arguments, name: str = "") -> Call:
        self.allow.check_call(target, arguments.positional, arguments.keywords)
        return Call(scene, target, arguments, name, check=self._check_keywords)

    def _check_keywords(self, kind: Any, keywords: Mapping[str, Any]) -> None:
        self.allow.check_call(kind, (), keywords)


@contextmanager
def as_dspy_errors() -> Iterator[None]:
    """What is wrong with a name or a ref, as an error of DSPy with the same code."""
    try:
        yield
    except (InvalidArgumentError, SessionError) as error:
        raise DSPyError(error.message, error.details, code=error.code) from error
