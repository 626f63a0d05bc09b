"""An adapter for Snakepit: methods of a Python class that Elixir calls by name.

Run it by itself: ``python examples/snakepit_adapter.py`` calls each tool once, without Elixir.
With Elixir, the folder of this file on ``PYTHONPATH``, Snakepit starts a worker for it:

    config :snakepit,
      adapter_module: Snakepit.Adapters.GRPCPython,
      pools: [
        %{
          name: :default,
          pool_size: 2,
          adapter_module: Snakepit.Adapters.GRPCPython,
          adapter_args: ["--adapter", "snakepit_adapter.TeaShop"]
        }
      ]

    {:ok, 9.0} = Snakepit.execute("price", %{item: "tea", cups: 2})
    {:ok, %{"milk" => 0, "tea" => 12}} = Snakepit.execute("stock", %{items: ["tea", "milk"]})

    Snakepit.execute_stream("brew", %{cups: 2}, fn
      %{"is_final" => true} -> :ok
      %{"cup" => cup} -> IO.puts("cup #{cup} is ready")
    end)
"""

import asyncio
from collections.abc import Iterator
from typing import Any

from snakepit_bridge.base_adapter import BaseAdapter, tool

PRICES = {"tea": 4.5, "milk": 1.2}


class TeaShop(BaseAdapter):
    """Every call gets an adapter of its own; what is to last belongs to the module or the class."""

    @tool(description="What so many cups of something cost")
    def price(self, item: str, cups: int = 1) -> float:
        """Runs on a thread, so it may block; a KeyError arrives in Elixir as a KeyError."""
        return PRICES[item] * cups

    @tool(description="Brew cups of tea one after the other", supports_streaming=True)
    def brew(self, cups: int) -> Iterator[dict[str, Any]]:
        """Every item reaches Elixir at once; if nobody reads any more, it ends at its yield."""
        for cup in range(1, cups + 1):
            yield {"cup": cup, "of": cups}

    @tool(description="How much there is of some items")
    async def stock(self, items: list[str]) -> dict[str, int]:
        """Runs on an event loop, so it must not block; all items are asked about at once."""
        amounts = await asyncio.gather(*(_count_in_warehouse(item) for item in items))
        return dict(zip(items, amounts, strict=True))

    @tool(description="What a customer pays, with the discount that Elixir grants")
    def quote(self, item: str, customer: str) -> str:
        """Calls back: Elixir has registered ``discount_for`` with ``exposed_to_python: true``."""
        discount = self.session_context.call_elixir_tool("discount_for", customer=customer)
        return f"{customer} pays {PRICES[item] * (1 - discount):.2f}"


async def _count_in_warehouse(item: str) -> int:
    await asyncio.sleep(0)  # stands for a question to a database
    return {"tea": 12}.get(item, 0)


class WithoutElixir:
    """Stands for the session of a call where there is no Elixir to call back."""

    session_id = "trial"

    def call_elixir_tool(self, tool_name: str, **arguments: Any) -> Any:
        """Answer as Elixir would."""
        return {"discount_for": {"Ada": 0.1}}[tool_name][arguments["customer"]]


def call(tool_name: str, **arguments: Any) -> Any:
    """Call a tool as the worker does: a new adapter, the session, the call."""
    adapter, session = TeaShop(), WithoutElixir()
    adapter.set_session_context(session)
    return adapter.execute_tool(tool_name, arguments, session)


if __name__ == "__main__":
    print(call("price", item="tea", cups=2))
    print(list(call("brew", cups=2)))
    print(asyncio.run(call("stock", items=["tea", "milk"])))
    print(call("quote", item="tea", customer="Ada"))
    try:
        call("prise", item="tea")
    except AttributeError as error:
        print(error)
