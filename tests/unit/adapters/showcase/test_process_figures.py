from __future__ import annotations

from pathlib import Path

from snakepit_bridge.adapters.showcase.process_figures import CpuMeter, memory_mb


def test_a_process_takes_some_memory() -> None:
    assert 1 < memory_mb() < 1_000_000


def test_pages_are_read_from_where_linux_tells_them(tmp_path: Path) -> None:
    statm = tmp_path / "statm"
    statm.write_text("9999 2560 12 3 0 7 0\n")

    assert memory_mb(statm) >= 2560 * 4096 / 1024**2


def test_memory_is_told_where_there_is_no_such_file(tmp_path: Path) -> None:
    assert 1 < memory_mb(tmp_path / "none") < 1_000_000


def test_a_meter_speaks_of_the_time_since_the_last_reading() -> None:
    meter = CpuMeter()
    sum(range(200_000))

    assert meter.percent() > 0
    assert meter.percent() >= 0
