"""What the process grows by as DSPy's instances come and go: ``python -m benchmarks.dspy_growth``.

Prints megabytes of resident memory, after a warm-up that fills what is filled once.
"""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
from pathlib import Path

from benchmarks.dspy_bridge import SESSION, asked, configured, created
from snakepit_bridge.bootstrap import open_bridge
from snakepit_bridge.client import AsyncClient
from snakepit_bridge.settings import Settings
from snakepit_bridge.transport.in_process import InProcessTransport

CYCLES = 10_000
WARM_UP = 1_000


def resident_mb(pid: int | str = "self") -> float:
    """What a process has in memory."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    found = next(line for line in lines if line.startswith("VmRSS:"))
    return int(found.split()[1]) * 1024 / 1e6


def in_new_process(cycles: int = CYCLES, warm_up: int = WARM_UP) -> float:
    """Megabytes that a new process grows by."""
    command = [sys.executable, "-m", "benchmarks.dspy_growth", str(cycles), str(warm_up)]
    return float(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


async def _grown_mb(cycles: int, warm_up: int) -> float:
    async with (
        open_bridge(Settings()) as handler,
        InProcessTransport().serving(handler) as endpoint,
        endpoint.connect() as connection,
    ):
        client = AsyncClient(connection)
        await configured(client)
        await _come_and_go(client, warm_up)
        before_mb = resident_mb()
        await _come_and_go(client, cycles)
        return resident_mb() - before_mb


async def _come_and_go(client: AsyncClient, cycles: int) -> None:
    for _ in range(cycles):
        ref = await created(client)
        await asked(client, ref)
        await client.call("dspy.delete_instance", {"ref": ref}, session=SESSION)
    gc.collect()


if __name__ == "__main__":
    given = [int(number) for number in sys.argv[1:]] or [CYCLES, WARM_UP]
    print(asyncio.run(_grown_mb(*given)))
