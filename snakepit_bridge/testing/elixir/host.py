"""The Elixir side of Snakepit, for tests that have no Elixir."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypedDict, TypeVar, Unpack

import grpc

from snakepit_bridge.clock import Clock, SystemClock
from snakepit_bridge.engine.loop_thread import LoopThread, loop_thread
from snakepit_bridge.settings import environment
from snakepit_bridge.testing.elixir.answers import ElixirError
from snakepit_bridge.testing.elixir.faults import ANY_RPC, Faults
from snakepit_bridge.testing.elixir.forwarding import Forwarding
from snakepit_bridge.testing.elixir.journal import Journal
from snakepit_bridge.testing.elixir.launch import (
    ElixirFolders,
    Launcher,
    Profile,
    RunningIn,
    WorkerSpec,
    command_line,
    new_run_id,
    worker_environment,
    working_folder,
)
from snakepit_bridge.testing.elixir.link import WorkerAddress
from snakepit_bridge.testing.elixir.listener import Call, Listener, Services
from snakepit_bridge.testing.elixir.process import Spawned, start_process
from snakepit_bridge.testing.elixir.servicer import ElixirServicer
from snakepit_bridge.testing.elixir.sessions import QUOTA, Sessions
from snakepit_bridge.testing.elixir.tools import ElixirFunction, LocalTool, ToolRegistry
from snakepit_bridge.testing.elixir.transcript import Record, Transcript
from snakepit_bridge.testing.elixir.variables_service import VariablesService
from snakepit_bridge.testing.elixir.vigil import HeartbeatRules, Rhythm
from snakepit_bridge.testing.elixir.worker import ElixirWorker
from snakepit_bridge.testing.elixir.worker_handle import FakeWorkerHandle

if TYPE_CHECKING:
    from types import TracebackType

_Part = TypeVar("_Part")

TOOL_THREADS = 64
"""Of Elixir's tools; the BEAM has no such limit."""

CLOSE_GRACE_S = 6.0
"""How long workers have for their end when the host closes; their coverage data may need it."""


class SpawnOptions(TypedDict, total=False):
    """The fields of ``WorkerSpec``, whose defaults hold."""

    adapter_args: Sequence[str]
    env: Mapping[str, str]
    launcher: Launcher
    script: Path | None
    profile: Profile
    max_workers: int | None
    cwd: Path | None
    rival: bool
    heartbeat: HeartbeatRules
    log_level: str
    instance_name: str
    instance_token: str
    python: str


class ToolOptions(TypedDict, total=False):
    """The fields of ``LocalTool``, whose defaults hold."""

    exposed: bool
    description: str
    parameters: Sequence[Mapping[str, Any]]
    metadata: Mapping[str, str]
    session_id: str | None


class FakeElixirHost:
    """Serves what Elixir serves, and spawns workers as Elixir does, while its ``with`` block runs.

    It runs on a thread with a loop of its own, so ``with`` and ``async with`` are alike, and its
    methods may be called from tests of either kind, whose thread they block for as long as they
    take.

    Args:
        variables: Whether it serves the variables of Snakepit 0.4.
        session_quota: How many sessions there may be.
        rhythm: How often it asks workers what.
        clock: Where its times come from.
        listening: Whether it listens from the start; ``listen_again`` begins it later.
    """

    def __init__(
        self,
        *,
        variables: bool = False,
        session_quota: int = QUOTA,
        rhythm: Rhythm | None = None,
        clock: Clock | None = None,
        listening: bool = True,
    ) -> None:
        self.calls: Journal[Call] = Journal("call")
        """Every call that came to Elixir."""
        self.faults = Faults()
        """What goes wrong; ``slow``, ``fail``, ``hold`` are short for its methods."""
        self.sessions = Sessions(quota=session_quota)
        self.tools = ToolRegistry()
        self.run_id = new_run_id()
        """On the command lines of its workers."""
        self.folders: ElixirFolders
        """Where it finds itself; there from the beginning of the block."""
        self._rhythm = rhythm or Rhythm()
        self._clock = clock or SystemClock()
        self._has_variables = variables
        self._starts_listening = listening
        self._transcript = Transcript()
        self._workers: dict[str, ElixirWorker] = {}
        self._numbers = itertools.count(1)
        self._stack = ExitStack()
        self._opened_listener: Listener | None = None
        self._opened_thread: LoopThread | None = None

    # --- opening, closing -----------------------------------------------------------------------

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="elixir-"))
            self.folders = ElixirFolders(Path(folder))
            self.folders.make()
            threads = ThreadPoolExecutor(TOOL_THREADS, thread_name_prefix="elixir-tool")
            stack.callback(threads.shutdown, wait=False, cancel_futures=True)
            self._opened_thread = stack.enter_context(loop_thread("elixir", owner="Elixir host"))
            self._opened_listener = self._new_listener(threads)
            stack.callback(self._run_to_end)
            # The port is chosen in any case: workers are told it before anybody listens.
            self.listen_again()
            if not self._starts_listening:
                self.stop_listening()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.__exit__, exc_type, exc, traceback)

    @property
    def _thread(self) -> LoopThread:
        return _opened(self._opened_thread)

    @property
    def _listener(self) -> Listener:
        return _opened(self._opened_listener)

    def _new_listener(self, threads: ThreadPoolExecutor) -> Listener:
        servicer = ElixirServicer(self.sessions, self.tools, self._clock, threads)
        forwarding = Forwarding(self.sessions, self.tools, servicer, self._workers.get)
        variables = VariablesService(self.sessions, self._clock) if self._has_variables else None
        services = Services(
            unary={
                **servicer.served(),
                **forwarding.served(),
                **(variables.served() if variables is not None else {}),
            },
            streams=forwarding.served_streams(),
        )
        return Listener(services, self.faults, self.calls, self._transcript, self._worker_of)

    def _run_to_end(self) -> None:
        self._thread.start(self._end()).result()

    async def _end(self) -> None:
        try:
            closing = [worker.close(CLOSE_GRACE_S) for worker in self._workers.values()]
            await asyncio.gather(*closing)
        finally:
            await self._listener.stop()

    # --- the listener ---------------------------------------------------------------------------

    @property
    def address(self) -> str:
        """Where it listens, as workers are told it: ``"127.0.0.1:PORT"``."""
        return f"127.0.0.1:{self._listener.port}"

    @property
    def port(self) -> int:
        """The port of ``address``."""
        return self._listener.port

    def stop_listening(self) -> None:
        """Be gone at once, as a BEAM that crashed; workers keep running."""
        self._thread.start(self._listener.stop()).result()

    def listen_again(self) -> None:
        """Be there again, on the same port."""
        self._thread.start(self._listener.listen()).result()

    def refuse(self) -> None:
        """End every call with UNAVAILABLE from now on; ``faults.clear()`` takes it back."""
        self.faults.fail(ANY_RPC, grpc.StatusCode.UNAVAILABLE, "Elixir refuses")

    def slow(self, rpc: str, seconds: float) -> None:
        """Answer an RPC so much later from now on."""
        self.faults.slow(rpc, seconds)

    def fail(
        self, rpc: str, status: grpc.StatusCode, text: str = "", *, times: int | None = None
    ) -> None:
        """End the next calls of an RPC with a status; ``None`` means all of them."""
        self.faults.fail(rpc, status, text, times=times)

    def hold(self, rpc: str) -> AbstractContextManager[None]:
        """Keep calls of an RPC waiting while the block runs."""
        return self.faults.hold(rpc)

    # --- what Elixir has ------------------------------------------------------------------------

    def tool(self, name: str, function: ElixirFunction, **options: Unpack[ToolOptions]) -> None:
        """Offer a tool that runs in Elixir.

        Args:
            name: Its name.
            function: Takes the arguments in one dict. What it returns is written as Elixir would
                write it; ``BinaryResult`` stands for ``{:binary, data}``. What it raises becomes
                the error of the call, but ``ElixirThrow`` ends the call with UNKNOWN.
            options: The other fields of ``LocalTool``.
        """
        self.tools.offer(LocalTool(name=name, function=function, **options))

    @property
    def transcript(self) -> Journal[Record]:
        """All that has travelled, both ways."""
        return self._transcript.records

    # --- workers --------------------------------------------------------------------------------

    def write_adapter(self, name: str, source: str) -> Path:
        """Put a user's module, e.g. ``"shop.py"``, into the application's ``priv/python``."""
        path = self.folders.adapters / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
        return path

    def spawn(
        self, adapter: str | None = None, **options: Unpack[SpawnOptions]
    ) -> FakeWorkerHandle:
        """Start a worker and connect to it, as a pool does; it ends with the host at the latest.

        Args:
            adapter: ``"module.Class"``; by default the showcase of the profile.
            options: The other fields of ``WorkerSpec``.

        Raises:
            WorkerStartError: It ended before it was ready, or was not ready after 30 s.
            ElixirError: It was ready, but does not answer.
        """
        options.setdefault("heartbeat", self._rhythm.heartbeat)
        spec = WorkerSpec(adapter=adapter, **options)
        return self._thread.start(self._spawn(spec)).result()

    def attach(self, port: int, *, worker_id: str | None = None) -> FakeWorkerHandle:
        """Connect to a worker that somebody else started on this machine.

        Raises:
            ElixirError: It does not answer.
        """
        address = WorkerAddress(
            port=port,
            worker_id=worker_id or self._new_worker_id(),
            session_id=self._new_session_id(),
        )
        worker = self._thread.start(self._attach(address)).result()
        return FakeWorkerHandle(self._thread, worker, self._transcript)

    async def _spawn(self, spec: WorkerSpec) -> FakeWorkerHandle:
        where = RunningIn(
            folders=self.folders,
            elixir_address=self.address,
            run_id=self.run_id,
            worker_id=self._new_worker_id(),
            environment=environment(),
        )
        ready_file = where.ready_file
        spawned = Spawned(
            command_line=command_line(spec, where),
            cwd=working_folder(spec, where),
            environment=worker_environment(spec, where, ready_file),
            ready_file=ready_file,
        )
        process = await start_process(spawned)
        address = WorkerAddress(
            port=await process.port(),
            worker_id=where.worker_id,
            session_id=self._new_session_id(),
        )
        worker = ElixirWorker(address, process)
        self._workers[address.worker_id] = worker
        rhythm = replace(self._rhythm, heartbeat=spec.heartbeat)
        try:
            await worker.connect(self._transcript, self._clock, rhythm)
        except ElixirError as error:
            end = "" if process.exit_code is None else f", which ended with {process.exit_code},"
            error.add_note(f"The worker{end} printed:\n{process.output.text()}")
            raise
        return FakeWorkerHandle(self._thread, worker, self._transcript)

    async def _attach(self, address: WorkerAddress) -> ElixirWorker:
        worker = ElixirWorker(address, None)
        self._workers[address.worker_id] = worker
        await worker.connect(self._transcript, self._clock, self._rhythm)
        return worker

    def _worker_of(self, session_id: str) -> str | None:
        for worker in self._workers.values():
            if worker.address.session_id == session_id:
                return worker.address.worker_id
        return None

    def _new_worker_id(self) -> str:
        number = next(self._numbers)
        return f"default_worker_{number}_{60 + 7 * number}"

    def _new_session_id(self) -> str:
        microseconds = int(self._clock.now().timestamp() * 1_000_000)
        return f"session_{next(self._numbers)}_{microseconds}"


def _opened(part: _Part | None) -> _Part:
    if part is None:
        text = "The FakeElixirHost is not open: write 'with FakeElixirHost() as elixir:'"
        raise RuntimeError(text)
    return part
