"""The handlers of all ``dspy.*`` commands, put together."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from snakepit_bridge.handlers.allow_list import AllowList
from snakepit_bridge.handlers.dspy.catalog_handler import DSPyCatalogHandler
from snakepit_bridge.handlers.dspy.door import DSPyDoor
from snakepit_bridge.handlers.dspy.job_handler import DSPyJobHandler
from snakepit_bridge.handlers.dspy.program_handler import DSPyProgramHandler
from snakepit_bridge.handlers.dspy.spans.instruments import Instruments
from snakepit_bridge.handlers.dspy.state_handler import DSPyStateHandler
from snakepit_bridge.handlers.dspy.stream_handler import DSPyStreamHandler
from snakepit_bridge.handlers.dspy.workbench import Workbench
from snakepit_bridge.handlers.dspy_handler import DSPyHandler

if TYPE_CHECKING:
    from snakepit_bridge.handlers.dspy.family import DSPyRules
    from snakepit_bridge.handlers.tool_handler import ToolHandler
    from snakepit_bridge.session.instances import InstanceManager
    from snakepit_bridge.session.manager import SessionManager
    from snakepit_bridge.telemetry.instrumentation import Telemetry


def workbench_for(
    rules: DSPyRules,
    instances: InstanceManager,
    *,
    hold: Callable[[str], AbstractContextManager[object]] = nullcontext,
    tools: ToolHandler | None = None,
    telemetry: Telemetry | None = None,
) -> Workbench:
    """A workbench by the rules of the operator.

    Args:
        rules: What the operator decides.
        instances: Keeps the objects.
        hold: Keeps a session from ending by idleness while the block runs.
        tools: Python's own tools.
        telemetry: Where spans and metrics go; the process's own by default.
    """
    tracers, meters = telemetry.providers if telemetry else (None, None)
    door = DSPyDoor(cache_dir=None if rules.cache_dir is None else str(rules.cache_dir))
    return Workbench(
        instances,
        allow=AllowList(
            ("dspy", *rules.allow),
            code_execution=rules.code_execution,
            importer=door.import_module,
        ),
        secrets=rules.secrets,
        door=door,
        hold=hold,
        instruments=Instruments(
            tracer_provider=tracers,
            meter_provider=meters,
            capture_content=rules.capture_content,
        ),
        tools=tools,
    )


class Assembly:
    """A workbench, and the handlers that work at it.

    Args:
        sessions: The owner of the sessions.
        rules: What the operator decides.
        tools: Python's own tools.
        telemetry: Where spans and metrics go; the process's own by default.
    """

    def __init__(
        self,
        sessions: SessionManager,
        rules: DSPyRules,
        tools: ToolHandler,
        telemetry: Telemetry | None = None,
    ) -> None:
        bench = self.bench = workbench_for(
            rules, sessions.instances, hold=sessions.holding, tools=tools, telemetry=telemetry
        )
        sessions.when_ended(bench.configurator.forget)
        folder = rules.state_dir
        self._jobs = DSPyJobHandler(
            bench,
            directory=None if folder is None else folder / "checkpoints",
            max_running=rules.jobs,
        )
        self.handlers = (
            DSPyHandler(bench.instances, workbench=bench),
            DSPyStreamHandler(bench),
            DSPyProgramHandler(bench),
            DSPyStateHandler(bench, None if folder is None else folder / "states"),
            DSPyCatalogHandler(bench),
            self._jobs,
        )

    def close(self) -> None:
        """End what runs."""
        self._jobs.close()
        self.bench.runner.close()
