"""A command between its checks, which it has passed, and the end of its code."""

from __future__ import annotations

import asyncio
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from snakepit_bridge.engine.job import Execution, Job
from snakepit_bridge.errors import CommandDeadlineError, Outcome

if TYPE_CHECKING:
    from snakepit_bridge.handlers.work import Work
    from snakepit_bridge.session.context import Session
    from snakepit_bridge.session.manager import SessionManager
    from snakepit_bridge.session.turns import Turnstile


class Prepared:
    """A command that nothing refuses any more, and the places it holds until its code has ended."""

    __slots__ = ("_has_turn", "_session", "_sessions", "_turnstile", "execution")

    def __init__(
        self,
        sessions: SessionManager,
        session: Session,
        job: Job,
        work: Work,
        turnstile: Turnstile | None,
    ) -> None:
        self._sessions = sessions
        self._session = session
        self._turnstile = turnstile
        self._has_turn = False
        self.execution = Execution(job, work, clock=sessions.clock, on_end=self._leave)

    async def take_turn(self) -> None:
        """Wait until no other command of its name runs in the session, if it is exclusive."""
        if self._turnstile is None:
            return
        try:
            async with asyncio.timeout(self.execution.remaining_s):
                await self._turnstile.enter()
            self._has_turn = True
        except TimeoutError:
            self.execution.end()
            raise _never_began(self.execution.job) from None
        except asyncio.CancelledError:
            self.execution.outcome = Outcome.STOPPED
            self.execution.end()
            raise

    def run_here(self) -> Any:
        """Run the code in this thread."""
        if self._turnstile is not None:
            self._turnstile.enter_from_thread()
            self._has_turn = True
        execution = self.execution
        execution.begin()
        try:
            if execution.job.runs_on_loop:
                return asyncio.run(execution.work(execution))
            return copy_context().run(execution.work, execution)
        finally:
            execution.end()

    def _leave(self) -> None:
        if self._has_turn and self._turnstile is not None:
            self._turnstile.leave()
        self._sessions.leave(self._session)


def _never_began(job: Job) -> CommandDeadlineError:
    error = CommandDeadlineError(
        f"{job.command!r} waited for its turn in session {job.session_id!r} until its deadline.",
        {
            "command": job.command,
            "session_id": job.session_id,
            "hint": "Another call of it still runs there; give it more time, or another session.",
        },
    )
    error.outcome = Outcome.STOPPED
    return error
