"""Generate the Python side of the contract in ``proto/``.

Run by the interpreter of ``.venv-proto`` (``make proto``); ``--check`` writes nothing, but names
every generated file that is not what ``proto/`` says.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "proto"
GENERATED = ROOT / "snakepit_bridge" / "grpc" / "_generated"
PACKAGE = "snakepit_bridge.grpc._generated"

INIT = '"""Written by protoc from ``proto/``: regenerate with ``make proto``, never edit."""\n'

# protoc writes imports as if every module were top-level.
_SIBLING_IMPORT = re.compile(r"^import (\w+_pb2) as ", re.MULTILINE)


def generate() -> dict[str, str]:
    """Run protoc over every contract file.

    Returns:
        Text of each generated file by its name, imports absolute within the package.

    Raises:
        SystemExit: There is nothing to generate from, or protoc refused; it has said why.
    """
    sources = sorted(path.name for path in SOURCES.glob("*.proto"))
    if not sources:
        raise SystemExit(f"No .proto file in {SOURCES.name}/.")
    with tempfile.TemporaryDirectory() as folder:
        protoc = [sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={SOURCES}"]
        outputs = [f"--{kind}_out={folder}" for kind in ("python", "pyi", "grpc_python")]
        done = subprocess.run([*protoc, *outputs, *sources], check=False)
        if done.returncode:
            raise SystemExit(done.returncode)
        files = {path.name: _absolute(path.read_text()) for path in Path(folder).iterdir()}
    return {"__init__.py": INIT, **files}


def write(files: dict[str, str]) -> None:
    """Make the generated package hold exactly ``files``."""
    GENERATED.mkdir(parents=True, exist_ok=True)
    for name in _present() - files.keys():
        (GENERATED / name).unlink()
    for name, text in files.items():
        (GENERATED / name).write_text(text)


def stale(files: dict[str, str]) -> list[str]:
    """Compare the generated package with ``files``.

    Returns:
        Name of every file that is missing, left over or different, sorted.
    """
    names = _present() | files.keys()
    return sorted(name for name in names if _written(name) != files.get(name))


def main() -> int:
    """Generate, or check when told so; the exit code is 1 when something is stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only, change nothing")
    options = parser.parse_args()
    files = generate()
    if not options.check:
        write(files)
        print(f"Wrote {len(files)} files from {SOURCES.name}/.")
        return 0
    different = stale(files)
    for name in different:
        print(f"{GENERATED.relative_to(ROOT) / name} is stale: run `make proto`.")
    return 1 if different else 0


def _absolute(text: str) -> str:
    return _SIBLING_IMPORT.sub(rf"from {PACKAGE} import \1 as ", text)


def _present() -> set[str]:
    return {path.name for path in GENERATED.glob("*.py*") if path.is_file()}


def _written(name: str) -> str | None:
    path = GENERATED / name
    return path.read_text() if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main())
