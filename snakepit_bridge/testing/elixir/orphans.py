"""Finds workers by their command lines, as Snakepit does to end those nobody owns."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

SCRIPTS = ("grpc_server.py",)
"""What ends workers by their run id looks for this name alone."""

ROGUE_SCRIPTS = ("grpc_server.py", "grpc_server_threaded.py")
"""What cleans up at the start of the BEAM looks for either."""

_PROC = Path("/proc")


def orphans_of(
    run_id: str,
    *,
    scripts: Collection[str] = SCRIPTS,
    instance: tuple[str, str] = ("", ""),
    snakepit_folder: Path | None = None,
    proc: Path = _PROC,
) -> list[int]:
    """The pids of workers that Snakepit would recognise as those of a run; Linux only.

    Args:
        run_id: Of the BEAM that started them.
        scripts: Names of which one must occur in the command line.
        instance: Name and token that are configured; each must be there if it is.
        snakepit_folder: Must occur in command lines without name and token; ``None`` asks nothing.
        proc: Where the kernel shows its processes.
    """
    return [
        pid
        for pid, comm, arguments in _processes(proc)
        if _looks_like_python(comm, arguments)
        and _is_worker(arguments, run_id, scripts)
        and _belongs(arguments, instance, snakepit_folder)
    ]


def _is_worker(arguments: Sequence[str], run_id: str, scripts: Collection[str]) -> bool:
    line = " ".join(arguments)
    marks = (f"--snakepit-run-id {run_id}", f"--run-id {run_id}")
    return any(script in line for script in scripts) and any(mark in line for mark in marks)


def _belongs(
    arguments: Sequence[str], instance: tuple[str, str], snakepit_folder: Path | None
) -> bool:
    flags = ("--snakepit-instance-name", "--snakepit-instance-token")
    found = [_value_after(arguments, flag) for flag in flags]
    if not any(found):
        return snakepit_folder is None or str(snakepit_folder) in " ".join(arguments)
    return all(not wanted or wanted == has for wanted, has in zip(instance, found, strict=True))


def _value_after(arguments: Sequence[str], flag: str) -> str:
    following = iter(arguments)
    return next(following, "") if flag in following else ""


def _looks_like_python(comm: str, arguments: Sequence[str]) -> bool:
    program = arguments[0] if arguments else ""
    return "python" in comm or "python" in Path(program).name


def _processes(proc: Path) -> Iterator[tuple[int, str, list[str]]]:
    for folder in proc.iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            comm = (folder / "comm").read_text(errors="replace").strip()
            line = (folder / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue  # it has ended, or is none of our business
        yield int(folder.name), comm, line.rstrip("\0").split("\0")
