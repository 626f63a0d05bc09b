"""The repository speaks of the project alone."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.architecture.source_tree import ROOT


def _files() -> list[Path]:
    """Every file that is, or is about to be, under version control."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = (ROOT / name for name in listed.stdout.split("\0") if name)
    return [path for path in paths if path.is_file()]


def _machine_path() -> re.Pattern[str]:
    """A path below this checkout, its folder, or anybody's home."""
    here = {ROOT, ROOT.parent, Path.home()}
    named = "|".join(re.escape(str(path)) for path in here if path != Path(path.anchor))
    homes = r"/(?:home|Users)/[\w.-]+"
    return re.compile(rf"(?<![\w.-])(?:{named}|{homes})/")


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    machine_path = _machine_path()

    named = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in _files()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1)
        if machine_path.search(line)
    ]

    assert named == []


def test_locks_name_versions_and_hashes_but_no_place_to_fetch_from() -> None:
    locks = sorted((ROOT / "requirements").glob("*.txt"))
    assert locks

    for lock in locks:
        text = lock.read_text()
        assert "--hash=sha256:" in text
        assert not re.search(r"://|--(?:extra-)?index-url|--find-links", text)
