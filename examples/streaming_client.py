"""Read a stream as it comes, then leave early: the code at the other end stops, too.

Serve something that streams, from this folder: ``snakepit-bridge serve --handlers greet:Greeter``.
Then, in another terminal: ``python examples/streaming_client.py [TARGET]``.
"""

import asyncio
import sys
from contextlib import aclosing

from snakepit_bridge.client import connect

A_BILLION = 1_000_000_000
ENOUGH = 3


async def main(target: str) -> None:
    """Ask for a billion numbers, take three."""
    async with (
        connect(target) as client,
        # Leaving the block tells the server that nobody reads on: now, not at some later time.
        aclosing(client.stream("greet.count", {"to": A_BILLION})) as numbers,
    ):
        async for number in numbers:
            print(number)
            if number == ENOUGH:
                break
    # A slow reader holds the code back: it was never more than 100 numbers ahead.
    print("left", A_BILLION - ENOUGH, "behind")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:50051"))
