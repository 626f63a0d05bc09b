"""The package's modules, as files on disk."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGE = ROOT / "snakepit_bridge"
GENERATED = PACKAGE / "grpc" / "_generated"


def modules() -> list[Path]:
    """Every module somebody wrote by hand, sorted."""
    written = (path for path in PACKAGE.rglob("*.py") if GENERATED not in path.parents)
    return sorted(written)


def name_of(path: Path) -> str:
    """Path below the package, as used in the lists of these tests."""
    return path.relative_to(PACKAGE).as_posix()


def import_name_of(path: Path) -> str:
    """Dotted name under which the module is imported."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
