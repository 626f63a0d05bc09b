"""``snakepit-bridge elixir``: what an Elixir application needs to use our worker."""

from __future__ import annotations

import json
import sys

import click

from snakepit_bridge.cli.elixir_texts import MODULE, WAY_A, WAY_B
from snakepit_bridge.cli.installation import LAUNCHER, launcher, worker_script
from snakepit_bridge.cli.outcome import ExitCode, write_json


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print for programs.")
def elixir(*, as_json: bool) -> int:
    """Print what an Elixir application needs to run this worker.

    There are two ways. Way A replaces the interpreter that Snakepit starts, and needs nothing else.
    Way B is a small adapter module in Elixir. The adapters of the application stay as they are.
    """
    paths = {
        "launcher": str(launcher() or ""),
        "python": sys.executable,
        "worker": str(worker_script()),
    }
    written = {name: _elixir_text(path) for name, path in paths.items()}
    way_a = WAY_A.format(launcher=written["launcher"], launcher_path=paths["launcher"])
    way_b = WAY_B.format(python=written["python"], worker=written["worker"])
    if as_json:
        way_a = way_a if paths["launcher"] else ""
        write_json({**paths, "way_a": way_a, "way_b": way_b, "module": MODULE})
        return ExitCode.DONE
    if not paths["launcher"]:
        way_a = (
            f"{LAUNCHER} is not beside {sys.executable}; to have it: pip install snakepit-bridge\n"
        )
    click.echo(f"Way A: replace the interpreter.\n\n{way_a}")
    click.echo(f"Way B: an adapter module.\n\n{way_b}")
    click.echo(f"# lib/snakepit_bridge_adapter.ex\n{MODULE}", nl=False)
    return ExitCode.DONE


def _elixir_text(text: str) -> str:
    """A text as Elixir writes it."""
    return json.dumps(text, ensure_ascii=False).replace("#{", "\\#{")
