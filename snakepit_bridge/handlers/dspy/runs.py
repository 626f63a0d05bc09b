"""One command's DSPy code under way: what it may use, what it must count, when it must end."""

from __future__ import annotations

import asyncio
import threading
from contextvars import Context, copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from snakepit_bridge.engine.cancellation import Cancellation
from snakepit_bridge.errors import (
    BridgeError,
    CommandCancelledError,
    CommandDeadlineError,
    HostToolError,
    Outcome,
)
from snakepit_bridge.handlers.failures import failure_from
from snakepit_bridge.session.context import current_execution

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from snakepit_bridge.handlers.dspy.accounts.spending import Ledger
    from snakepit_bridge.handlers.dspy.runner import Runner
    from snakepit_bridge.handlers.tool_handler import ToolHandler
    from snakepit_bridge.session.context import Session

KEY = "snakepit_run"
"""Under which DSPy's settings hold the run; DSPy carries its settings into threads of its own."""

COST_KEY = "snakepit_bridge_cost_usd"
"""Where an engine of the bridge puts a price into ``Response.provider_data``."""

CACHE_HIT_KEY = "snakepit_bridge_cache_hit"
"""Where it says that nobody was asked."""


class Halt(BaseException):
    """Ends everything a run does; carries what its caller is told.

    No ``Exception``: evaluators, optimizers and agents swallow those and go on spending.
    """

    def __init__(self, error: BridgeError) -> None:
        super().__init__(error.message)
        self.error = error


class Journal(Protocol):
    """Answers of language models that were paid for before."""

    def find(self, key: str) -> Any | None:
        """The outputs kept for a request, each handed out once; ``None`` where there are none."""

    def keep(self, key: str, outputs: Any) -> None:
        """Keep the outputs of a request."""


class LMCall:
    """One request to a language model, for those who tell of it.

    Attributes:
        model: The name it was configured by.
        response_model: The name the provider gave, if it gave one.
        input_tokens: Of the prompt; ``None`` where nobody said.
        output_tokens: Of the answer.
        cost_usd: ``None`` where the price is not known.
        cache_hit: Whether nobody was asked.
        duration_s: From the request to the answer.
        entry: What DSPy puts into its history; of a request that failed, what was asked.
        error: What a request that failed raised, by the name of its class; else empty.
        billed: Whether DSPy told of tokens that somebody has to pay.
    """

    __slots__ = (
        "billed",
        "cache_hit",
        "cost_usd",
        "duration_s",
        "entry",
        "error",
        "input_tokens",
        "model",
        "output_tokens",
        "response_model",
    )

    def __init__(self, model: str) -> None:
        self.model = model
        self.response_model: str | None = None
        self.input_tokens: int | None = None
        self.output_tokens: int | None = None
        self.cost_usd: float | None = None
        self.cache_hit = False
        self.duration_s = 0.0
        self.entry: Mapping[str, Any] | None = None
        self.error = ""
        self.billed = False


class Run:
    """What the DSPy code of one command or job may use and must count. Safe from any thread.

    Args:
        session: As the command sees it: its deadline, its cancellation, the way to the host.
        ledger: Counts requests and refuses them when a budget is spent.
        journal: Answers that need not be paid again.
        tell: Takes events for whoever follows; must not block.
        refused: Makes the error of a run that ends when a provider refuses it for good, as it would
            every further request; without it, the code goes on as DSPy lets it.
        on_lm_call: Is told of every request that has ended, on whatever thread it did.
        runner: From whose loop language models are asked; without one, from where the code runs.
        tools: Python's own tools, called in the place of the host's of the same name.
    """

    def __init__(  # noqa: PLR0913  (everything a run is made of)
        self,
        session: Session,
        ledger: Ledger,
        *,
        runner: Runner | None = None,
        tools: ToolHandler | None = None,
        journal: Journal | None = None,
        tell: Callable[[dict[str, Any]], None] | None = None,
        refused: Callable[[BaseException], BridgeError] | None = None,
        on_lm_call: Callable[[LMCall], None] | None = None,
    ) -> None:
        self.session = session
        self.ledger = ledger
        self.runner = runner
        self._tools = tools
        self.journal = journal
        self._tell = tell
        self.refused = refused
        self.on_lm_call = on_lm_call
        self._context = copy_context()
        self._lock = threading.Lock()
        self._error: BridgeError | None = None
        self._cancellation = Cancellation()

    def __deepcopy__(self, memo: object) -> Run:
        # DSPy copies programs and settings; what a run stands for exists once.
        return self

    @property
    def wants_events(self) -> bool:
        """Whether somebody follows, so that events are worth making."""
        return self._tell is not None

    def tell(self, event: dict[str, Any]) -> None:
        """Hand an event to whoever follows; from any thread."""
        if self._tell is not None:
            self._tell(event)

    # --- its end --------------------------------------------------------------------------------

    @property
    def error(self) -> BridgeError | None:
        """Why the run was halted, if it was."""
        return self._error

    def halt(self, error: BridgeError) -> Halt:
        """End the run: ``raise run.halt(error)``. The first error is the one that is told."""
        with self._lock:
            if self._error is None:
                self._error = error
            return Halt(self._error)

    def cancel(self) -> None:
        """End the run: what it waits for at once, the rest as soon as it asks again."""
        self._cancellation.ask()

    def on_cancel(self, told: Callable[[], object]) -> Callable[[], None]:
        """Call ``told`` once when the run is cancelled, at once if it has been.

        Args:
            told: Must not block or raise.

        Returns:
            Takes the subscription back; may be called any number of times.
        """
        return self._cancellation.subscribe(told)

    def check(self) -> None:
        """Go on, or not.

        Raises:
            Halt: The run was halted or cancelled, or its deadline has passed.
        """
        if self._error is not None:
            raise self.halt(self._error)
        remaining_s = self.session.remaining_s
        if remaining_s is not None and remaining_s <= 0:
            late = CommandDeadlineError(
                "The command's deadline passed while DSPy was at work.",
                {"hint": "Give the command more time."},
            )
            raise self.halt(_stopped(late))
        if self._cancellation.is_wanted or self.session.cancelled:
            text = "The command was cancelled while DSPy was at work."
            raise self.halt(_stopped(CommandCancelledError(text)))

    # --- tools ----------------------------------------------------------------------------------

    def call_tool(self, name: str, args: Mapping[str, Any]) -> Any:
        """A tool, Python's own or the host's, until the command's deadline; not on a loop's thread.

        Raises:
            InvalidArgumentError: Python's does not take the arguments.
            HostToolError: Nobody has the tool, or the host's raised.
            HostUnavailableError: The host cannot be reached.
            Halt: As ``check``.
        """
        if self.runner is not None:
            # From there it can be ended, whoever's tool it is.
            return self.runner.wait(self.acall_tool(name, args), self)
        self.check()
        return self._in_context(partial(self._call_tool, name, args))

    async def acall_tool(self, name: str, args: Mapping[str, Any]) -> Any:
        """As ``call_tool``, for code on any loop."""
        self.check()
        if self._tools is not None and self._tools.has(name):
            call = partial(self._in_context, partial(self._call_tool, name, args))
            in_thread = asyncio.to_thread if self.runner is None else self.runner.tool_in_thread
            return await in_thread(call)
        asked = self.session.acall_elixir_tool(name, args)
        if current_execution.get() is not None:
            return await asked
        return await asyncio.get_running_loop().create_task(asked, context=self._own_context())

    def _call_tool(self, name: str, args: Mapping[str, Any]) -> Any:
        if self._tools is None or not self._tools.has(name):
            return self.session.call_elixir_tool(name, args)
        try:
            return self._tools.call_tool(self.session, name=name, args=dict(args))
        except BridgeError:
            raise
        except Exception as error:
            raise _raised_by_tool(name, error) from error

    def _in_context(self, call: Callable[[], Any]) -> Any:
        # Threads that DSPy starts know nothing of the command.
        return call() if current_execution.get() is not None else self._own_context().run(call)

    def _own_context(self) -> Context:
        return self._context.copy()


def current_run(dspy: Any) -> Run | None:
    """The run whose code asks; ``None`` where it was not begun by a command.

    Args:
        dspy: The module.
    """
    found: Run | None = dspy.settings.get(KEY)
    return found


def _raised_by_tool(name: str, error: Exception) -> HostToolError:
    """As a tool of the host would be told, so that agents treat both alike."""
    raised = failure_from(error, command=name)
    failure = HostToolError(
        f"The tool {name!r} raised {raised.foreign_type}: {raised.foreign_message}", {"tool": name}
    )
    failure.foreign_type = raised.foreign_type
    failure.foreign_message = raised.foreign_message
    failure.foreign_traceback = raised.foreign_traceback
    return failure


def _stopped(error: BridgeError) -> BridgeError:
    error.outcome = Outcome.STOPPED
    return error
