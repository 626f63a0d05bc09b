"""``--health-check``: whether this interpreter can run the adapter, without connecting anywhere."""

from __future__ import annotations

import logging

from snakepit_bridge.worker.adapter_class import AdapterError, load_adapter
from snakepit_bridge.worker.exit_codes import ExitCode

log = logging.getLogger("snakepit.grpc_server")


def health_check(adapter: str, *, threaded: bool) -> ExitCode:
    """Import what a worker with this adapter needs; what is missing is told as an error."""
    try:
        # Here, because nothing else of a worker is needed.
        import grpc  # noqa: F401, PLC0415

        load_adapter(adapter, threaded=threaded)
    except (AdapterError, ImportError) as error:
        log.error("health check failed: %s", error)  # noqa: TRY400  (the message says it all)
        return ExitCode.CANNOT_START
    log.info("health check passed: %s can be served", adapter)
    return ExitCode.DONE
