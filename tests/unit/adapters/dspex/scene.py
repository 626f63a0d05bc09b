"""What the tests of DSPex's tools call them with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from snakepit_bridge.adapters.dspex import DSPexAdapter
from snakepit_bridge.adapters.dspex.bench import workbench_of
from snakepit_bridge.adapters.host_stub import HostStub
from snakepit_bridge.adapters.session_context import SessionContext
from snakepit_bridge.handlers.dspy.door import DSPyDoor
from snakepit_bridge.handlers.dspy.workbench import Workbench
from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.session.instances import InstanceManager

CANARY = "sk-canary-0123456789abcdef"
"""A key that must be seen nowhere."""


class Worker:
    """An adapter, and a host whose tools it may call.

    Args:
        environ: The worker's environment.
        workbench: In the place of the one by that environment.
        host: In the place of one that has no tools.
    """

    def __init__(
        self,
        environ: Mapping[str, str] | None = None,
        *,
        workbench: Workbench | None = None,
        host: EmbeddedHost | None = None,
    ) -> None:
        self.host = host or EmbeddedHost()
        self.workbench = workbench or workbench_of(environ or {})
        self.adapter = DSPexAdapter(self.workbench)

    def context(self, session: str = "one") -> SessionContext:
        stub: Any = HostStub(self.host)  # type: ignore[arg-type]  # it is asked for tools alone
        return SessionContext(stub, session)

    def call(self, tool: str, /, session: str = "one", **arguments: Any) -> Any:
        """Call a tool in a session."""
        return self.adapter.execute_tool(tool, arguments, self.context(session))

    def offer(self, name: str, function: Callable[..., Any]) -> None:
        """Offer a function as a tool of the host."""
        function.__name__ = name
        self.host.offer(function)


def offline_worker(*answers: Any, host: EmbeddedHost | None = None) -> Worker:
    """A worker whose first session has a language model with these answers."""
    worker = Worker(host=host)
    worker.call("configure_lm", model_type="offline", answers=list(answers))
    return worker


def worker_without_dspy() -> Worker:
    """A worker where DSPy is not installed."""

    def importer(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    return Worker(workbench=Workbench(InstanceManager(), door=DSPyDoor(importer=importer)))
