"""Attack one target for a while, or show what a found input leads to: ``make fuzz``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from fuzz.targets import CORPUS, TARGETS, check_of

FOUND = Path("build/fuzz")
"""Where inputs are written that are worth a look; the corpus is left as it is."""

_LIBRARIES = ("msgspec", "google.protobuf.message", "ml_dtypes", "pandas", "polars", "pyarrow")
"""Loaded before, so that only our own code is watched, and starts quickly."""


def main(arguments: Sequence[str]) -> None:
    """Run ``python -m fuzz TARGET``; ends the process."""
    asked = _parser().parse_args(arguments)
    if asked.inputs:
        check = check_of(asked.target)
        for path in asked.inputs:
            check(path.read_bytes())
        return
    _attack(asked.target, _options(asked))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("inputs", nargs="*", type=Path, help="try these only")
    parser.add_argument("--seconds", type=int, default=60, help="stop then (60)")
    parser.add_argument("--runs", type=int, default=-1, help="stop after so many inputs")
    parser.add_argument("--memory-mb", type=int, default=1024, help="more is a finding (1024)")
    parser.add_argument("--seed", type=int, default=0, help="of the choices; 0 is by chance")
    return parser


def _options(asked: argparse.Namespace) -> list[str]:
    grown, found = (FOUND / asked.target / name for name in ("corpus", "found"))
    for folder in (grown, found):
        folder.mkdir(parents=True, exist_ok=True)
    return [
        f"-max_total_time={asked.seconds}",
        f"-runs={asked.runs}",
        f"-rss_limit_mb={asked.memory_mb}",
        f"-seed={asked.seed}",
        f"-artifact_prefix={found}/",
        "-timeout=10",
        "-max_len=4096",
        "-print_final_stats=1",
        # What is new goes into the first folder.
        *(str(grown), str(CORPUS / asked.target)),
    ]


def _attack(target: str, options: Sequence[str]) -> None:
    # It takes the process over, and there are machines it does not run on.
    atheris = import_module("atheris")

    for library in _LIBRARIES:
        import_module(library)
    with atheris.instrument_imports(include=["snakepit_bridge"]):
        check = check_of(target)
    atheris.Setup([f"fuzz {target}", *options], check)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
