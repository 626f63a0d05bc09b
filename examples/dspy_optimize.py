"""Optimize a program as a job of the server, with a progress bar, and take what it has learned.

Serve it: ``snakepit-bridge serve``, with DSPy installed (``snakepit-bridge[dspy]``).
Then, in another terminal: ``python examples/dspy_optimize.py [TARGET]``.
"""

import sys

from snakepit_bridge.client import Client

EXAMPLES = [
    {"mail": "The shop is on fire!", "label": "urgent"},
    {"mail": "Do you have plates, too?", "label": "later"},
    {"mail": "My parcel never came.", "label": "urgent"},
    {"mail": "Lovely cups.", "label": "later"},
    {"mail": "I was charged twice.", "label": "urgent"},
]
WIDTH = 20


def main(target: str) -> None:
    """Begin the job, draw the bar, show what the new program has in its prompt."""
    with Client(target) as client, client.session() as session:
        # It labels everything "urgent"; a real model would do better, and learn more.
        session.call("dspy.configure", {"lm": "offline"})
        signature = "mail -> label: Literal['urgent', 'later']"
        sorter = session.call(
            "dspy.create_instance", {"class_path": "dspy.Predict", "args": [signature]}
        )
        job = session.call(
            "dspy.optimize",
            {
                "ref": sorter,
                "optimizer": "BootstrapFewShot",
                "examples": EXAMPLES,
                "metric": {"field": "label"},
                "options": {"max_bootstrapped_demos": 3, "max_labeled_demos": 3},
                "settings": {"budget": {"calls": 100}},
            },
        )
        # Whoever loses the connection sends the "seq" of the last event as "after", and goes on.
        for event in session.stream("dspy.job_events", {"job": job}):
            if event["event"] == "progress":
                draw(event["done"], event["total"] or len(EXAMPLES))
        print()

        result = session.call("dspy.job_result", {"job": job})
        print(result["usage"]["calls"], "requests")
        learned = session.call("dspy.get_state", {"ref": result["ref"]})["state"]
        for demo in learned["demos"]:
            print("-", demo["mail"], demo["label"])


def draw(done: int, total: int) -> None:
    """The bar, over the one before where a terminal shows it."""
    bar = "#" * (WIDTH * done // total)
    text = f"[{bar:{WIDTH}}] {done} of {total}"
    if sys.stdout.isatty():
        print(f"\r{text}", end="", flush=True)
    elif done == total:
        print(text, end="")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:50051")
