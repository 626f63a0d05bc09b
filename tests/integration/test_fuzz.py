"""Every target of ``fuzz/`` for a moment: its corpus, bytes by chance, inputs that are bred."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.targets import CORPUS, TARGETS, check_of, corpus_of

ROOT = Path(__file__).parents[2]

MOST_CORPUS_BYTES = 300_000

AFRESH = ("sh", "-c", '"$@"; exit $?', "sh")
"""Runs a command as the child of a small process. Linux counts the memory of whoever started a
process as its own peak, and the one that runs the tests may be larger than the target may get."""

BRED_INPUTS = 1_500
"""For each target; they take a second."""


def test_each_target_has_a_small_corpus_and_nothing_else_has_one() -> None:
    assert sorted(path.name for path in CORPUS.iterdir()) == sorted(TARGETS)
    assert all(corpus_of(target) for target in TARGETS)
    assert sum(path.stat().st_size for path in CORPUS.rglob("*")) < MOST_CORPUS_BYTES


@pytest.mark.parametrize("target", TARGETS)
def test_what_once_was_worth_a_look_leads_to_nothing_bad(target: str) -> None:
    check = check_of(target)

    for path in corpus_of(target):
        check(path.read_bytes())


@pytest.mark.parametrize("target", TARGETS)
def test_bytes_by_chance_lead_to_nothing_bad(target: str) -> None:
    check = check_of(target)
    kept = [path.read_bytes() for path in corpus_of(target)]

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        data=st.sampled_from(kept),
        place=st.integers(0, 200),
        cut=st.integers(0, 6),
        put=st.binary(max_size=6),
    )
    def change_and_check(data: bytes, place: int, cut: int, put: bytes) -> None:
        place %= len(data) + 1
        check(data[:place] + put + data[place + cut :])

    change_and_check()


@pytest.mark.skipif(
    find_spec("atheris") is None,
    reason="atheris, which breeds inputs by the code they reach, is not installed on this platform",
)
@pytest.mark.parametrize("target", TARGETS)
def test_inputs_that_are_bred_lead_to_nothing_bad(target: str, tmp_path: Path) -> None:
    """In a process of its own, which atheris takes over, without the coverage of the others."""
    names = [name for name in os.environ if name.startswith(("COV_", "COVERAGE_"))]
    env = {name: value for name, value in os.environ.items() if name not in names}
    command = [sys.executable, "-m", "fuzz", target, f"--runs={BRED_INPUTS}", "--seed=7"]

    done = subprocess.run(
        [*AFRESH, *command, "--seconds=20"],
        cwd=tmp_path,
        env={**env, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-4_000:]
    assert "Done " in done.stderr
