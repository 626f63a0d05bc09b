"""What the tools of DSPex work with: DSPy's commands, the sessions of their calls."""

from __future__ import annotations

import threading
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from snakepit_bridge.adapters.dspex.shelf import Stored
from snakepit_bridge.bootstrap import dspy_rules
from snakepit_bridge.clock import SystemClock
from snakepit_bridge.errors import DSPyError, InvalidArgumentError, NotAllowedError
from snakepit_bridge.handlers.dspy import configuration
from snakepit_bridge.handlers.dspy.assembly import workbench_for
from snakepit_bridge.handlers.dspy_handler import DSPyHandler
from snakepit_bridge.session.context import Session, SessionState, current_execution
from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.session.instances import InstanceManager
from snakepit_bridge.session.manager import MAX_ID_LENGTH
from snakepit_bridge.settings import Settings, environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snakepit_bridge.handlers.dspy.workbench import Workbench
    from snakepit_bridge.session.host import HostRuntime


MOST_SESSIONS = 1_000
"""Of one worker. Callers name them, and few end them: the one not used for longest is ended."""


class Bench:
    """DSPy for the sessions of one worker. Safe to use from any thread.

    Args:
        workbench: What DSPy's commands share.
        most_sessions: How many there may be.
    """

    def __init__(self, workbench: Workbench, *, most_sessions: int = MOST_SESSIONS) -> None:
        self.workbench = workbench
        self.handler = DSPyHandler(workbench.instances, workbench=workbench)
        self._clock = SystemClock()
        self._nobody = EmbeddedHost()
        self._most_sessions = most_sessions
        self._lock = threading.Lock()
        self._states: dict[str, SessionState] = {}

    # --- DSPy -----------------------------------------------------------------------------------

    @property
    def is_available(self) -> bool:
        """Whether DSPy is installed; says nothing of its version, and imports nothing."""
        return self.workbench.door.is_open or find_spec("dspy") is not None

    def dspy(self) -> Any:
        """The ``dspy`` module; the first time it is imported.

        Raises:
            DSPyError: It is not installed, cannot be imported, or is of another version.
        """
        try:
            return self.workbench.door.open()
        except DSPyError as error:
            raise DSPyError("DSPy not available", {"hint": str(error)}, code=error.code) from error

    # --- sessions -------------------------------------------------------------------------------

    def session(self, context: Any, name: str = "") -> Session:
        """The session of a call.

        Args:
            context: The ``SessionContext`` of the call.
            name: The session that the caller means, if it is not the one the call came in.

        Raises:
            InvalidArgumentError: The name is too long.
        """
        name = name or str(context.session_id)
        if len(name) > MAX_ID_LENGTH:
            text = f"The session id has {len(name)} characters, more than {MAX_ID_LENGTH}."
            raise InvalidArgumentError(text, {"argument": "session_id"})
        with self._lock:
            # Taken out and put back, so that the first is the one not used for longest.
            state = self._states.pop(name, None) or SessionState(
                self.workbench.instances, started=self._clock.monotonic()
            )
            self._states[name] = state
            oldest = next(iter(self._states)) if len(self._states) > self._most_sessions else None
        if oldest is not None:
            self.end(oldest)
        client: Any = getattr(context.stub, "client", None)
        # Somebody's double of a stub has none, or has whatever it is asked for.
        host: HostRuntime = client if hasattr(client, "call_tool") else self._nobody
        execution = current_execution.get()
        return Session(name, host, self._clock.now(), state=state, execution=execution)

    def end(self, session_id: str) -> None:
        """Forget a session, closing its objects and the connections of its language model."""
        with self._lock:
            self._states.pop(session_id, None)
        self.workbench.instances.release_all(session_id)
        self.workbench.configurator.forget(session_id)

    def close(self) -> None:
        """Forget all sessions, and end what still runs."""
        with self._lock:
            names = list(self._states)
        for name in names:
            self.end(name)
        self.workbench.runner.close()

    def hidden(self, session: Session) -> tuple[str, ...]:
        """What no answer to this session may show."""
        return self.workbench.models.hidden(configuration.of(session).lm)

    # --- objects --------------------------------------------------------------------------------

    def create(self, session: Session, class_path: str, args: Any) -> Stored:
        """Create an object of a DSPy class, as ``dspy.create_instance`` does.

        Raises:
            BridgeError: As the command does.
        """
        ref = self.handler.create_instance(session, {"class_path": class_path, "args": args})
        return self.kept(session, ref)

    def kept(self, session: Session, ref: str) -> Stored:
        """A live object of the session as a thing to be stored."""
        instance = session.instances.get(ref)
        kind = instance if isinstance(instance, type) else type(instance)
        is_program = isinstance(instance, self.workbench.door.open().Module)
        return Stored(type=kind.__name__, ref=str(ref), is_program=is_program)

    def call(self, session: Session, thing: Stored, method: str, args: Any) -> Any:
        """Call a method of a stored object, as ``dspy.call_method`` does.

        Raises:
            BridgeError: As the command does.
            NotAllowedError: The thing is data.
        """
        if not thing.ref:
            raise NotAllowedError(
                f"The stored object is data of type {thing.type!r}, which has no methods here.",
                {"hint": "Create an object with 'call_dspy' and the function '__init__'."},
            )
        sent = {"ref": thing.ref, "method": method, "args": args}
        return self.handler.call_method(session, sent)


def workbench_of(environ: Mapping[str, str] | None = None) -> Workbench:
    """What DSPy's commands share, by the operator's settings.

    Args:
        environ: The settings, and the keys of language models; the environment of this process by
            default.
    """
    environ = environment() if environ is None else environ
    settings = Settings.load(environ=environ)
    instances = InstanceManager(limit=settings.max_instances)
    return workbench_for(dspy_rules(settings, environ), instances)
