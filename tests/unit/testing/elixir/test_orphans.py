from __future__ import annotations

from pathlib import Path

import pytest

from snakepit_bridge.testing.elixir.orphans import ROGUE_SCRIPTS, orphans_of

MARKS = "--snakepit-run-id k3x9a2p"


def _process(proc: Path, pid: int, line: str, comm: str = "python3") -> None:
    folder = proc / str(pid)
    folder.mkdir()
    (folder / "comm").write_text(f"{comm}\n")
    (folder / "cmdline").write_bytes("\0".join(line.split()).encode() + b"\0")


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    _process(tmp_path, 1, "/sbin/init", comm="init")
    _process(tmp_path, 10, f"python /w/grpc_server.py --port 0 {MARKS}")
    _process(tmp_path, 11, "python /w/grpc_server.py --port 0 --snakepit-run-id another")
    _process(tmp_path, 12, f"/bin/sh grpc_server.py {MARKS}", comm="sh")
    _process(tmp_path, 13, f"/opt/bin/python3.11 /w/grpc_server.py {MARKS}", comm="worker")
    _process(tmp_path, 14, f"python /w/grpc_server_threaded.py {MARKS}")
    _process(tmp_path, 15, "python /w/grpc_server.py --run-id k3x9a2p")
    (tmp_path / "self").mkdir()
    (tmp_path / "99").mkdir()  # it ended while it was looked at
    return tmp_path


def test_a_worker_is_known_by_its_script_its_run_its_interpreter(proc: Path) -> None:
    assert sorted(orphans_of("k3x9a2p", proc=proc)) == [10, 13, 15]


def test_a_rogue_may_run_the_other_script(proc: Path) -> None:
    assert 14 in orphans_of("k3x9a2p", scripts=ROGUE_SCRIPTS, proc=proc)


def test_without_an_instance_snakepits_folder_must_be_named(tmp_path: Path) -> None:
    _process(tmp_path, 10, f"python /ours/grpc_server.py {MARKS}")
    _process(tmp_path, 11, f"python grpc_server.py {MARKS} --snakepit-script /app/snakepit/x.py")

    found = orphans_of("k3x9a2p", snakepit_folder=Path("/app/snakepit"), proc=tmp_path)

    assert found == [11]


def test_name_and_token_of_an_instance_must_be_the_configured_ones(tmp_path: Path) -> None:
    line = f"python grpc_server.py {MARKS} --snakepit-instance-name a --snakepit-instance-token t"
    _process(tmp_path, 10, line)

    def found(name: str, token: str) -> list[int]:
        return orphans_of("k3x9a2p", instance=(name, token), proc=tmp_path)

    assert found("a", "t") == found("a", "") == found("", "") == [10]
    assert found("b", "t") == found("a", "u") == []


def test_a_process_without_a_command_line_is_nobody(tmp_path: Path) -> None:
    folder = tmp_path / "2"
    folder.mkdir()
    (folder / "comm").write_text("kthreadd\n")
    (folder / "cmdline").write_bytes(b"")

    assert orphans_of("k3x9a2p", proc=tmp_path) == []
