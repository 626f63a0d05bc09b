"""Both directions: the host keeps a variable and offers a tool, Python uses them.

Here the host is embedded in the same process; when Python is called by another runtime, that
runtime is the host and the handler stays as it is. Run it: ``python examples/host_tools.py``.
"""

import asyncio

from snakepit_bridge import BridgeError, Session, handles
from snakepit_bridge.testing import EmbeddedHost, in_process_bridge

PRICES = {"tea": 4.5, "milk": 1.2}


def price_of(item: str) -> float:
    """What one of an item costs."""
    return PRICES[item]


class Quotes:
    """The ``quote.*`` commands."""

    @handles("quote.make")
    def make(self, session: Session, *, items: list[str]) -> str:
        """Price a list of items, with the discount that the host decides on."""
        total = sum(session.call_elixir_tool("price_of", {"item": item}) for item in items)
        return f"{total * (1 - session.get_variable('discount')):.2f}"

    @handles("quote.make_async")
    async def make_async(self, session: Session, *, items: list[str]) -> str:
        """The same on the loop, where each call to the host has a twin that is awaited."""
        prices = [await session.acall_elixir_tool("price_of", {"item": item}) for item in items]
        return f"{sum(prices) * (1 - await session.aget_variable('discount')):.2f}"


async def main() -> None:
    """Offer the tool, set the variable, have two quotes made."""
    host = EmbeddedHost()
    host.offer(price_of)
    host.set_variable(session_id="ada", name="discount", value=0.1)

    async with in_process_bridge(Quotes(), host=host) as bridge:
        print(await bridge.execute("ada", "quote.make", {"items": ["tea", "milk"]}))
        print(await bridge.execute("ada", "quote.make_async", {"items": ["tea", "tea"]}))
        try:
            await bridge.execute("ada", "quote.make", {"items": ["gold"]})
        except BridgeError as error:
            print(f"{error.code}: {error}")


if __name__ == "__main__":
    asyncio.run(main())
