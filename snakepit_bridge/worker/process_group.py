"""The worker as leader of a process group, so that Elixir can end it with all its children."""

from __future__ import annotations

import logging
import os

log = logging.getLogger(__name__)


def lead_process_group() -> None:
    """Make this process the leader of a session and of a group; it may be that already."""
    try:
        os.setsid()
    except PermissionError:
        # Erlang starts its children as leaders.
        log.debug("process %s leads its group already", os.getpid())
