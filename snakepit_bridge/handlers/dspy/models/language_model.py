"""Language models for sessions, with keys that go only where the operator wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from msgspec import UNSET

from snakepit_bridge.errors import InvalidArgumentError, NotAllowedError
from snakepit_bridge.handlers.dspy.host.engines import host_engines
from snakepit_bridge.handlers.dspy.models.options import HOST, OFFLINE
from snakepit_bridge.handlers.dspy.models.session_lm import session_lm_class
from snakepit_bridge.handlers.dspy.models.uses import Uses
from snakepit_bridge.handlers.dspy.secrets import REFERENCE

if TYPE_CHECKING:
    from snakepit_bridge.handlers.dspy.door import DSPyDoor
    from snakepit_bridge.handlers.dspy.models.options import LMOptions
    from snakepit_bridge.handlers.dspy.secrets import Secrets

KEY_ALONE = frozenset({"hosted_vllm", "ollama", "ollama_chat", "openai"})
"""Providers that are sent nothing but the key they are given.

Others add what they find: tokens of a cloud account, credentials in a file. And litellm adds the
organization's name to what it sends, so it stays out of the way (``OWN_ENGINE``).
"""

OWN_ENGINE = "lm15"
"""DSPy's own engine, which fails where it cannot do something rather than ask litellm."""

_RENAMED = "max_completion_tokens"
"""What DSPy makes of ``max_tokens`` for models that reason, when it makes them anew."""

NO_KEY = "none"
"""Sent where a key must not be looked for: without one, the environment's would be sent."""


class LanguageModels:
    """Builds language models from options.

    Args:
        door: The way to DSPy.
        secrets: The keys callers may refer to.
    """

    def __init__(self, door: DSPyDoor, secrets: Secrets) -> None:
        self._door = door
        self._secrets = secrets

    def changed(
        self, old: LMOptions | None, model: Any, options: LMOptions, *, cache: bool | None
    ) -> Any:
        """The language model for these options.

        Where only what a single request is given has changed, the connections of the old one are
        used on, and what the offline model has answered stays answered.

        Raises:
            BridgeError: As ``build``.
        """
        if old is None or model is None or old.connection() != options.connection():
            return self.build(options, cache=cache)
        kept, given = old.per_request(), options.per_request()
        if kept == given:
            return model
        if _RENAMED in model.kwargs:
            return self.build(options, cache=cache)
        # To a copy, None takes an option away.
        return model.copy(**{**dict.fromkeys(kept), **given})

    def build(self, options: LMOptions, *, cache: bool | None = None) -> Any:
        """The language model; nothing is sent anywhere yet.

        Args:
            options: What it is.
            cache: Whether DSPy's cache may answer, where the options do not say.

        Raises:
            NotAllowedError: A key would go where it must not, or the cache is not allowed.
            InvalidArgumentError: The address is none.
        """
        if options.model == OFFLINE:
            return self._offline(options)
        if options.model.startswith(HOST):
            return self._of_host(options)
        connection = self._connection(options)
        # DSPy's cache knows answers by model and prompt: from an address of the caller's own they
        # would be handed to everybody.
        uses_cache = self._cache(options, default=cache) and "engine" not in connection
        given = {**options.given(), **connection, "cache": uses_cache}
        return self._session_lm(given.pop("model"), **given)

    def caches(self, model: Any) -> bool:
        """Whether DSPy's cache may answer for this language model."""
        return self._door.cache_dir is not None and bool(getattr(model, "cache", True))

    def hidden(self, options: LMOptions | None) -> tuple[str, ...]:
        """What must not appear in any text about a call with these options."""
        key = options.api_key if options is not None else UNSET
        own = (key,) if isinstance(key, str) and not key.startswith(REFERENCE) else ()
        return (*own, *self._secrets.hidden)

    def _offline(self, options: LMOptions) -> Any:
        # Imported here: a server without an offline model, or without DSPy, starts without it.
        from snakepit_bridge.handlers.dspy.offline import offline_engines

        given = options.given()
        engine, async_engine = offline_engines(given.pop("answers", ()), door=self._door)
        model = given.pop("model")
        return self._session_lm(
            model, engine=engine, async_engine=async_engine, cache=False, **given
        )

    def _of_host(self, options: LMOptions) -> Any:
        given = options.per_request()
        if options.num_retries is not UNSET:
            given["num_retries"] = options.num_retries
        engine, async_engine = host_engines(
            str(options.tool),
            streams=options.stream is True,
            features=() if options.features is UNSET else options.features,
            door=self._door,
        )
        return self._session_lm(
            options.model, engine=engine, async_engine=async_engine, cache=False, **given
        )

    def _connection(self, options: LMOptions) -> dict[str, str]:
        key, base = options.api_key, options.api_base
        reference = key if isinstance(key, str) and key.startswith(REFERENCE) else None
        found = {} if reference is None else {"api_key": self._secrets.find(reference)}
        if not isinstance(base, str) or self._is_trusted(base):
            return found
        if reference is not None:
            raise NotAllowedError(
                f"The key {reference!r} must not be sent to {_host(base)!r}.",
                {
                    "api_base": _host(base),
                    "hint": "The operator allows it with --allow-api-base URL; or send a key of "
                    "your own.",
                },
            )
        provider = options.model.partition("/")[0]
        if provider not in KEY_ALONE:
            raise NotAllowedError(
                f"Calls to {provider!r} may carry the operator's credentials, so they must not be "
                f"sent to {_host(base)!r}.",
                {
                    "api_base": _host(base),
                    "hint": "Write the model as 'openai/NAME' for a server that speaks OpenAI's "
                    "protocol; or the operator allows the address with --allow-api-base URL.",
                },
            )
        chosen = {} if isinstance(key, str) else {"api_key": NO_KEY}
        return {**chosen, "engine": OWN_ENGINE}

    def _is_trusted(self, base: str) -> bool:
        try:
            parts = urlsplit(base)
        except ValueError as error:
            raise _no_address() from error
        if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
            raise _no_address()
        return self._secrets.trusts(base)

    def _cache(self, options: LMOptions, *, default: bool | None) -> bool:
        wanted = default if options.cache is UNSET else options.cache
        if self._door.cache_dir is not None:
            return wanted is not False
        if wanted is True:
            raise NotAllowedError(
                "The bridge keeps no answers of language models.",
                {"argument": "lm", "hint": "The operator allows it with --dspy-cache DIR."},
            )
        return False

    def _session_lm(self, *args: Any, **kwargs: Any) -> Any:
        model = session_lm_class(self._door.open())(*args, **kwargs)
        model.uses = Uses(model)
        return model


def _no_address() -> InvalidArgumentError:
    return InvalidArgumentError(
        "Wrong 'lm': 'api_base' is no address.",
        {"argument": "lm", "hint": "E.g. 'http://localhost:8000/v1'; a key goes into 'api_key'."},
    )


def _host(api_base: str) -> str:
    parts = urlsplit(api_base)
    return f"{parts.scheme}://{parts.netloc}"
