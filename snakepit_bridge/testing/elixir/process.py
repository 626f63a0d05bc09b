"""The process of a worker, as its port in Elixir holds it."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from snakepit_bridge.testing.elixir.output import OutputTail

READY_S = 30.0
READY_POLL_S = 0.05

GRACE_S = 6.0
"""``graceful_shutdown_timeout_ms``: between SIGTERM and SIGKILL."""

_PORT = re.compile(r"\s*(\d+)")


class WorkerStartError(RuntimeError):
    """The worker did not become ready.

    Args:
        reason: Why not.
        exit_code: How it ended; ``None`` when it had to be killed.
        output: The last it printed.
    """

    def __init__(self, reason: str, exit_code: int | None, output: str) -> None:
        super().__init__(f"{reason}; it printed:\n{output}")
        self.exit_code = exit_code
        self.output = output


@dataclass(frozen=True, slots=True)
class Termination:
    """How a worker was ended."""

    needed: str
    """``"SIGTERM"`` when that was enough, ``"SIGKILL"``, or ``"nothing"`` when it was gone."""

    exit_code: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Spawned:
    """What to start."""

    command_line: Sequence[str]
    cwd: Path
    environment: Mapping[str, str]
    ready_file: Path


class WorkerProcess:
    """A running process. All but ``output`` is for the loop that started it.

    Args:
        spawned: What was started.
        process: The process.
    """

    def __init__(self, spawned: Spawned, process: asyncio.subprocess.Process) -> None:
        self.spawned = spawned
        self.output = OutputTail()
        self._process = process
        self._reading = asyncio.create_task(self._read())

    @property
    def pid(self) -> int:
        """Of the process, also after its end."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How it ended, negative for a signal; ``None`` while it runs."""
        return self._process.returncode

    async def port(self, *, within_s: float = READY_S) -> int:
        """The port the worker has bound, once it tells; the ready file is deleted.

        Raises:
            WorkerStartError: It ended instead, or did not tell in time.
        """
        try:
            async with asyncio.timeout(within_s):
                port = await self._announced_port()
        except TimeoutError as error:
            await self.kill()
            text = f"The worker was not ready after {within_s} s"
            raise WorkerStartError(text, None, self.output.text()) from error
        if port is not None:
            return port
        await self.end()
        text = f"The worker ended with {self.exit_code} before it was ready"
        raise WorkerStartError(text, self.exit_code, self.output.text())

    async def terminate(self, *, grace_s: float = GRACE_S) -> Termination:
        """SIGTERM to the group, and SIGKILL to what is left of it after ``grace_s`` seconds."""
        if self.exit_code is not None:
            return Termination("nothing", await self.end())
        self.signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(grace_s):
                return Termination("SIGTERM", await self.end())
        except TimeoutError:
            return Termination("SIGKILL", await self.kill())

    async def kill(self) -> int:
        """SIGKILL to the group; returns the exit code."""
        self.signal(signal.SIGKILL)
        return await self.end()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the group that the process leads; to one that has ended, nothing."""
        if self.exit_code is None:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    async def end(self) -> int:
        """Wait for the end, and for the last of the output; returns the exit code."""
        exit_code = await self._process.wait()
        # Whatever it started may hold the pipe open; of that nobody wants to hear.
        await asyncio.wait({self._reading}, timeout=1.0)
        assert self._process.stdin is not None, "it was opened as a pipe"
        self._process.stdin.close()
        return exit_code

    async def _announced_port(self) -> int | None:
        while self.exit_code is None:
            port = self._read_ready_file()
            if port is not None:
                return port
            await asyncio.sleep(READY_POLL_S)
        return None

    def _read_ready_file(self) -> int | None:
        path = self.spawned.ready_file
        try:
            found = _PORT.match(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, UnicodeDecodeError):
            return None
        if found is None:
            return None
        path.unlink(missing_ok=True)
        return int(found.group(1))

    async def _read(self) -> None:
        assert self._process.stdout is not None, "it was opened as a pipe"
        while data := await self._process.stdout.read(65536):
            self.output.append(data)


async def start_process(spawned: Spawned) -> WorkerProcess:
    """Start a process as Erlang does.

    It leads a session and a group of its own; its standard input is a pipe that is never written;
    its output and its errors are one pipe.
    """
    process = await asyncio.create_subprocess_exec(
        *spawned.command_line,
        cwd=spawned.cwd,
        env=dict(spawned.environment),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    return WorkerProcess(spawned, process)
