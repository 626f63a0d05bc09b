"""A handler of ten lines: serve it with ``snakepit-bridge serve --handlers greet:Greeter``."""

from collections.abc import Iterator

from snakepit_bridge import Session, handles


class Greeter:
    """The ``greet.*`` commands."""

    @handles("greet.say")
    def say(self, session: Session, *, name: str, times: int = 1) -> list[str]:
        """Greet somebody, several times if wanted."""
        return [f"Hello {name}!"] * times

    @handles("greet.count")
    def count(self, session: Session, *, to: int) -> Iterator[int]:
        """Count up, one number at a time, until nobody listens any more."""
        for number in range(1, to + 1):
            if session.cancelled:
                return
            yield number
