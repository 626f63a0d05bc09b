from __future__ import annotations

from snakepit_bridge import base_adapter
from snakepit_bridge.adapters import base


def test_adapters_import_their_base_class_by_snakepits_name() -> None:
    assert base_adapter.BaseAdapter is base.BaseAdapter
    assert base_adapter.tool is base.tool
    assert base_adapter.ToolMetadata is base.ToolMetadata
