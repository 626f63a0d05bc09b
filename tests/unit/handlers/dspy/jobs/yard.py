"""What the tests of jobs build their scenes from."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from msgspec.structs import replace

from snakepit_bridge.clock import SystemClock
from snakepit_bridge.handlers.allow_list import AllowList
from snakepit_bridge.handlers.dspy.configuration import Change
from snakepit_bridge.handlers.dspy.job_handler import DSPyJobHandler
from snakepit_bridge.handlers.dspy.jobs.events import EventRing
from snakepit_bridge.handlers.dspy.jobs.journal import JobJournal
from snakepit_bridge.handlers.dspy.jobs.output import Output
from snakepit_bridge.handlers.dspy.jobs.progress import Progress
from snakepit_bridge.handlers.dspy.jobs.task import Stage
from snakepit_bridge.handlers.dspy.offline import OfflineEngine
from snakepit_bridge.handlers.dspy.runner import Runner
from snakepit_bridge.handlers.dspy.secrets import Secrets
from snakepit_bridge.handlers.dspy.workbench import Follower, Workbench
from snakepit_bridge.session.context import Session
from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.session.manager import SessionManager
from tests.unit.handlers.dspy.workshop import use_engine

ROWS = [{"question": f"How much is {number}?", "answer": str(number % 4)} for number in range(12)]

MATCH = {"field": "answer"}


class ThinkingEngine(OfflineEngine):
    """Answers by what it is asked, however often and in whatever order, and counts."""

    def __init__(self, on_request: Callable[[int], object] = lambda _: None) -> None:
        super().__init__()
        self.count = 0
        self._on_request = on_request
        self._counting = threading.Lock()

    def complete(self, request: Any) -> Any:
        with self._counting:
            self.count += 1
            count = self.count
        self._on_request(count)
        asked = repr(request.messages).encode()
        number = int.from_bytes(hashlib.sha256(asked).digest()[:4], "big")
        self._answers = ({"answer": str(number % 4), "proposed_instruction": f"Try {number}."},)
        return super().complete(request)


class NeverAnsweringEngine:
    """Is asked, and thinks for ever; may be cancelled."""

    def __init__(self) -> None:
        self.asked = threading.Event()

    async def complete(self, request: Any) -> Any:
        self.asked.set()
        await asyncio.Event().wait()

    async def aclose(self) -> None:
        """Nothing is open."""


class Yard:
    """A handler of jobs, and one session with a program."""

    def __init__(self, *, secrets: Secrets | None = None, **parts: Any) -> None:
        self.host = EmbeddedHost()
        self.sessions = SessionManager(self.host)
        self.bench = Workbench(
            self.sessions.instances,
            allow=AllowList(("dspy", "tests")),
            runner=Runner(),
            secrets=secrets,
            hold=self.sessions.holding,
        )
        self.handler = DSPyJobHandler(self.bench, **parts)
        self.session = self.sessions.get_or_create("one")
        self.engine = ThinkingEngine()
        self.use(self.engine)
        self.program = self.kept(self.dspy.Predict("question -> answer"))

    @property
    def dspy(self) -> Any:
        return self.bench.door.open()

    def use(self, engine: OfflineEngine, **options: Any) -> None:
        use_engine(self.session, engine, **options)
        self.bench.configurator.change(self.session, Change(num_threads=1))

    def kept(self, instance: Any) -> str:
        return self.bench.keep(self.session, instance)

    def found(self, ref: str) -> Any:
        return self.bench.instance(self.session, ref)

    def evaluate(self, **args: Any) -> str:
        given = {"ref": self.program, "examples": ROWS, "metric": MATCH, **args}
        return self.handler.evaluate(self.session, **given)

    def optimize(self, optimizer: str | None = "BootstrapFewShot", **args: Any) -> str:
        given = {"ref": self.program, "examples": ROWS, "optimizer": optimizer, **args}
        return self.handler.optimize(self.session, **given)

    async def result(self, job: str) -> Any:
        async with asyncio.timeout(30):
            return await self.handler.result(self.session, job=job)

    async def events(self, job: str, after: int = 0) -> list[dict[str, Any]]:
        async with asyncio.timeout(30):
            events = self.handler.events(self.session, job=job, after=after)
            return [event async for event in events]

    async def status(self, job: str) -> dict[str, Any]:
        return await self.handler.status(self.session, job=job)

    async def cancel(self, job: str) -> bool:
        return await self.handler.cancel(self.session, job=job)

    async def state_of(self, ref: str) -> Any:
        return self.found(ref).dump_state()


@asynccontextmanager
async def yard(**parts: Any) -> AsyncIterator[Yard]:
    """A yard that leaves nothing behind."""
    made = Yard(**parts)
    try:
        yield made
    finally:
        made.handler.close()
        await asyncio.to_thread(made.handler.board.join)
        made.bench.runner.close()
        made.sessions.end_all()


def stage(here: Yard, *, journal: JobJournal | None = None, hidden: Sequence[str] = ()) -> Stage:
    """A stage for work that is none of DSPy's."""
    ring = EventRing()
    alone = Session("one", here.host, here.session.created_at, state=here.session.state)
    follower = Follower(tell=ring.add)
    scene = here.bench.scene(alone, "dspy.evaluate", details={}, follower=follower)
    return Stage(
        scene=replace(scene, hidden=hidden),
        ring=ring,
        progress=Progress(ring.add),
        output=Output(here.dspy),
        clock=SystemClock(),
        journal=journal,
    )
