from __future__ import annotations

from snakepit_bridge import logging_config
from snakepit_bridge.adapters import logging_config as adapters_logging_config


def test_adapters_import_the_log_by_snakepits_name() -> None:
    assert logging_config.configure_logging is adapters_logging_config.configure_logging
    assert logging_config.get_logger is adapters_logging_config.get_logger
