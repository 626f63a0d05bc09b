"""One command through look-up, binding, session, engine, telemetry."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from snakepit_bridge.engine.job import Execution, Job
from snakepit_bridge.errors import (
    MAX_NAME_SHOWN,
    BridgeError,
    CommandCancelledError,
    CommandDeadlineError,
    InvalidArgumentError,
    Outcome,
    WrongCallError,
)
from snakepit_bridge.handlers.command import Chunk, Codec, Command, NoCodec, Result
from snakepit_bridge.handlers.failures import failure_from
from snakepit_bridge.handlers.prepared import Prepared
from snakepit_bridge.handlers.work import Work
from snakepit_bridge.telemetry.instrumentation import Telemetry

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from snakepit_bridge.engine.base import Engine
    from snakepit_bridge.handlers.registry import HandlerEntry, HandlerRegistry
    from snakepit_bridge.leases.leases import Leases
    from snakepit_bridge.session.manager import SessionManager
    from snakepit_bridge.telemetry.instrumentation import CommandRecord


log = logging.getLogger(__name__)

NO_CODEC = NoCodec()


class CommandHandler:
    """The one path of every command, whichever transport brought it.

    Args:
        registry: The commands there are.
        session_manager: The owner of the sessions.
        engine: Where code runs for ``run`` and ``stream``; ``execute`` needs none.
        telemetry: Where to tell; the process's own by default.
        worker_id: Which worker answered, for the answer's metadata.
        leases: Where transports keep binary data that do not travel in a message.
    """

    def __init__(  # noqa: PLR0913  (everything that commands share)
        self,
        registry: HandlerRegistry,
        session_manager: SessionManager,
        *,
        engine: Engine | None = None,
        telemetry: Telemetry | None = None,
        worker_id: str = "",
        leases: Leases | None = None,
    ) -> None:
        self.registry = registry
        self.sessions = session_manager
        self.engine = engine
        self.telemetry = telemetry or Telemetry()
        self.worker_id = worker_id
        self.leases = leases

    def on_engine(self, engine: Engine) -> CommandHandler:
        """The same commands and sessions, with their code run on this engine."""
        return CommandHandler(
            self.registry,
            self.sessions,
            engine=engine,
            telemetry=self.telemetry,
            worker_id=self.worker_id,
            leases=self.leases,
        )

    # --- the three ways in ----------------------------------------------------------------------

    def execute(self, session_id: str, command: str, args: Mapping[str, Any]) -> Any:
        """Run a command in the caller's thread and return its value.

        An ``async def`` handler gets a loop of its own for the call.

        Raises:
            BridgeError: Whatever went wrong.
            WrongCallError: The command streams, or the caller is on a loop's thread.
        """
        _refuse_on_loop()
        sent = Command(name=command, args=args, session_id=session_id)
        record = self.telemetry.command(command, session_id, sent.trace_context)
        try:
            with record.current():
                value = self._prepare(sent, record, NO_CODEC, value_only=True).run_here()
        except BridgeError as error:
            record.failed(error)
            raise
        record.succeeded()
        return value

    async def run(self, command: Command, *, codec: Codec = NO_CODEC) -> Result:
        """Run a command on the engine.

        Args:
            command: What to run.
            codec: Reads the arguments and writes the value.

        Being cancelled means that the caller is gone: the code is asked to end, and the caller is
        free within a second.

        Raises:
            BridgeError: Whatever went wrong; its ``metadata`` is that of the answer.
            WrongCallError: The command streams.
        """
        engine = self._require_engine()
        record = self.telemetry.command(command.name, command.session_id, command.trace_context)
        prepared = None
        try:
            with record.current():
                await self._loaded(command.name)
                prepared = self._prepare(command, record, codec, value_only=True)
                await prepared.take_turn()
                value = await engine.run(prepared.execution)
        except BridgeError as error:
            self._tell_failure(record, error, prepared)
            raise
        except asyncio.CancelledError:
            self._tell_cancelled(command, record, prepared)
            raise
        record.succeeded()
        return Result(value=value, metadata=self._metadata(prepared.execution))

    async def stream(
        self, command: Command, *, codec: Codec = NO_CODEC
    ) -> AsyncGenerator[Chunk, None]:
        """Run a command on the engine and yield its items as they come, then a final chunk.

        A command that does not stream yields its value in the final chunk. Close the generator
        (``aclosing``) to say that the caller is gone.

        Args:
            command: What to run.
            codec: Reads the arguments and writes each item.

        Raises:
            BridgeError: Whatever went wrong, after the items that came before.
        """
        engine = self._require_engine()
        record = self.telemetry.command(command.name, command.session_id, command.trace_context)
        prepared = None
        try:
            # The span is current where the code starts, never across a yield: what follows one runs
            # in whatever context the reader has.
            with record.current():
                await self._loaded(command.name)
                prepared = self._prepare(command, record, codec)
                await prepared.take_turn()
                execution = prepared.execution
                if execution.job.streams:
                    items, final = engine.stream(execution), _NO_VALUE
                else:
                    items, final = _no_items(), {"value": await engine.run(execution)}
            async with aclosing(items):
                async for item in items:
                    yield Chunk(value=item)
        except BridgeError as error:
            self._tell_failure(record, error, prepared)
            raise
        except (asyncio.CancelledError, GeneratorExit):
            self._tell_cancelled(command, record, prepared)
            raise
        record.succeeded()
        yield Chunk(**final, is_final=True, metadata=self._metadata(execution))

    # --- the steps ------------------------------------------------------------------------------

    async def _loaded(self, command: str) -> None:
        """Load the code of a command that comes late, off the loop."""
        if not self.registry.is_pending(command):
            return
        try:
            await asyncio.to_thread(self.registry.load, command)
        except Exception as error:
            raise failure_from(error, command=command) from error

    def _prepare(
        self,
        command: Command,
        record: CommandRecord,
        codec: Codec,
        *,
        value_only: bool = False,
    ) -> Prepared:
        """Everything that can refuse a command before its code runs, in the order of its cost."""
        entry, session_id, args = self._find(command, record, codec, value_only=value_only)
        deadline = self._deadline(command)
        session = self.sessions.enter(session_id)
        job = Job(
            session_id=session.id,
            command=command.name,
            args=args,
            streams=entry.streams or (entry.answers_both and not value_only),
            runs_on_loop=entry.runs_on_loop,
            deadline=deadline,
            trace_context=record.headers(),
            metadata=command.metadata,
        )
        turnstile = self.sessions.turnstile(session, entry.command) if entry.exclusive else None
        return Prepared(self.sessions, session, job, Work(entry, session, codec.encode), turnstile)

    def _find(
        self, command: Command, record: CommandRecord, codec: Codec, *, value_only: bool
    ) -> tuple[HandlerEntry, str, dict[str, Any]]:
        # User code here: can_handle(), and the checks of a type that a parameter names.
        try:
            entry = self.registry.find(command.name)
            record.command = entry.command
            if value_only:
                _refuse_streaming(entry, command.name)
            _require_session(command)
            args = codec.decode_args(command.args)
            session_id = command.session_id
            if command.session_in_args and not entry.takes("session_id"):
                session_id, args = _session_in(args, otherwise=session_id)
            return entry, session_id, entry.bind(args)
        except BridgeError:
            raise
        except Exception as error:
            raise failure_from(error, command=command.name) from error

    def _deadline(self, command: Command) -> float | None:
        if command.timeout_s is None:
            return None
        if command.timeout_s <= 0:
            error = CommandDeadlineError(
                f"The deadline of {command.name!r} had passed when it arrived.",
                {"command": command.name, "timeout_s": command.timeout_s},
            )
            error.outcome = Outcome.STOPPED
            raise error
        return self.sessions.clock.monotonic() + command.timeout_s

    def _metadata(self, execution: Execution | None) -> dict[str, str]:
        queue_s, run_s = (execution.queue_s, execution.run_s) if execution else (0.0, 0.0)
        metadata = {
            **(execution.answer_metadata if execution else {}),
            "queue_ms": f"{queue_s * 1000:.3f}",
            "run_ms": f"{run_s * 1000:.3f}",
            "worker_id": self.worker_id,
        }
        if self.engine is not None:
            load = self.engine.load()
            metadata["in_flight"] = str(load.in_flight)
            metadata["queued"] = str(load.queued)
        return metadata

    def _tell_failure(
        self, record: CommandRecord, error: BridgeError, prepared: Prepared | None
    ) -> None:
        metadata = self._metadata(prepared.execution if prepared else None)
        error.metadata = {**metadata, **record.ids, "error_id": error.error_id}
        record.failed(error)

    def _tell_cancelled(
        self, command: Command, record: CommandRecord, prepared: Prepared | None
    ) -> None:
        """Nobody waits for an answer any more, so the span and the log are the only ones told."""
        execution = prepared.execution if prepared else None
        outcome = (execution and execution.outcome) or Outcome.STOPPED
        remaining_s = execution.remaining_s if execution else None
        # A transport that watches the deadline itself just cancels when it has passed.
        late = remaining_s is not None and remaining_s <= 0
        kind = CommandDeadlineError if late else CommandCancelledError
        error = kind(
            f"The caller of {command.name[:MAX_NAME_SHOWN]!r} is gone; its code was {outcome}."
        )
        error.outcome = outcome
        self._tell_failure(record, error, prepared)
        log.info(
            "%s",
            error.message,
            extra={
                "command": command.name[:MAX_NAME_SHOWN],
                "session_id": command.session_id[:MAX_NAME_SHOWN],
                "error_code": str(error.code),
                **error.metadata,
            },
        )

    def _require_engine(self) -> Engine:
        if self.engine is None:
            text = "run() and stream() need an engine: CommandHandler(…, engine=engine)"
            raise TypeError(text)
        return self.engine


_NO_VALUE: dict[str, Any] = {"is_empty": True}


async def _no_items() -> AsyncGenerator[Any, None]:
    return
    yield


def _session_in(args: Mapping[str, Any], *, otherwise: str) -> tuple[str, Mapping[str, Any]]:
    """The session that an argument names, with the other arguments."""
    named = args.get("session_id")
    if not isinstance(named, str):
        return otherwise, args
    return named or otherwise, {name: args[name] for name in args if name != "session_id"}


def _require_session(command: Command) -> None:
    if command.requires_session and not command.session_id:
        hint = "Set session_id, or use Execute for a command without a session."
        raise InvalidArgumentError("session_id is empty.", {"command": command.name, "hint": hint})


def _refuse_streaming(entry: HandlerEntry, command: str) -> None:
    if entry.streams:
        hint = "Call it with ExecuteStream, or 'snakepit-bridge stream'."
        raise WrongCallError(f"{command!r} streams its answer.", {"command": command, "hint": hint})


def _refuse_on_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    text = "CommandHandler.execute() would block the event loop."
    raise WrongCallError(text, {"hint": "Use 'await handler.run(Command(…))' in async def code."})
