"""Where a command's code runs."""

from snakepit_bridge.engine.base import Engine, Load
from snakepit_bridge.engine.inline import inline_engine
from snakepit_bridge.engine.job import Execution, Job

__all__ = ["Engine", "Execution", "Job", "Load", "inline_engine"]
