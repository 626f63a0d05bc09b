from __future__ import annotations

from snakepit_bridge.cli.options import BRIDGE, LISTEN
from snakepit_bridge.settings import all_settings
from tests.unit.cli.conftest import CommandLine


def test_every_setting_is_an_option_of_the_server() -> None:
    assert sorted((*BRIDGE, *LISTEN)) == sorted(all_settings())


def test_an_option_says_what_it_takes_and_what_holds_without_it(command_line: CommandLine) -> None:
    text = " ".join(command_line("serve", "--help").out.split())

    assert "--port N TCP port; 0 takes a free one. [default: 50051]" in text
    assert "--session-ttl-s SECONDS Seconds after which a session ends, however busy. --" in text
    assert "--log-format json|text" in text
    assert "--allow-code-execution / --no-allow-code-execution" in text
    assert "SNAKEPIT_BRIDGE_PORT for --port" in text
