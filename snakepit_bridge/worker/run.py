"""A worker on its main thread: from the command line to the exit code."""

from __future__ import annotations

import gc
import logging
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from snakepit_bridge.adapters.logging_config import configure_logging
from snakepit_bridge.settings import environment
from snakepit_bridge.worker.adapter_class import AdapterError, load_adapter
from snakepit_bridge.worker.environment import UsageError, WorkerSettings, worker_settings
from snakepit_bridge.worker.exit_codes import ExitCode
from snakepit_bridge.worker.flags import parse, usage
from snakepit_bridge.worker.health_check import health_check
from snakepit_bridge.worker.process_group import end_process_group, lead_process_group
from snakepit_bridge.worker.standard_files import open_standard_files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from snakepit_bridge.worker.ending import Ending
    from snakepit_bridge.worker.service import Service

log = logging.getLogger("snakepit.grpc_server")

SWITCH_INTERVAL_S = 0.001
"""How long a thread may keep the others waiting. With 16 tools that calculate, the thread that
answers heartbeats has its turn sixty times a second."""


def run(argv: Sequence[str]) -> int:
    """Do what the flags say, and return the exit code."""
    # First of all, because a parent that ends before cannot be missed.
    parent = os.getppid()
    open_standard_files()
    flags = parse(argv)
    if flags.help:
        sys.stdout.write(usage())
        return ExitCode.DONE
    try:
        worker = worker_settings(flags, environment())
    except UsageError as error:
        sys.stderr.write(f"{error}\nTry --help.\n")
        return ExitCode.USAGE
    configure_logging(force=True)
    for warning in worker.warnings:
        log.warning("%s", warning)
    _make_importable(worker.script)
    if worker.health_check:
        return health_check(worker.adapter, threaded=worker.threaded)
    return _work(worker, parent)


def _make_importable(script: str) -> None:
    """Let modules beside the script be found for which ours stands, as Python itself would."""
    folder = Path(script).resolve().parent
    if script and str(folder) not in sys.path and folder != Path(__file__).resolve().parent:
        sys.path.insert(0, str(folder))


def _work(worker: WorkerSettings, parent: int) -> int:
    # A tool may start processes; gRPC's handlers for that crash some of them. One may want them
    # all the same, and says so in the environment.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # noqa: TID251  (gRPC reads it there)
    # Here, because only this needs gRPC, which takes longer to import than all else together.
    from snakepit_bridge.worker.ending import Ending  # noqa: PLC0415
    from snakepit_bridge.worker.service import Service  # noqa: PLC0415
    from snakepit_bridge.worker.signals import signal_pipe  # noqa: PLC0415

    sys.setswitchinterval(SWITCH_INTERVAL_S)
    if worker.leads_process_group:
        lead_process_group()
        ending = Ending(when_alone=end_process_group)
    else:
        ending = Ending()
    with signal_pipe(ending.ask) as signals:
        service = Service(worker, ending, signals=signals, parent=parent)
        try:
            _serve(worker, service, ending)
        except AdapterError as error:
            # Elixir shows the end of what a worker has written, so the message comes last.
            log.error("%s", error, exc_info=error.__cause__)  # noqa: TRY400
        finally:
            # Heard only where nobody has asked before, which is when something has failed.
            ending.ask(ExitCode.CANNOT_START, "it cannot start")
            service.join()
    return ending.code


def _serve(worker: WorkerSettings, service: Service, ending: Ending) -> None:
    """Bring the adapter and the bridge; then run what wants this thread, until the end.

    Raises:
        AdapterError: There is no such adapter, or it cannot be used.
    """
    # On this thread, because libraries that belong to one want to be imported on the main thread.
    adapter = load_adapter(worker.adapter, threaded=worker.threaded)
    service.announce()
    # Now, because Elixir can look for the port meanwhile.
    from snakepit_bridge.worker.bridge import main_thread_of, worker_bridge  # noqa: PLC0415

    if not gc.isenabled():
        gc.freeze()
        gc.enable()
    main_thread = main_thread_of(worker)
    service.open(
        partial(
            worker_bridge,
            worker,
            adapter,
            main_thread=main_thread,
            on_lost=partial(ending.ask, ExitCode.HOST_LOST, "the host does not answer"),
        ),
        when_over=partial(main_thread.close, timeout_s=0.0),
    )
    main_thread.serve_here()
