from __future__ import annotations

import pytest

import snakepit_bridge.adapters
from snakepit_bridge.adapters.template import TemplateAdapter
from snakepit_bridge.adapters.tools import overrides_execute_tool, tool
from snakepit_bridge.version import __version__


def test_the_package_of_adapters_offers_the_template() -> None:
    assert snakepit_bridge.adapters.TemplateAdapter is TemplateAdapter
    assert "TemplateAdapter" in dir(snakepit_bridge.adapters)


def test_the_package_of_adapters_offers_nothing_else() -> None:
    with pytest.raises(AttributeError, match=r"'snakepit_bridge\.adapters' has no attribute 'No'"):
        _ = snakepit_bridge.adapters.No


async def test_the_template_has_a_place_for_everything_but_does_nothing() -> None:
    adapter = TemplateAdapter()

    await adapter.initialize()
    await adapter.cleanup()

    assert adapter.get_info() == {"name": "TemplateAdapter", "version": __version__, "tools": []}


def test_the_template_says_how_to_give_it_tools() -> None:
    with pytest.raises(NotImplementedError, match=r"has no tool 'run': mark a method with @tool"):
        TemplateAdapter().execute_tool("run", {}, None)


def test_a_copy_of_the_template_tells_of_its_tools() -> None:
    class Mine(TemplateAdapter):
        @tool()
        def run(self) -> None:
            raise NotImplementedError

    assert Mine().get_info()["tools"] == ["run"]
    assert overrides_execute_tool(Mine)
