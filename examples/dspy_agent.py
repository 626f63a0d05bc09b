"""An agent that uses two tools of its caller, and tells what it does while it does it.

Here the caller's side is an embedded host in the same process; when an Elixir application is the
caller, the tools are its own, and the agent stays as it is. Needs DSPy (``snakepit-bridge[dspy]``),
no network and no key. Run it: ``python examples/dspy_agent.py``.
"""

import asyncio

from snakepit_bridge import SnakepitBridgeServer
from snakepit_bridge.bootstrap import open_bridge
from snakepit_bridge.client import connect
from snakepit_bridge.settings import Settings
from snakepit_bridge.testing import EmbeddedHost

PRICES = {"blue cup": 4.5, "teapot": 23.0}


def find_items(word: str) -> list[str]:
    """The items that have this word in their name."""
    return [item for item in PRICES if word in item]


def price_of(item: str) -> float:
    """What an item costs, in euros."""
    return PRICES[item]


# What a real model, such as "openai/gpt-4o-mini", decides itself.
STEPS = [
    {"next_thought": "?", "next_tool_name": "find_items", "next_tool_args": {"word": "cup"}},
    {"next_thought": "!", "next_tool_name": "price_of", "next_tool_args": {"item": "blue cup"}},
    {"next_thought": ".", "next_tool_name": "finish", "next_tool_args": {}},
    {"reasoning": "I looked it up.", "answer": "The blue cup costs 4.50 euros."},
]


async def main() -> None:
    """Offer the tools, make an agent that knows their names, follow what it does."""
    host = EmbeddedHost()
    host.offer(find_items)
    host.offer(price_of)

    async with (
        open_bridge(Settings(), host=host) as bridge,
        SnakepitBridgeServer(bridge, port=0) as server,
        connect(server.address) as client,
        client.session() as session,
    ):
        await session.call("dspy.configure", {"lm": {"model": "offline", "answers": STEPS}})
        signature = "question -> answer"
        agent = await session.call(
            "dspy.create_instance",
            {
                "class_path": "dspy.ReAct",
                "args": {"signature": signature, "tools": ["find_items", "price_of"]},
            },
        )
        question = {"question": "What does a cup cost?"}
        asked = {"ref": agent, "args": question, "fields": ["answer"]}
        async for event in session.stream("dspy.stream", asked):
            match event["event"]:
                case "tool_call":
                    print("calling", event["tool"], event["args"])
                case "tool_result":
                    print("  it says", event["result"])
                case "token":
                    print(event["text"], end="", flush=True)
                case "prediction":
                    print(f"\n{event['usage']['calls']} requests")


if __name__ == "__main__":
    asyncio.run(main())
