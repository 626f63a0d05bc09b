"""The command line as programs and people meet it: processes, their output, their exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from snakepit_bridge.cli.outcome import ExitCode
from snakepit_bridge.version import __version__
from tests.integration.test_serve import serving

HANDLERS = """
    import threading
    from snakepit_bridge import Session, handles

    class Shop:
        @handles("shop.price")
        def price(self, session: Session, *, item: str) -> int:
            return len(item)

        @handles("shop.fail")
        def fail(self, session: Session) -> None:
            raise ValueError("closed")

        @handles("shop.tick")
        def tick(self, session: Session):
            yield 1
            while not session.cancelled:
                threading.Event().wait(0.01)
            print("cancelled", flush=True)
"""

SHOP = ("--handlers", "shop_of_tests:Shop")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop_of_tests.py").write_text(textwrap.dedent(HANDLERS))
    return tmp_path


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "snakepit_bridge", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )


# --- exit codes --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--version"], ExitCode.DONE),
        (["call", "shop.price", "item=tea", *SHOP], ExitCode.DONE),
        (["call", "shop.fail", *SHOP], ExitCode.FAILED),
        (["call", "shop.prcie", *SHOP], ExitCode.FAILED),
        (["call", "shop.price", "item", *SHOP], ExitCode.USAGE),
        (["call", "shop.price", "--handlers", "nowhere:Shop"], ExitCode.USAGE),
        (["call", "system.ping", "--target", "127.0.0.1:1"], ExitCode.UNREACHABLE),
        (["stream", "system.ping", "--target", "127.0.0.1:1"], ExitCode.UNREACHABLE),
        (["commands", "--target", "unix:nowhere"], ExitCode.UNREACHABLE),
        (["no-such-command"], ExitCode.USAGE),
    ],
)
def test_the_exit_code_says_how_it_ended(words: list[str], code: ExitCode, folder: Path) -> None:
    done = run(folder, *words)

    assert done.returncode == code
    assert "Traceback" not in done.stderr


def test_an_installed_program_finds_handlers_in_the_folder_too(folder: Path) -> None:
    program = "import sys; sys.path.remove(''); from snakepit_bridge.cli import main; main()"
    words = ["call", "shop.price", "item=tea", *SHOP]

    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )

    assert (done.returncode, done.stdout) == (ExitCode.DONE, "3\n")


def test_a_server_starts_without_what_only_some_commands_need(folder: Path) -> None:
    program = (
        "import json, sys\n"
        "import snakepit_bridge.bootstrap, snakepit_bridge.cli.serve\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules}\n"
        "    | {name for name in sys.modules if name.startswith('opentelemetry.sdk')})))\n"
    )

    # What measures the coverage of child processes imports things of its own.
    unmeasured = {
        name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")
    }

    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env=unmeasured,
        capture_output=True,
        text=True,
        check=True,
        timeout=50,
    )

    loaded = set(json.loads(done.stdout))
    assert "grpc" in loaded
    assert not loaded & {"dspy", "litellm", "numpy", "opentelemetry.sdk", "ray", "tomllib"}


# --- against a server --------------------------------------------------------------------------


def test_a_server_answers_as_the_bridge_in_the_process_does(folder: Path) -> None:
    with serving(folder, *SHOP) as server:
        target = ("--target", server.target)
        value = run(folder, "call", "shop.price", "item=tea", *target)
        failed = run(folder, "call", "shop.fail", "--json", "--traceback", *target)
        listed = run(folder, "commands", "--json", *target)

    assert (value.returncode, value.stdout) == (ExitCode.DONE, "3\n")
    assert failed.returncode == ExitCode.FAILED
    assert json.loads(failed.stdout)["failure"]["type"] == "ValueError"
    assert "ValueError: closed" in failed.stderr
    assert "shop.price" in {each["name"] for each in json.loads(listed.stdout)}


def test_a_command_that_takes_too_long_is_given_up(folder: Path) -> None:
    with serving(folder, *SHOP) as server:
        done = run(folder, "stream", "shop.tick", "--timeout", "0.2", "--target", server.target)

    assert done.returncode == ExitCode.FAILED
    assert done.stdout == "1\n"
    assert "deadline" in done.stderr


# --- Ctrl-C ------------------------------------------------------------------------------------


def test_an_interrupt_cancels_the_command(folder: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "snakepit_bridge", "stream", "shop.tick", *SHOP],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None

    first = process.stdout.readline()
    process.send_signal(signal.SIGINT)
    rest, told = process.communicate(timeout=10)

    assert first == "1\n"
    assert rest == "cancelled\n"
    assert process.returncode == ExitCode.INTERRUPTED
    assert "Traceback" not in told


def test_a_reader_that_has_enough_ends_the_stream(folder: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "snakepit_bridge", "commands"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None

    told = process.stderr.read()
    process.stderr.close()
    process.wait(timeout=10)

    assert "Traceback" not in told


# --- doctor ------------------------------------------------------------------------------------


def test_the_doctor_finds_a_working_installation_fine(folder: Path) -> None:
    done = run(folder, "doctor", *SHOP)

    assert done.returncode == ExitCode.DONE
    for finding in ("python: ", f"snakepit-bridge {__version__}", "dspy 3", "shop_of_tests:Shop"):
        assert finding in done.stdout
    assert "commands on the loopback and answered in" in done.stdout
    assert "handlers = shop_of_tests:Shop  (--handlers)" in done.stdout
    assert "BROKEN" not in done.stdout


def test_the_doctor_names_all_that_is_broken_with_the_next_step(folder: Path) -> None:
    done = run(folder, "doctor", "--handlers", "nowhere:Shop", "--host", "192.0.2.1")

    assert done.returncode == ExitCode.FAILED
    broken = [line for line in done.stdout.splitlines() if line.startswith("BROKEN")]
    assert [line.split()[1] for line in broken] == ["handler:", "listening:", "server:"]
    assert done.stdout.count("->") >= 3


def test_the_doctor_looks_at_the_rest_in_spite_of_wrong_settings(folder: Path) -> None:
    done = run(folder, "doctor", "--port", "x", "--max-threads", "y", "--json")

    told = json.loads(done.stdout)
    assert done.returncode == ExitCode.FAILED
    assert told["ok"] is False
    wrong = [each for each in told["findings"] if each["subject"] == "setting"]
    assert len(wrong) == 2
    assert {"python", "server"} <= {each["subject"] for each in told["findings"]}
    assert told["settings"]["port"] == {"value": "50051", "source": "default"}
