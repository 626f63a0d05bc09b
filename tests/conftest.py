"""What every test may rely on: nothing reaches for the network or the home folder."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

BUILD = Path(__file__).resolve().parent.parent / "build"

# Both are read when dspy is imported, hence before any test module is. A run that was started with
# other values, by `make test` for one, keeps them.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
os.environ.setdefault("DSPY_CACHEDIR", str(BUILD / "dspy-cache"))

# Elapsed time is never asserted, so an example may take the time it takes. On a CI machine
# hypothesis chooses its own profile, which says the same and repeats the same examples.
settings.register_profile("unhurried", deadline=None)
# By hand: pytest --hypothesis-profile=long tests/unit/values -k every_value
settings.register_profile("long", deadline=None, max_examples=100_000)
if "CI" not in os.environ:
    settings.load_profile("unhurried")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show half characters in captured output as escapes: no pipe between processes takes them."""
    report = yield
    report.sections = [
        (name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections
    ]
    return report
