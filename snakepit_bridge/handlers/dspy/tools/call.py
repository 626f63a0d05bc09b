"""The function behind a tool for DSPy that is one of the host's."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from snakepit_bridge.errors import (
    BridgeError,
    CommandCancelledError,
    CommandDeadlineError,
    HostToolError,
    WrongCallError,
)
from snakepit_bridge.handlers.dspy.runner import on_a_loop
from snakepit_bridge.handlers.dspy.runs import current_run
from snakepit_bridge.handlers.dspy.tools.texts import failure_text, result_text

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from snakepit_bridge.handlers.dspy.door import DSPyDoor
    from snakepit_bridge.handlers.dspy.runs import Run
    from snakepit_bridge.handlers.dspy.tools.parameters import Parameters
    from snakepit_bridge.handlers.dspy.tools.spec import ToolSpec


class HostToolCall:
    """Calls a tool of the host for the command under way, whichever that is.

    On a loop a call gives a coroutine, as ``Tool.acall`` awaits it; on a thread it blocks. The
    answer is text for a language model, of a failure, too: agents would show it where in Python an
    exception was raised.

    Args:
        door: The way to DSPy.
        spec: Which tool, and how.
        parameters: What it takes.
    """

    def __init__(self, door: DSPyDoor, spec: ToolSpec, parameters: Parameters) -> None:
        self._door = door
        self._spec = spec
        self._parameters = parameters
        self.__name__ = spec.name

    def __deepcopy__(self, memo: object) -> HostToolCall:
        # Optimizers copy programs; a tool is the same in all of them.
        return self

    def __repr__(self) -> str:
        return f"<tool {self._spec.function.tool!r} of the host>"

    def __call__(self, **kwargs: Any) -> Any:
        """Call it with the arguments that a language model has written.

        Raises:
            WrongCallError: No command is under way.
            Halt: The command has to end.
        """
        if on_a_loop():
            return self._acall(kwargs)
        return self._call(kwargs)

    def _call(self, given: Mapping[str, Any]) -> str:
        run, sent, wrong = self._begun(given)
        if wrong:
            return wrong
        try:
            if self._spec.timeout_s is None:
                return result_text(run.call_tool(self._spec.function.tool, self._args(sent)))
            if run.runner is not None:
                return result_text(run.runner.wait(self._in_time(run, sent), run))
            return result_text(_on_own_loop(run, self._in_time(run, sent)))
        except BridgeError as error:
            return self._failure(run, error)

    async def _acall(self, given: Mapping[str, Any]) -> str:
        run, sent, wrong = self._begun(given)
        if wrong:
            return wrong
        try:
            return result_text(await self._in_time(run, sent))
        except BridgeError as error:
            return self._failure(run, error)

    def _begun(self, given: Mapping[str, Any]) -> tuple[Run, dict[str, Any], str]:
        """The run, what is sent, and what the model reads where its arguments are wrong."""
        run = self._run()
        sent = self._parameters.sent(given)
        wrong = self._parameters.misfit(sent)
        if wrong:
            wrong = f"The tool {self._spec.name} was not called, its arguments are wrong: {wrong}"
        return run, sent, wrong

    async def _in_time(self, run: Run, sent: Mapping[str, Any]) -> Any:
        limit = asyncio.timeout(self._spec.timeout_s)
        try:
            async with limit:
                return await run.acall_tool(self._spec.function.tool, self._args(sent))
        except TimeoutError:
            if not limit.expired():
                raise
            text = f"It did not answer within {self._spec.timeout_s:g} s."
            raise HostToolError(text, {"tool": self._spec.function.tool}) from None

    def _args(self, sent: Mapping[str, Any]) -> dict[str, Any]:
        """By name; or, where one tool stands for many functions, which one, and a list."""
        function = self._spec.function
        if not function.callback_id:
            return dict(sent)
        names = list(self._parameters.args)
        while names and names[-1] not in sent:
            names.pop()
        return {
            "callback_id": function.callback_id,
            "args": [sent.get(name) for name in names],
        }

    def _failure(self, run: Run, error: BridgeError) -> str:
        if isinstance(error, (CommandDeadlineError, CommandCancelledError)):
            raise run.halt(error) from error
        if self._spec.on_error == "fail":
            raise run.halt(self._fatal(error)) from error
        return failure_text(self._spec.name, error, hides=self._spec.on_error == "hide")

    def _fatal(self, error: BridgeError) -> HostToolError:
        tool = self._spec.function.tool
        fatal = HostToolError(
            f"The tool {self._spec.name!r} failed, which ends the call: {error.message}",
            {**error.details, "tool": tool, "cause": str(error.code)},
        )
        fatal.retryable, fatal.retry_after_s = error.retryable, error.retry_after_s
        fatal.foreign_type = error.foreign_type
        fatal.foreign_message = error.foreign_message
        fatal.foreign_traceback = error.foreign_traceback
        return fatal

    def _run(self) -> Run:
        run = current_run(self._door.open())
        if run is None:
            raise WrongCallError(
                f"The tool {self._spec.name!r} is one of the host's, and no command is under way.",
                {"hint": "Call the program with one of the 'dspy.*' commands."},
            )
        run.check()
        return run


def _on_own_loop(run: Run, work: Coroutine[Any, Any, Any]) -> Any:
    """Wait for a coroutine in this thread, until the run is cancelled."""

    async def carried() -> Any:
        loop = asyncio.get_running_loop()
        task = loop.create_task(work)

        def cancel() -> None:
            with suppress(RuntimeError):  # the call has ended meanwhile, and its loop with it
                loop.call_soon_threadsafe(task.cancel)

        take_back = run.on_cancel(cancel)
        try:
            return await task
        except asyncio.CancelledError:
            run.check()
            raise
        finally:
            take_back()

    return asyncio.run(carried())
