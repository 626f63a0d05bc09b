"""Modules stay small, and each has one job that its docstring names."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from statistics import mean

import pytest

from tests.architecture.source_tree import modules, name_of

MEAN_LINES = 200
MOST_LINES = 400

# "opens, finds and closes" lists the steps of one job, "between bytes and values" names one place;
# "opens and closes" joins two jobs.
_END_OF_A_LIST = re.compile(r", [^,]+?,? and ")
_TWO_SIDES = re.compile(r"\b([Bb]etween|[Bb]oth) ([^,]+?) and ")


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def _jobs(summary: str) -> int:
    plain = _TWO_SIDES.sub(r"\1 \2, ", _END_OF_A_LIST.sub(", ", summary))
    return 1 + len(re.findall(r"\band\b", plain))


def test_no_module_is_longer_than_one_reading() -> None:
    too_long = {name_of(path): _lines(path) for path in modules() if _lines(path) > MOST_LINES}

    assert too_long == {}


def test_modules_are_short_on_average() -> None:
    assert mean(_lines(path) for path in modules()) < MEAN_LINES


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_the_first_line_of_a_module_names_one_job_in_one_sentence(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    assert docstring, "a module says what it is for"
    summary = docstring.splitlines()[0]

    assert summary.endswith((".", "?", "!")), "the sentence ends on its line"
    assert not re.search(r"[.?!] ", summary), "one sentence"
    assert _jobs(summary) == 1, "two jobs are two modules"


@pytest.mark.parametrize(
    ("summary", "jobs"),
    [
        ("Opens sessions.", 1),
        ("Opens, finds, expires and closes sessions.", 1),
        ("Opens, finds, and closes sessions.", 1),
        ("Opens sessions and logs.", 2),
        ("Opens, finds and closes sessions and logs.", 2),
        ("Understands commands.", 1),
        ("Translates between bytes and values.", 1),
        ("Translates between bytes and values and logs.", 2),
    ],
)
def test_a_comma_list_is_one_job_but_a_bare_and_is_two(summary: str, jobs: int) -> None:
    assert _jobs(summary) == jobs
