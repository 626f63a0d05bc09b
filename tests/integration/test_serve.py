"""The server process: how it announces itself, how it ends, what it refuses."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from snakepit_bridge.cli.outcome import ExitCode
from snakepit_bridge.client import Client
from snakepit_bridge.errors import BridgeError

GONE_WITHIN_S = 5
"""From the first signal; the promise of the project."""

HANDLERS = """
    import asyncio, sys, threading
    from snakepit_bridge import Session, handles

    class Stuck:
        @handles("stuck.blocked")
        def blocked(self, session: Session) -> None:
            print("inside", file=sys.stderr, flush=True)
            threading.Event().wait()

        @handles("stuck.busy")
        def busy(self, session: Session) -> None:
            print("inside", file=sys.stderr, flush=True)
            while True:
                pass

        @handles("stuck.thread_of_the_loop")
        async def thread_of_the_loop(self, session: Session) -> None:
            await asyncio.to_thread(self.blocked, session)

        @handles("stuck.waiting")
        async def waiting(self, session: Session) -> None:
            print("inside", file=sys.stderr, flush=True)
            await asyncio.Event().wait()

        @handles("stuck.streaming")
        def streaming(self, session: Session):
            yield 1
            self.blocked(session)

        @handles("stuck.hogging")
        async def hogging(self, session: Session) -> None:
            self.busy(session)

        @handles("stuck.kept")
        def kept(self, session: Session) -> str:
            return session.instances.register(Unclosable())

    class Unclosable:
        def close(self):
            print("closing", file=sys.stderr, flush=True)
            threading.Event().wait()
"""


class Server:
    """``snakepit-bridge serve`` in a process of its own.

    Args:
        process: Just started.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.announcement = self.wait_for("serving ")
        """The line in which it says that it serves."""
        found = re.search(r" at (\S+?),", self.announcement)
        assert found is not None
        self.target = found[1]

    def wait_for(self, text: str) -> str:
        """The next line on stderr that holds the text; the test fails if the process ends first."""
        assert self.process.stderr is not None
        seen = []
        for line in self.process.stderr:
            seen.append(line)
            if text in line:
                return line
        raise AssertionError(f"no {text!r} in:\n{''.join(seen)}")

    def end(self, *signals: signal.Signals) -> tuple[int, str]:
        """Send the signals, and answer with exit code and what else was on stderr."""
        for each in signals:
            self.process.send_signal(each)
        _, rest = self.process.communicate(timeout=GONE_WITHIN_S)
        return self.process.returncode, rest


@contextmanager
def serving(folder: Path, *flags: str, env: dict[str, str] | None = None) -> Iterator[Server]:
    """A server that is started in the folder, and is gone when the block ends."""
    process = started(folder, *flags, env=env)
    try:
        yield Server(process)
        process.terminate()
        process.communicate(timeout=GONE_WITHIN_S)
    finally:
        process.kill()
        process.communicate()


def started(folder: Path, *flags: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    port = () if {"--port", "--uds"} & set(flags) else ("--port", "0")
    return subprocess.Popen(
        [sys.executable, "-m", "snakepit_bridge", "serve", *port, *flags],
        cwd=folder,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def refused(folder: Path, *flags: str) -> tuple[int, str]:
    """Exit code and stderr of a server that does not start."""
    process = started(folder, *flags)
    _, told = process.communicate(timeout=30)
    return process.returncode, told


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the server starts. Its paths are short, since those of sockets must be."""
    (tmp_path / "stuck.py").write_text(textwrap.dedent(HANDLERS))
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --- announcing --------------------------------------------------------------------------------


def test_the_ready_file_has_the_port_of_a_server_that_answers(folder: Path) -> None:
    ready = folder / "ready"
    ready.write_text("1")

    with serving(folder, "--ready-file", "ready") as server:
        port = ready.read_text()
        with Client(f"127.0.0.1:{port}") as client:
            answer = client.call("system.ping", timeout_s=5)
        code, _ = server.end(signal.SIGTERM)

    assert server.target == f"127.0.0.1:{port}"
    assert answer["message"] == "pong"
    assert code == ExitCode.DONE
    assert not ready.exists()


def test_a_proxy_of_the_environment_is_not_asked_for_a_server_of_this_machine(folder: Path) -> None:
    """The server once asked the proxy for itself, got no answer, and gave up."""
    proxied = {**os.environ, "http_proxy": "http://127.0.0.1:9", "no_proxy": ""}

    with serving(folder, env=proxied) as server:
        assert server.target.startswith("127.0.0.1:")


def test_on_a_unix_socket_the_ready_file_has_its_path(folder: Path) -> None:
    with serving(folder, "--uds", "socket", "--ready-file", "ready") as server:
        content = (folder / "ready").read_text()
        with Client(f"unix:{content}") as client:
            answer = client.call("system.ping", timeout_s=5)
        code, _ = server.end(signal.SIGTERM)

    assert content == "socket"
    assert answer["message"] == "pong"
    assert code == ExitCode.DONE
    assert not (folder / "socket").exists()


def test_one_line_tells_people_where_it_serves_and_to_whom(folder: Path) -> None:
    with serving(folder) as server, Client(server.target) as client:
        count = len(client.commands(timeout_s=5))

    assert server.announcement.endswith(
        f" serving {count} commands at {server.target}, "
        "open to every program on this machine. Ctrl-C stops it.\n"
    )


# --- ending ------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_server_ends_when_it_is_asked_to(first: signal.Signals, folder: Path) -> None:
    with serving(folder) as server:
        code, rest = server.end(first)

    assert code == ExitCode.DONE
    assert "Traceback" not in rest


@pytest.mark.parametrize("command", ["blocked", "busy", "thread_of_the_loop", "waiting"])
def test_a_handler_that_never_ends_does_not_hold_the_server_up(command: str, folder: Path) -> None:
    with (
        serving(folder, "--handlers", "stuck:Stuck", "--ready-file", "ready") as server,
        calling(server.target, f"stuck.{command}") as call,
    ):
        server.wait_for("inside")
        code, rest = server.end(signal.SIGTERM)

        assert isinstance(call.exception(timeout=5), BridgeError)
    assert code == ExitCode.DONE
    assert "Traceback" not in rest
    assert not (folder / "ready").exists()


def test_a_stream_that_never_ends_does_not_hold_the_server_up(folder: Path) -> None:
    with (
        serving(folder, "--handlers", "stuck:Stuck") as server,
        Client(server.target) as client,
    ):
        items = client.stream("stuck.streaming")
        assert next(items) == 1
        server.wait_for("inside")
        code, _ = server.end(signal.SIGTERM)

        with pytest.raises(BridgeError):
            next(items)
    assert code == ExitCode.DONE


def test_an_instance_that_never_closes_does_not_hold_the_server_up(folder: Path) -> None:
    with serving(folder, "--handlers", "stuck:Stuck") as server:
        with Client(server.target) as client:
            client.call("stuck.kept", session="s", timeout_s=5)
        code, rest = server.end(signal.SIGTERM)

    assert code == ExitCode.DONE
    assert "closing" in rest
    assert "closing all instances took more than" in rest


def test_a_handler_that_blocks_the_loop_is_ended_by_force(folder: Path) -> None:
    with (
        serving(folder, "--handlers", "stuck:Stuck", "--ready-file", "ready") as server,
        calling(server.target, "stuck.hogging"),
    ):
        server.wait_for("inside")
        code, rest = server.end(signal.SIGTERM)

    assert code == ExitCode.FAILED
    assert "something blocks the event loop" in rest
    assert not (folder / "ready").exists()


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_the_server_at_once(second: signal.Signals, folder: Path) -> None:
    with (
        serving(
            folder, "--handlers", "stuck:Stuck", "--uds", "socket", "--ready-file", "ready"
        ) as server,
        calling(server.target, "stuck.blocked"),
    ):
        server.wait_for("inside")
        server.process.send_signal(signal.SIGTERM)
        server.wait_for("stopping")
        code, _ = server.end(second)

    assert code == 128 + second
    assert not (folder / "ready").exists()
    assert not (folder / "socket").exists()


@contextmanager
def calling(target: str, command: str) -> Iterator[Future[Any]]:
    """A call under way while the block runs."""
    with ThreadPoolExecutor(1) as thread, Client(target) as client:
        yield thread.submit(client.call, command)


# --- refusing ----------------------------------------------------------------------------------


def test_a_port_in_use_is_a_failure_that_says_so(folder: Path) -> None:
    with serving(folder) as server:
        port = server.target.rpartition(":")[2]
        code, told = refused(folder, "--port", port)

    assert code == ExitCode.FAILED
    assert told == f"--port: {port} is in use on 127.0.0.1. Take another; 0 takes a free one.\n"


def test_a_socket_in_use_is_a_failure_and_stays_with_its_server(folder: Path) -> None:
    with serving(folder, "--uds", "socket") as server:
        code, told = refused(folder, "--uds", "socket")
        with Client(server.target) as client:
            answer = client.call("system.ping", timeout_s=5)

    assert code == ExitCode.FAILED
    assert "a server listens at 'socket' already" in told
    assert answer["message"] == "pong"


def test_an_address_that_is_not_of_this_machine_is_a_failure(folder: Path) -> None:
    (folder / "tokens").write_text("one\n")

    code, told = refused(folder, "--host", "192.0.2.1", "--token-file", "tokens")

    assert code == ExitCode.FAILED
    assert "cannot listen on 192.0.2.1:0" in told


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--host", "0.0.0.0"], "Refusing to listen on '0.0.0.0'"),  # noqa: S104  (it is refused)
        (["--port", "70000"], "--port is '70000'; expected a whole number from 0 to 65535."),
        (["--handlers", "stuck"], "Write stuck:Stuck or stuck:Unclosable."),
        (["--handlers", "nowhere:Stuck"], "There is no module 'nowhere'"),
        (["--ready-file", "no/folder"], "--ready-file: there is no folder 'no'."),
        (["--token-file", "nowhere"], "The token file 'nowhere' cannot be read"),
        (["--tls-cert", "c"], "--tls-cert needs --tls-key"),
        (["--tls-cert", "c", "--tls-key", "k"], "cannot read 'c'"),
        (["--telemetry", "nowhere"], "--telemetry is 'nowhere'; expected 'console'"),
    ],
)
def test_settings_that_cannot_be_used_are_wrong_usage(
    flags: list[str], message: str, folder: Path
) -> None:
    code, told = refused(folder, *flags)

    assert code == ExitCode.USAGE
    assert message in told
    assert "Traceback" not in told


def test_listening_for_others_without_protection_names_the_three_ways_out(folder: Path) -> None:
    _, told = refused(folder, "--host", "0.0.0.0")  # noqa: S104  (it is refused)

    for way in ("--tls-cert", "--token-file", "127.0.0.1", "--uds"):
        assert way in told


# --- telemetry ---------------------------------------------------------------------------------


def test_spans_are_exported_to_the_console_when_it_ends(folder: Path) -> None:
    with serving(folder, "--telemetry", "console") as server:
        with Client(server.target) as client:
            client.call("system.echo", {"value": "s3cret"}, timeout_s=5)
        code, rest = server.end(signal.SIGTERM)

    assert code == ExitCode.DONE
    assert '"snakepit.command": "system.echo"' in rest
    assert "commands_total" in rest
    assert "s3cret" not in rest


def test_a_collector_that_is_not_there_does_not_hold_the_server_up(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")

    with serving(folder, "--telemetry", "otlp") as server:
        with Client(server.target) as client:
            client.call("system.ping", timeout_s=5)
        code, _ = server.end(signal.SIGTERM)

    assert code == ExitCode.DONE
