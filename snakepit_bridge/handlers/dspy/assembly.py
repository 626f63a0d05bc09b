"""The handlers of all ``dspy.*`` commands, put together."""

from __future__ import annotations

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
    from snakepit_bridge.session.manager import SessionManager


class Assembly:
    """A workbench, and the handlers that work at it.

    Args:
        sessions: The owner of the sessions.
        rules: What the operator decides.
        tools: Python's own tools.
    """

    def __init__(self, sessions: SessionManager, rules: DSPyRules, tools: ToolHandler) -> None:
        door = DSPyDoor(cache_dir=None if rules.cache_dir is None else str(rules.cache_dir))
        allow = AllowList(
            ("dspy", *rules.allow),
            code_execution=rules.code_execution,
            importer=door.import_module,
        )
        bench = self.bench = Workbench(
            sessions.instances,
            allow=allow,
            secrets=rules.secrets,
            door=door,
            hold=sessions.holding,
            instruments=Instruments(capture_content=rules.capture_content),
            tools=tools,
        )
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
