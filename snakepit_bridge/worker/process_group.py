"""The worker as leader of a process group, which is ended together with all its children."""

from __future__ import annotations

import logging
import os
import signal
from contextlib import suppress

log = logging.getLogger(__name__)


def lead_process_group() -> None:
    """Make this process the leader of a session and of a group; it may be that already."""
    try:
        os.setsid()
    except PermissionError:
        # Erlang starts its children as leaders.
        log.debug("process %s leads its group already", os.getpid())


def end_process_group() -> None:
    """Ask every process of the session that this one leads to end; so Elixir would, if it could.

    This one is asked as well.
    """
    # Not a group alone: a shell's pipeline has a leader, too, which does not own the others.
    if os.getsid(0) == os.getpid():
        with suppress(OSError):  # some systems refuse where one of them cannot be asked
            os.killpg(os.getpid(), signal.SIGTERM)
