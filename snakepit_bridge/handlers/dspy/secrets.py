"""Keys of language models that callers may use without seeing them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from snakepit_bridge.errors import NotAllowedError, WrongCallError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

PROVIDER_KEYS = frozenset(
    f"{provider}_API_KEY"
    for provider in (
        *("AI21", "ANTHROPIC", "AZURE", "CEREBRAS", "COHERE", "DATABRICKS", "DEEPINFRA"),
        *("DEEPSEEK", "FIREWORKS", "FIREWORKS_AI", "GEMINI", "GOOGLE", "GROQ", "HUGGINGFACE"),
        *("MISTRAL", "NVIDIA_NIM", "OLLAMA", "OPENAI", "OPENROUTER", "PERPLEXITYAI"),
        *("REPLICATE", "SAMBANOVA", "TOGETHER", "TOGETHERAI", "XAI"),
    )
)
"""Variables in which providers of language models expect their keys."""

REFERENCE = "env:"
"""How a key begins that is the name of a variable."""

SHORTEST = 6
"""Characters of the shortest text that is hidden as a secret; less would blot out common words."""


class Secrets:
    """The variables callers may refer to, and the addresses a key may be sent to.

    Args:
        environment: Where the values are; nothing by default.
        names: Variables that may be referred to.
        api_bases: Addresses, besides those the providers' names stand for, that the operator trusts
            with the keys.
    """

    def __init__(
        self,
        environment: Mapping[str, str] | None = None,
        *,
        names: Collection[str] = PROVIDER_KEYS,
        api_bases: Collection[str] = (),
    ) -> None:
        self._values = {
            name: value for name, value in (environment or {}).items() if name in names and value
        }
        self._names = frozenset(names)
        self._api_bases = frozenset(_normal(each) for each in api_bases)

    def __repr__(self) -> str:
        return f"Secrets({sorted(self._values)})"

    @property
    def set_names(self) -> tuple[str, ...]:
        """The variables that can be referred to and are set, in order; never their values."""
        return tuple(sorted(self._values))

    def find(self, reference: str) -> str:
        """The value of ``"env:NAME"``.

        Raises:
            NotAllowedError: The operator does not list the name.
            WrongCallError: There is no such variable where the bridge runs.
        """
        name = reference.removeprefix(REFERENCE)
        if name not in self._names:
            raise NotAllowedError(
                f"The variable {name!r} is not among those a key may be taken from.",
                {"name": name, "hint": f"The operator allows it with --allow-secret {name}."},
            )
        if name not in self._values:
            raise WrongCallError(
                f"The variable {name!r} is not set where the bridge runs.",
                {"name": name, "hint": "Set it and start the bridge anew, or send the key itself."},
            )
        return self._values[name]

    def trusts(self, api_base: str) -> bool:
        """Whether the operator lists this address."""
        return _normal(api_base) in self._api_bases

    @property
    def hidden(self) -> tuple[str, ...]:
        """Every value there is, for those who keep them out of texts."""
        return tuple(self._values.values())


def without_secrets(text: str, hidden: Iterable[str]) -> str:
    """The text with every secret in it replaced by stars."""
    for secret in hidden:
        if len(secret) >= SHORTEST:
            text = text.replace(secret, "***")
    return text


def scrub(error: BaseException, hidden: Collection[str]) -> None:
    """Replace secrets in the messages of an exception and of those that led to it.

    Providers repeat keys in their refusals, and whoever logs the exception must not repeat them.
    """
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        each = pending.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        each.args = tuple(_scrubbed(value, hidden) for value in each.args)
        attributes = getattr(each, "__dict__", {})  # exceptions written in C have none
        attributes.update({name: _scrubbed(value, hidden) for name, value in attributes.items()})
        pending += [each.__cause__, each.__context__]


def _scrubbed(value: Any, hidden: Collection[str]) -> Any:
    return without_secrets(value, hidden) if isinstance(value, str) else value


def _normal(api_base: str) -> str:
    parts = urlsplit(api_base.strip())
    return f"{parts.scheme.lower()}://{parts.netloc.lower()}{parts.path.rstrip('/')}"
