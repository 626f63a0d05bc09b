from __future__ import annotations

from pathlib import Path

import pytest

from snakepit_bridge.leases.memory_room import memory_room

MACHINE = "MemTotal:  2000 kB\nMemAvailable:    1000 kB\n"


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_a_system_that_does_not_tell_has_room(tmp_path: Path) -> None:
    assert memory_room(tmp_path) > 1 << 60


def test_the_machine_has_what_it_says_is_available(tmp_path: Path) -> None:
    write(tmp_path, {"proc/meminfo": MACHINE})

    assert memory_room(tmp_path) == 1000 * 1024


@pytest.mark.parametrize("text", ["MemTotal: 5 kB\n", "MemAvailable: much\n", "\xff"])
def test_what_cannot_be_understood_limits_nothing(tmp_path: Path, text: str) -> None:
    write(tmp_path, {"proc/meminfo": text})

    assert memory_room(tmp_path) > 1 << 60


def test_a_container_has_what_its_group_leaves(tmp_path: Path) -> None:
    group = "sys/fs/cgroup/"
    write(
        tmp_path,
        {
            "proc/meminfo": MACHINE,
            "proc/self/cgroup": "0::/\n",
            f"{group}memory.max": "5000\n",
            f"{group}memory.current": "4500\n",
            f"{group}memory.stat": "anon 4000\ninactive_file 300\n",
        },
    )

    assert memory_room(tmp_path) == 800


def test_the_outer_groups_count_too(tmp_path: Path) -> None:
    outer = "sys/fs/cgroup/system.slice/"
    write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/system.slice/bridge.service\n",
            f"{outer}memory.max": "700\n",
            f"{outer}memory.current": "100\n",
            f"{outer}bridge.service/memory.max": "max\n",
        },
    )

    assert memory_room(tmp_path) == 600


def test_groups_of_the_first_kind_count_as_well(tmp_path: Path) -> None:
    group = "sys/fs/cgroup/memory/box/"
    write(
        tmp_path,
        {
            "proc/self/cgroup": "5:devices:/\n4:cpu,memory:/box\n",
            f"{group}memory.limit_in_bytes": "900\n",
            f"{group}memory.usage_in_bytes": "500\n",
            f"{group}memory.stat": "inactive_file 1\ntotal_inactive_file 50\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{(1 << 63) - 4096}\n",
        },
    )

    assert memory_room(tmp_path) == 450


def test_a_group_that_is_over_its_limit_leaves_nothing(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/memory.max": "10\n",
            "sys/fs/cgroup/memory.current": "20\n",
        },
    )

    assert memory_room(tmp_path) == 0
