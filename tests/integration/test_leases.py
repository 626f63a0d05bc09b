"""Binary data behind handles, where processes end as they please."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from snakepit_bridge.leases.leases import open_leases

ROOT = Path(__file__).parents[2]

KEEPER = """
    import os, sys, threading
    from pathlib import Path
    from snakepit_bridge.leases.leases import Leases, open_leases
    from snakepit_bridge.leases.disk import Disk

    root = Path(sys.argv[1])
"""

SPEAKS_AND_WAITS = """
    with open_leases(root) as leases:
        print(leases.path(leases.put(bytes(2_000_000))), flush=True)
        sys.stdin.read()
"""


def program(text: str) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(KEEPER) + textwrap.dedent(text)]


@contextmanager
def keeper(root: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A process that keeps some data, and where they are."""
    with subprocess.Popen(
        [*program(SPEAKS_AND_WAITS), str(root)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.kill()


def run(text: str, root: Path) -> str:
    done = subprocess.run(
        [*program(text), str(root)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# --- the end of a process -----------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_what_a_process_leaves_that_is_ended_goes_with_the_next_use(
    tmp_path: Path, number: signal.Signals
) -> None:
    with keeper(tmp_path) as (process, path):
        os.kill(process.pid, number)
        process.wait(timeout=10)
        assert path.exists()

        with open_leases(tmp_path) as leases:
            leases.put(b"abc")
            assert not path.parent.exists()


def test_what_a_process_keeps_that_lives_stays(tmp_path: Path) -> None:
    with keeper(tmp_path) as (_, path), open_leases(tmp_path) as leases:
        leases.put(b"abc")
        leases.sweep()

        assert path.exists()


def test_a_process_that_ends_in_order_leaves_nothing(tmp_path: Path) -> None:
    with keeper(tmp_path) as (process, _):
        process.communicate("", timeout=10)

    assert list(tmp_path.iterdir()) == []


def test_a_process_that_ends_without_closing_leaves_nothing(tmp_path: Path) -> None:
    run("Leases(Disk(root)).put(b'abc')", tmp_path)

    assert list(tmp_path.iterdir()) == []


# --- fork ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["sys.exit(0)", "os._exit(0)"])
def test_a_process_that_was_forked_off_leaves_the_data_to_its_parent(
    tmp_path: Path, end: str
) -> None:
    forks = f"""
        with open_leases(root) as leases:
            handle = leases.put(b"abc")
            child = os.fork()
            if not child:
                {end}
            os.waitpid(child, 0)
            print(bytes(leases.data(handle)).decode())
    """

    assert run(forks, tmp_path) == "abc"
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_was_forked_amid_a_use_is_refused_and_ends(tmp_path: Path) -> None:
    """Its copy of the lock is taken for ever."""
    forks = """
        with open_leases(root) as leases:
            handle = leases.put(b"abc")
            with leases._lock:
                child = os.fork()
            if not child:
                leases._lock.acquire(blocking=False)
                try:
                    leases.release(handle)
                except Exception as error:
                    print(error, flush=True)
                sys.exit(0)
            os.waitpid(child, 0)
            print(bytes(leases.data(handle)).decode())
    """

    refusal, data = run(forks, tmp_path).splitlines()

    assert "not to this one, which was forked from it" in refusal
    assert data == "abc"


# --- no room ------------------------------------------------------------------------------------


def test_data_that_the_system_refuses_to_write_are_refused(tmp_path: Path) -> None:
    limited = """
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        with open_leases(root) as leases:
            print(bytes(leases.data(leases.put(b"abc"))).decode())
            try:
                leases.put(bytes(2000))
            except Exception as error:
                print(type(error).__name__, error)
            print(len(leases), len(list(root.rglob("[0-9]*"))))
    """

    small, large, left = run(limited, tmp_path).splitlines()

    assert small == "abc"
    assert large.startswith("QuotaExceededError There is no room for 2000 bytes")
    assert left == "1 1"


def test_default_folders_are_used_and_left_clean() -> None:
    shown = """
        with open_leases() as leases:
            path = leases.path(leases.put(bytes(100_000)))
            print(path.parent, path.exists())
    """

    folder, existed = run(shown, Path()).split()

    assert existed == "True"
    assert not Path(folder).exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_directory_of_another_user_is_left_alone(tmp_path: Path) -> None:
    with keeper(tmp_path) as (process, path):
        process.kill()
        process.wait(timeout=10)
        os.chown(path.parent, 12345, -1)

        with open_leases(tmp_path) as leases:
            leases.put(b"abc")

    assert path.exists()
