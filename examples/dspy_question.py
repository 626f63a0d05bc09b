"""Ask a DSPy program on a server, with the model that needs no network.

Serve it: ``snakepit-bridge serve``, with DSPy installed (``snakepit-bridge[dspy]``).
Then, in another terminal: ``python examples/dspy_question.py [TARGET]``.
"""

import sys

from snakepit_bridge.client import Client

# A real one: {"model": "openai/gpt-4o-mini", "api_key": "env:OPENAI_API_KEY"}
LANGUAGE_MODEL = {
    "model": "offline",
    "answers": [{"reasoning": "6 times 9 is 54.", "answer": "54"}],
}


def main(target: str) -> None:
    """Create a module in a session, configure that session, ask."""
    with Client(target) as client, client.session() as session:
        session.call("dspy.configure", {"lm": LANGUAGE_MODEL, "budget": {"calls": 10}})
        ref = session.call(
            "dspy.create_instance",
            {"class_path": "dspy.ChainOfThought", "args": {"signature": "question -> answer: int"}},
        )
        told = session.call(
            "dspy.predict", {"ref": ref, "args": {"question": "What is 6 times 9?"}}
        )
        print(told["reasoning"], "So:", told["outputs"]["answer"])
        print("requests left:", session.call("dspy.usage")["left"]["calls"])
    # The block has ended its session; the module is gone with it.


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:50051")
