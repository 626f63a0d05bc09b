"""The benchmark of DSPy's commands measures what its page says; no test is about the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from pathlib import Path

import pytest

from benchmarks import dspy, dspy_import

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "benchmarks.md"


def _unlisted(figures: Sequence[dspy.Figure]) -> list[str]:
    """Figures that the page does not have with their targets."""
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    return [
        figure.what
        for figure in figures
        if not any(
            row.startswith(f"| {figure.what} |") and f"| {figure.target}" in row for row in rows
        )
    ]


def test_every_timing_is_taken_and_listed() -> None:
    figures = dspy.timings(rounds=1, scale=0.01)

    assert len(figures) == 5
    assert all(isfinite(figure.measured) for figure in figures)
    assert _unlisted(figures) == []


@pytest.mark.timeout(120)  # several processes that import DSPy
def test_every_figure_of_a_process_is_taken_and_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dspy_import, "BACKGROUND_S", 0.0)

    figures = {each.what: each for each in dspy.processes(tmp_path, 1, cycles=2, warm_up=1)}

    assert _unlisted(list(figures.values())) == []
    with_dspy, without = (
        figures[f"memory of serve {when}"].measured for when in ("with DSPy", "before DSPy")
    )
    assert with_dspy > without > 0
