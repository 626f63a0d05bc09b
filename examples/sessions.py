"""Objects that live in a session: a shopping basket.

Try it without a server: ``python examples/sessions.py``.
Serve it, from this folder: ``snakepit-bridge serve --handlers sessions:BasketHandler``.
"""

import asyncio

from snakepit_bridge import BridgeError, Session, handles
from snakepit_bridge.testing import in_process_bridge


class Basket:
    """What somebody wants to buy; knows nothing of the bridge."""

    def __init__(self, currency: str) -> None:
        self.currency = currency
        self.cents: dict[str, int] = {}

    def close(self) -> None:
        """Called when the basket is released, and when its session ends."""
        print(f"put back: {', '.join(self.cents) or 'nothing'}")


class BasketHandler:
    """The ``basket.*`` commands. Holds nothing itself: a basket belongs to its session."""

    @handles("basket.open")
    def open(self, session: Session, *, currency: str = "EUR") -> str:
        """Open a basket; answers the ref by which this session finds it again."""
        return session.instances.register(Basket(currency))

    # Changes one object in several steps, so the calls within one session take turns.
    @handles("basket.add", exclusive=True)
    def add(self, session: Session, *, ref: str, item: str, cents: int) -> int:
        """Put something in; answers how many things there are."""
        basket: Basket = session.instances.get(ref)
        basket.cents[item] = basket.cents.get(item, 0) + cents
        return len(basket.cents)

    @handles("basket.total")
    def total(self, session: Session, *, ref: str) -> str:
        """What it costs."""
        basket: Basket = session.instances.get(ref)
        return f"{sum(basket.cents.values()) / 100:.2f} {basket.currency}"


async def main() -> None:
    """Fill a basket, look at it from another session, end the session."""
    async with in_process_bridge(BasketHandler()) as bridge:
        async with bridge.session() as ada:
            ref = await ada.call("basket.open", {"currency": "EUR"})
            await ada.call("basket.add", {"ref": ref, "item": "tea", "cents": 450})
            await ada.call("basket.add", {"ref": ref, "item": "milk", "cents": 120})
            print("Ada pays", await ada.call("basket.total", {"ref": ref}))

            try:
                await bridge.call("basket.total", {"ref": ref}, session="eve")
            except BridgeError as error:
                print(f"Eve gets {error.code}")
        print("Ada's session has ended")


if __name__ == "__main__":
    asyncio.run(main())
