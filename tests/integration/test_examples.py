"""Every example runs as its first lines say, and prints what it is meant to."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLES = ROOT / "examples"

# A new example comes here with what it prints; those with {target} call a server.
PRINTED = {
    "custom_transport.py": """\
['Hello Ada!']
INVALID_ARGUMENT: Wrong arguments for 'greet.say': 'nmae' is unknown (did you mean 'name'?); \
'name' is missing. It takes: name, times?.
1 2
""",
    "host_tools.py": """\
5.13
8.10
HOST_TOOL_FAILED: The host's tool 'price_of' raised KeyError: 'gold'
""",
    "sessions.py": """\
Ada pays 5.70 EUR
Eve gets FOREIGN_REF
put back: tea, milk
Ada's session has ended
""",
    "arrays.py": """\
uint8 (3, 4) read-only: True
[[  0  30  60  90]
 [120 150 180 210]
 [240 255 255 255]]
{'counts': array([4, 3, 3, 2]), 'range': (0.0, 256.0)}
{'counts': array([3, 2, 2, 5]), 'range': (0.0, 256.0)}
""",
    "dspy_agent.py": """\
calling find_items {'word': 'cup'}
  it says ["blue cup"]
calling price_of {'item': 'blue cup'}
  it says 4.5
The blue cup costs 4.50 euros.
4 requests
""",
    "snakepit_adapter.py": """\
9.0
[{'cup': 1, 'of': 2}, {'cup': 2, 'of': 2}]
{'tea': 12, 'milk': 0}
Ada pays 4.05
Tool 'prise' not found in TeaShop. Did you mean 'price'? Its tools: brew, price, quote, stock.
""",
}

PRINTED_BY_CLIENTS = {
    "dspy_question.py": "6 times 9 is 54. So: 54\nrequests left: 9\n",
    "dspy_optimize.py": """\
[####################] 5 of 5
5 requests
- The shop is on fire! urgent
- My parcel never came. urgent
- I was charged twice. urgent
""",
    "streaming_client.py": "1\n2\n3\nleft 999999997 behind\n",
}

ELSEWHERE = {
    "greet.py",  # served to the clients
    "test_greet.py",  # run by pytest
}


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with the handler of ``greet.py``, started as its docstring says."""
    ready = tmp_path_factory.mktemp("server") / "ready"
    command = ["serve", "--handlers", "greet:Greeter", "--port", "0", "--ready-file", str(ready)]
    with subprocess.Popen(
        [sys.executable, "-m", "snakepit_bridge", *command],
        cwd=EXAMPLES,
        env=_environment(),
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            assert server.stderr is not None
            said = server.stderr.readline()
            assert ready.exists(), said
            yield f"127.0.0.1:{ready.read_text().strip()}"
        finally:
            server.terminate()


def _run(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=EXAMPLES,
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _environment() -> dict[str, str]:
    # The package may be installed or not; the examples take the one of this checkout.
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}


def test_every_example_is_tested() -> None:
    names = {path.name for path in EXAMPLES.iterdir() if path.suffix == ".py"}

    assert names == PRINTED.keys() | PRINTED_BY_CLIENTS.keys() | ELSEWHERE


@pytest.mark.parametrize("name", [*PRINTED, *PRINTED_BY_CLIENTS, *ELSEWHERE])
def test_an_example_says_how_to_run_it(name: str) -> None:
    first_lines = (EXAMPLES / name).read_text()[:600]

    assert first_lines.startswith('"""')
    assert "``snakepit-bridge serve" in first_lines or "``python" in first_lines


@pytest.mark.parametrize("name", PRINTED)
def test_an_example_prints_what_it_is_meant_to(name: str) -> None:
    if name.startswith("dspy"):
        pytest.importorskip("dspy")

    assert _run(name) == PRINTED[name]


@pytest.mark.parametrize("name", PRINTED_BY_CLIENTS)
def test_an_example_of_a_client_prints_what_it_is_meant_to(name: str, target: str) -> None:
    if name.startswith("dspy"):
        pytest.importorskip("dspy")

    assert _run(name, target) == PRINTED_BY_CLIENTS[name]


def test_the_tests_of_the_example_pass() -> None:
    passed = _run("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_greet.py")

    assert "3 passed" in passed
