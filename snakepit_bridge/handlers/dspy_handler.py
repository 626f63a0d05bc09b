"""The ``dspy.*`` commands: DSPy objects that live in a session."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from snakepit_bridge.errors import DSPyError, ErrorCode, InvalidArgumentError, SessionError
from snakepit_bridge.handlers.allow_list import AllowList
from snakepit_bridge.handlers.binding import binder_for
from snakepit_bridge.handlers.dspy import configuration
from snakepit_bridge.handlers.dspy.arguments import Arguments, arguments_from
from snakepit_bridge.handlers.dspy.call import Call, Scene
from snakepit_bridge.handlers.dspy.configuration import AdapterName, Configurator
from snakepit_bridge.handlers.dspy.door import DSPyDoor
from snakepit_bridge.handlers.dspy.failures import translated
from snakepit_bridge.handlers.dspy.language_model import LanguageModels
from snakepit_bridge.handlers.dspy.plain import PlainData
from snakepit_bridge.handlers.dspy.secrets import Secrets
from snakepit_bridge.handlers.registry import handles

if TYPE_CHECKING:
    from snakepit_bridge.session.context import Session
    from snakepit_bridge.session.instances import InstanceManager, Ref

CREATE = "dspy.create_instance"
CALL = "dspy.call_method"
CONFIGURE = "dspy.configure"
LIST = "dspy.list_instances"
DELETE = "dspy.delete_instance"


MOST_THREADS = 64
"""Threads that one call may ask DSPy to start."""


class DSPyHandler:
    """Creates DSPy objects and calls their methods; one handler serves all sessions and threads.

    Each call runs with the settings of its own session (``dspy.configure``); nothing is configured
    for the process. DSPy itself is imported by the first command that needs it, which therefore
    takes a second or two; the commands are ``def`` and never run on the loop.

    Arguments are an object (keyword arguments) or a list (positional ones). A text that is the ref
    of a live object of the session stands for that object.

    Args:
        instance_manager: Keeps the objects.
        allow: What may be created and called; DSPy's computing parts by default.
        secrets: Keys that callers may refer to; none by default.
        door: The way to DSPy.
    """

    def __init__(
        self,
        instance_manager: InstanceManager,
        *,
        allow: AllowList | None = None,
        secrets: Secrets | None = None,
        door: DSPyDoor | None = None,
    ) -> None:
        self._instances = instance_manager
        self._door = door or DSPyDoor()
        self._allow = allow or AllowList(importer=self._door.import_module)
        self._models = LanguageModels(self._door, secrets or Secrets())
        self._configurator = Configurator(self._door, self._models)
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
        instance = self._construction(session, class_path, args).run()
        return self._instances.register(session.id, instance)

    @handles(CALL)
    def call(
        self,
        session: Session,
        *,
        ref: str,
        method: str,
        args: dict[str, Any] | list[Any] | None = None,
    ) -> Any:
        """Call a method of an object, ``"__call__"`` for the object itself, and answer with data.

        A prediction is answered as an object of its fields. An answer that is a module or a
        signature is kept in the session and answered as its ref.

        Raises:
            NotAllowedError: The method, or an argument, is not allowed.
            DSPyError: There is no such object or method, the arguments are wrong, or DSPy failed.
        """
        result = self._method_call(session, ref, method, args).run()
        return self._answer(session, result)

    @handles(CONFIGURE)
    def configure(
        self,
        session: Session,
        *,
        lm: str | dict[str, Any] | None = None,
        adapter: AdapterName | None = None,
        num_threads: Annotated[int, msgspec.Meta(ge=1, le=MOST_THREADS)] | None = None,
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

        Raises:
            InvalidArgumentError: An option is unknown or wrong.
            NotAllowedError: A key would go where the operator does not want it.
        """
        if session.single_use:
            raise _not_kept()
        current = configuration.of(session)
        with translated(self._door.open(), CONFIGURE, hidden=self._hidden(current, lm), details={}):
            new = self._configurator.change(
                session, lm=lm, adapter=adapter, num_threads=num_threads
            )
        return {**new.shown(), "cache": self._door.cache_dir is not None}

    @handles(LIST)
    def listed(self, session: Session) -> list[dict[str, str]]:
        """The session's objects whose classes are allowed here, the oldest first."""
        return [
            {"ref": each.ref, "class": each.type, "created_at": each.created_at.isoformat()}
            for each in self._instances.listed(session.id)
            if self._allow.covers(each.type)
        ]

    @handles(DELETE)
    def delete(self, session: Session, *, ref: str) -> bool:
        """Forget an object; false when it was gone already.

        Raises:
            DSPyError: It belongs to another session.
        """
        with _as_dspy_errors():
            return self._instances.release(session.id, ref)

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
        return self.call(session, **self._bound(CALL, args))

    async def acreate_instance(self, session: Session, args: Mapping[str, Any]) -> Ref:
        """As ``create_instance``, for code on the loop; the work is done on a thread."""
        return await asyncio.to_thread(self.create_instance, session, args)

    async def acall_method(self, session: Session, args: Mapping[str, Any]) -> Any:
        """As ``call_method``, for code on the loop.

        A module that can is called with its own ``acall``, and being cancelled ends the call.
        Everything else runs on a thread and runs on there when this is cancelled.
        """
        bound = self._bound(CALL, args)
        call = await asyncio.to_thread(self._async_call, session, **bound)
        return self._answer(session, await call.arun())

    # --- the steps ------------------------------------------------------------------------------

    def _construction(
        self, session: Session, class_path: str, args: Mapping[str, Any] | list[Any] | None
    ) -> Call:
        scene = self._scene(session, CREATE, class_path=class_path)
        with _as_dspy_errors():
            found = self._allow.find(class_path)
            if not isinstance(found, type):
                raise InvalidArgumentError(
                    f"{class_path!r} is a function, not a class.", {"class_path": class_path}
                )
            return self._checked(scene, found, self._arguments(session, args))

    def _method_call(
        self,
        session: Session,
        ref: str,
        method: str,
        args: Mapping[str, Any] | list[Any] | None = None,
    ) -> Call:
        scene = self._scene(session, CALL, ref=ref, method=method)
        with _as_dspy_errors():
            instance = self._instances.get(session.id, ref)
            target = self._allow.method(instance, method)
            return self._checked(scene, target, self._arguments(session, args))

    def _async_call(
        self,
        session: Session,
        ref: str,
        method: str,
        args: Mapping[str, Any] | list[Any] | None = None,
    ) -> Call:
        if method == "__call__":
            with _as_dspy_errors():
                instance = self._instances.get(session.id, ref)
            if isinstance(instance, self._door.open().Module) and hasattr(instance, "aforward"):
                method = "acall"
        return self._method_call(session, ref, method, args)

    def _checked(self, scene: Scene, target: Any, arguments: Arguments) -> Call:
        self._allow.check_call(target, arguments.positional, arguments.keywords)
        return Call(scene, target, arguments)

    def _arguments(self, session: Session, args: Mapping[str, Any] | list[Any] | None) -> Arguments:
        return arguments_from(args, lambda ref: self._instances.get(session.id, ref))

    def _scene(self, session: Session, command: str, **details: str) -> Scene:
        chosen = configuration.of(session)
        return Scene(
            dspy=self._door.open(),
            command=command,
            configuration=chosen,
            hidden=self._models.hidden(chosen.lm),
            details=details,
        )

    def _answer(self, session: Session, result: Any) -> Any:
        def keep(instance: Any) -> str:
            return self._instances.register(session.id, instance)

        return PlainData(self._door.open(), keep).answer(result)

    def _hidden(
        self, current: configuration.Configuration, lm: str | Mapping[str, Any] | None
    ) -> tuple[str, ...]:
        """What must not appear in a message about a change: the old key, and the new one."""
        key = lm.get("api_key") if isinstance(lm, Mapping) else None
        return (*self._models.hidden(current.lm), *((key,) if isinstance(key, str) else ()))

    def _bound(self, command: str, args: Mapping[str, Any]) -> dict[str, Any]:
        binder = self._binders[command]
        assert binder is not None
        return binder.bind(command, args)


@contextmanager
def _as_dspy_errors() -> Iterator[None]:
    """What is wrong with a name or a ref, as an error of DSPy with the same code."""
    try:
        yield
    except (InvalidArgumentError, SessionError) as error:
        raise DSPyError(error.message, error.details, code=error.code) from error


def _not_kept() -> SessionError:
    return SessionError(
        "This session ends with its command, and so would what it configures.",
        {"hint": "Send a session_id with the command; any text of your choice opens one."},
        code=ErrorCode.WRONG_CALL,
    )
