"""The family of ``dspy.*`` commands: their names now, their code when one is first wanted."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from snakepit_bridge.errors import DSPyError, WrongCallError
from snakepit_bridge.handlers.dspy.secrets import Secrets

if TYPE_CHECKING:
    from snakepit_bridge.handlers.dspy.assembly import Assembly
    from snakepit_bridge.handlers.tool_handler import ToolHandler
    from snakepit_bridge.session.manager import SessionManager
    from snakepit_bridge.telemetry.instrumentation import Telemetry

log = logging.getLogger(__name__)

COMMANDS = (
    *("dspy.create_instance", "dspy.call_method", "dspy.list_instances", "dspy.delete_instance"),
    *("dspy.create_program", "dspy.predict", "dspy.stream", "dspy.configure", "dspy.usage"),
    *("dspy.history", "dspy.get_state", "dspy.set_state", "dspy.save_state", "dspy.load_state"),
    *("dspy.list_states", "dspy.delete_state", "dspy.describe", "dspy.inspect", "dspy.evaluate"),
    *("dspy.optimize", "dspy.job_status", "dspy.job_events", "dspy.job_result"),
    *("dspy.cancel_job", "dspy.list_jobs", "dspy.job_checkpoint"),
)

IMPORT_DELAY_S = 1.0
"""How long an import in the background waits, so that the bridge serves before it begins."""


class DSPyRules(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator decides about DSPy."""

    allow: Sequence[str] = ()
    """Packages besides DSPy's computing parts that callers may reach."""

    code_execution: bool = False
    secrets: Secrets = msgspec.field(default_factory=Secrets)
    cache_dir: Path | None = None
    state_dir: Path | None = None
    import_when: Literal["first-use", "background", "ready"] = "first-use"
    jobs: int = 4
    """Evaluations and optimizations that run at once."""

    capture_content: bool = False
    """Whether prompts and answers go into spans."""


@asynccontextmanager
async def open_dspy(
    sessions: SessionManager,
    rules: DSPyRules,
    tools: ToolHandler,
    telemetry: Telemetry | None = None,
) -> AsyncIterator[Callable[[], list[object]]]:
    """What loads the handlers of the family, which work as long as the block runs.

    Args:
        sessions: The owner of the sessions.
        rules: What the operator decides.
        tools: Python's own tools, which agents may be given as well as the host's.
        telemetry: Where commands are told of; the process's own by default.

    Raises:
        DSPyError: It was to be imported first, and cannot be.
    """
    family = _Family(partial(_assembled, sessions, rules, tools, telemetry))
    if rules.import_when == "ready":
        await asyncio.to_thread(family.import_dspy)
    elif rules.import_when == "background":
        asyncio.get_running_loop().call_later(IMPORT_DELAY_S, family.begin_import)
    try:
        yield family.handlers
    finally:
        # A bridge whose code computes has hardly time to end: none is lost where nothing is open.
        assembly = family.closed()
        if assembly is not None:
            await asyncio.to_thread(assembly.close)


class _Family:
    def __init__(self, assemble: Callable[[], Assembly]) -> None:
        self._assemble = assemble
        self._lock = threading.Lock()
        self._assembly: Assembly | None = None
        self._is_closed = False

    def handlers(self) -> list[object]:
        return list(self._loaded().handlers)

    def begin_import(self) -> None:
        if not self._is_closed:
            threading.Thread(
                target=self._import_quietly, name="bridge-dspy-import", daemon=True
            ).start()

    def import_dspy(self) -> None:
        self._loaded().bench.door.open()

    def closed(self) -> Assembly | None:
        """What was loaded, if anything was; nothing will be."""
        with self._lock:
            self._is_closed = True
            return self._assembly

    def _import_quietly(self) -> None:
        try:
            self.import_dspy()
        except (DSPyError, WrongCallError) as error:
            log.warning("%s %s", error.message, error.hint)

    def _loaded(self) -> Assembly:
        with self._lock:
            if self._is_closed:
                raise WrongCallError("The bridge is closing.")
            if self._assembly is None:
                self._assembly = self._assemble()
            return self._assembly


def _assembled(
    sessions: SessionManager, rules: DSPyRules, tools: ToolHandler, telemetry: Telemetry | None
) -> Assembly:
    # Here: the code of these commands is most of the bridge, and many never want it.
    from snakepit_bridge.handlers.dspy.assembly import Assembly

    return Assembly(sessions, rules, tools, telemetry)
