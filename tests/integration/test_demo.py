"""The demonstration, as somebody sees it who tries the project for the first time."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from snakepit_bridge.cli.outcome import ExitCode

Demo = Callable[..., subprocess.CompletedProcess[str]]

MOST_LINES = 60


@pytest.fixture
def demo(tmp_path: Path) -> Demo:
    """Runs the demonstration, without some modules if these are named."""

    def run(*flags: str, without: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        program = (
            "import sys\n"
            f"sys.modules.update(dict.fromkeys({list(without)!r}))\n"
            "from snakepit_bridge.cli import main\n"
            "main()\n"
        )
        return subprocess.run(
            [sys.executable, "-c", program, "demo", *flags],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=50,
        )

    return run


def test_the_demonstration_shows_the_bridge_at_work(demo: Demo) -> None:
    done = demo()

    assert done.returncode == ExitCode.DONE
    assert done.stderr == ""
    for shown in (
        "commands over gRPC at 127.0.0.1:",
        '"answer": "42"',
        "\n    3\n    2\n    1\n",
        "The host says: CALLING BACK!",
        '{"version": 1}',
        "COMMAND_NOT_FOUND: No handler for command: 'demo.anounce'.",
        "Did you mean 'demo.announce'?",
    ):
        assert shown in done.stdout
    assert len(done.stdout.splitlines()) < MOST_LINES


def test_the_spans_and_counters_are_those_of_the_calls_before(demo: Demo) -> None:
    calls, report = demo().stdout.split("What the exporter was told")

    called = re.findall(r"^  > (\S+)", calls, flags=re.MULTILINE)
    spans = re.findall(r"^  [├└]─ command\.execute (\S+)", report, flags=re.MULTILINE)
    counted = re.findall(r"^  commands_total  (\S+) ", report, flags=re.MULTILINE)
    assert spans == [*called, "session.close"]
    assert sorted(counted) == sorted({*called, "session.close", "unknown"} - {"demo.anounce"})
    assert "COMMAND_NOT_FOUND" in report
    assert "handler.execute DemoHandler" in report


def test_two_demonstrations_differ_in_ids_and_times_only(demo: Demo) -> None:
    def steady(text: str) -> str:
        return re.sub(r" +\d+\.\d ms|-[0-9a-f]{16}|:\d+", "", text)

    assert steady(demo().stdout) == steady(demo().stdout)


def test_without_dspy_it_says_how_to_get_it_and_shows_the_rest(demo: Demo) -> None:
    done = demo(without=("dspy",))

    assert done.returncode == ExitCode.DONE
    assert "pip install 'snakepit-bridge[dspy]'" in done.stdout
    assert "The host says: CALLING BACK!" in done.stdout


def test_without_the_sdk_it_says_how_to_get_it_and_shows_the_rest(demo: Demo) -> None:
    done = demo(without=("opentelemetry.sdk", "opentelemetry.sdk.metrics"))

    assert done.returncode == ExitCode.DONE
    assert "pip install 'snakepit-bridge[telemetry]'" in done.stdout
    assert '"answer": "42"' in done.stdout


def test_a_broken_handler_of_another_distribution_is_named(demo: Demo, tmp_path: Path) -> None:
    folder = tmp_path / "of_tests-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: of-tests\nVersion: 1\n")
    (folder / "entry_points.txt").write_text("[snakepit_bridge.handlers]\nx = nowhere:X\n")

    done = demo()

    assert done.returncode == ExitCode.FAILED
    assert "The handler 'x' of of-tests 1 cannot be used" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_language_model_that_cannot_be_used_is_a_failure_with_a_hint(
    demo: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    done = demo("--lm", "openai/no-such-model")

    assert done.returncode == ExitCode.FAILED
    assert "OPENAI_API_KEY" in done.stdout
    assert "The host says: CALLING BACK!" in done.stdout
