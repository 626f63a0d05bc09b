"""``snakepit-bridge worker``: becomes the worker process that Snakepit starts."""

from __future__ import annotations

import click

from snakepit_bridge_launcher import become_python, worker_args


@click.command(
    options_metavar="FLAGS",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    epilog="python -m snakepit_bridge.worker --help lists the flags.",
)
@click.argument("flags", nargs=-1, type=click.UNPROCESSED, metavar="")
def worker(flags: tuple[str, ...]) -> None:
    """Run as a worker of the Elixir library Snakepit.

    Takes every flag of Snakepit's own grpc_server.py and grpc_server_threaded.py. The library
    starts its workers itself: 'snakepit-bridge elixir' says how to make it start this one.
    """
    become_python(worker_args([*flags]))
