"""The variables of a session, as adapters of Snakepit 0.4 use them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as WireValue

from snakepit_bridge.adapters.stub_questions import Question, StubFailedError, ask
from snakepit_bridge.adapters.variable_cache import VariableCache
from snakepit_bridge.adapters.variable_types import TypeValidator, VariableType
from snakepit_bridge.adapters.variable_views import VariableBatch, VariableNamespace, VariableProxy
from snakepit_bridge.errors import BridgeError, InvalidArgumentError
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc.host_values import value_from, wire_value
from snakepit_bridge.grpc.host_variables import value_of

_UNSERVED = (
    "This host keeps no variables; Snakepit has had none since release 0.5. Keep the value in "
    "Elixir and reach it through an Elixir tool, or in the adapter, with "
    "adapter_lifetime = 'session'."
)


class VariableNotFoundError(KeyError, AttributeError):
    """A session has no variable of this name or id.

    Also an ``AttributeError``, because ``ctx.v`` has variables as attributes.
    """

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class SessionVariables:
    """Reads, changes, creates and lists variables; the part of a ``SessionContext`` that does.

    Everywhere an identifier is the name of a variable, or its id. What was read is used again for
    five seconds, or ``set_cache_ttl``. All calls block.
    """

    __slots__ = ("_variable_cache", "session_id", "strict_mode", "stub")

    stub: Any
    session_id: str
    strict_mode: bool
    _variable_cache: VariableCache | None

    # --- one at a time --------------------------------------------------------------------------

    def register_variable(  # noqa: PLR0913, PLR0917  (Snakepit's signature)
        self,
        name: str,
        var_type: str | VariableType,
        initial_value: Any,
        constraints: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        ttl: timedelta | None = None,
    ) -> str:
        """Create a variable.

        Args:
            name: Its name.
            var_type: One of ``VariableType``.
            initial_value: A value of that type.
            constraints: What else is asked of its values, e.g. ``{"min": 0, "max": 2}``.
            metadata: Whatever is to be known of it, as text.
            ttl: How long a value of it may be used again before it is read anew.

        Returns:
            Its id.

        Raises:
            ValueError: There is no such type, or the value does not fit it.
            RuntimeError: The host refused, or was not reached.
        """
        validator = TypeValidator.get_validator(var_type)
        what = f"register variable {name!r}"
        value = _wire(validator.validate(initial_value, constraints), name, validator.type)
        request = pb.RegisterVariableRequest(
            session_id=self.session_id,
            name=name,
            type=validator.type,
            initial_value=value,
            constraints_json=_wire(dict(constraints), name).value.decode() if constraints else "",
            metadata=_texts(metadata),
        )
        answer = self._ask("RegisterVariable", request, what)
        if not answer.success:
            raise _refused(what, answer.error_message)
        variable_id: str = answer.variable_id
        created = pb.Variable(id=variable_id, name=name, type=validator.type, value=value)
        self._cache.keep(created, ttl)
        return variable_id

    def get_variable(self, identifier: str) -> Any:
        """The value of a variable.

        Raises:
            VariableNotFoundError: There is no such variable.
            RuntimeError: The host was not reached, or what it answered cannot be read.
        """
        return _value(self._find(identifier))

    def update_variable(
        self, identifier: str, value: Any, metadata: Mapping[str, Any] | None = None
    ) -> None:
        """Change a variable.

        Raises:
            VariableNotFoundError: There is no such variable.
            ValueError: The value does not fit its type.
            RuntimeError: The host refused, or was not reached.
        """
        kind = self._find(identifier).type
        what = f"update variable {identifier!r}"
        request = pb.SetVariableRequest(
            session_id=self.session_id,
            variable_identifier=identifier,
            value=_wire(_checked(value, kind), identifier, kind),
            metadata=_texts(metadata),
        )
        self._cache.forget(identifier)
        answer = self._ask("SetVariable", request, what, identifier)
        if not answer.success:
            raise _refused(what, answer.error_message)

    def delete_variable(self, identifier: str) -> None:
        """Forget a variable.

        Raises:
            VariableNotFoundError: There is no such variable.
            RuntimeError: The host refused, or was not reached.
        """
        request = pb.DeleteVariableRequest(
            session_id=self.session_id, variable_identifier=identifier
        )
        what = f"delete variable {identifier!r}"
        self._cache.forget(identifier)
        answer = self._ask("DeleteVariable", request, what, identifier)
        if not answer.success:
            raise _refused(what, answer.error_message)

    def list_variables(self, pattern: str | None = None) -> list[dict[str, Any]]:
        """What is known of the variables of the session.

        Args:
            pattern: Of their names, with ``*`` for any text; ``None`` means all.

        Returns:
            By variable: ``id``, ``name``, ``type``, ``value``, ``version``, ``constraints``,
            ``metadata``, ``optimizing``.
        """
        request = pb.ListVariablesRequest(session_id=self.session_id, pattern=pattern or "")
        answer = self._ask("ListVariables", request, "list its variables")
        return [_described(each) for each in answer.variables]

    # --- several at once ------------------------------------------------------------------------

    def get_variables(self, identifiers: Iterable[str]) -> dict[str, Any]:
        """The values of several variables, in one call.

        Returns:
            Each value under the name of its variable, and under its id.

        Raises:
            VariableNotFoundError: Some do not exist; names all of them.
            RuntimeError: The host was not reached, or what it answered cannot be read.
        """
        request = pb.BatchGetVariablesRequest(
            session_id=self.session_id, variable_identifiers=list(identifiers)
        )
        answer = self._ask("GetVariables", request, "get variables")
        if answer.missing_variables:
            missing = ", ".join(map(repr, answer.missing_variables))
            raise VariableNotFoundError(f"Variables not found: {missing}.")
        values: dict[str, Any] = {}
        for variable in answer.variables.values():
            self._cache.keep(variable)
            value = _value(variable)
            values |= dict.fromkeys(filter(None, (variable.name, variable.id)), value)
        return values

    def update_variables(
        self,
        updates: Mapping[str, Any],
        atomic: bool = False,  # noqa: FBT001, FBT002  (Snakepit's signature)
        metadata: Mapping[str, Any] | None = None,
    ) -> dict[str, bool | str]:
        """Change several variables, in one call.

        Args:
            updates: Values by identifier.
            atomic: Whether all are changed or none.
            metadata: As for ``update_variable``, of each.

        Returns:
            By identifier: ``True``, or why it was not changed.

        Raises:
            RuntimeError: The host was not reached.
        """
        request = pb.BatchSetVariablesRequest(
            session_id=self.session_id,
            updates={
                name: _wire(value, name, TypeValidator.infer_type(value))
                for name, value in updates.items()
            },
            metadata=_texts(metadata),
            atomic=atomic,
        )
        for identifier in updates:
            self._cache.forget(identifier)
        answer = self._ask("SetVariables", request, "update variables")
        failed = bool(atomic and not answer.success)
        others: bool | str = "not updated, because others were refused" if failed else True
        return {name: answer.errors.get(name, others) for name in updates}

    def batch_updates(self) -> VariableBatch:
        """A block that collects ``batch[name] = value`` and sends all of them at its end."""
        return VariableBatch(self)

    # --- shorter ways ---------------------------------------------------------------------------

    @property
    def v(self) -> VariableNamespace:
        """Variables as attributes, e.g. ``ctx.v.temperature = 0.5``."""
        return VariableNamespace(self)

    def variable(self, name: str) -> VariableProxy:
        """One variable, to be read and changed through ``value``."""
        return VariableProxy(self, name)

    def set_or_register(self, name: str, value: Any) -> None:
        """Change a variable; create it, with the type the value has, where there is none."""
        try:
            self.update_variable(name, value)
        except VariableNotFoundError:
            self.register_variable(name, TypeValidator.infer_type(value), value)

    def __getitem__(self, name: str) -> Any:
        return self.get_variable(name)

    def __setitem__(self, name: str, value: Any) -> None:
        if self.strict_mode:
            self.update_variable(name, value)
        else:
            self.set_or_register(name, value)

    def __contains__(self, name: str) -> bool:
        try:
            self._find(name)
        except VariableNotFoundError:
            return False
        return True

    # Without this Python would take the numbers from 0 for names of variables.
    __iter__ = None

    # --- the cache ------------------------------------------------------------------------------

    def set_cache_ttl(self, ttl: timedelta) -> None:
        """Use values again for so long; ``timedelta(0)`` reads them anew each time."""
        self._cache.lifetime = ttl

    def clear_cache(self) -> None:
        """Read all variables anew."""
        self._cache.clear()

    @property
    def _cache(self) -> VariableCache:
        if self._variable_cache is None:
            self._variable_cache = VariableCache()
        return self._variable_cache

    # --- the host -------------------------------------------------------------------------------

    def _find(self, identifier: str) -> pb.Variable:
        kept = self._cache.find(identifier)
        if kept is not None:
            return kept
        request = pb.GetVariableRequest(session_id=self.session_id, variable_identifier=identifier)
        answer = self._ask("GetVariable", request, f"get variable {identifier!r}", identifier)
        variable: pb.Variable = answer.variable
        self._cache.keep(variable)
        return variable

    def _ask(self, rpc: str, request: Any, what: str, identifier: str = "") -> Any:
        try:
            return ask(self.stub, Question(rpc, request))
        except StubFailedError as error:
            raise _failed(error, what, identifier) from error.__cause__


def _failed(error: StubFailedError, what: str, identifier: str) -> Exception:
    if error.status is grpc.StatusCode.UNIMPLEMENTED:
        return RuntimeError(_UNSERVED)
    about_session = "session" in str(error).lower()
    if error.status is grpc.StatusCode.NOT_FOUND and identifier and not about_session:
        return VariableNotFoundError(f"Variable not found: {identifier!r}.")
    if error.status is grpc.StatusCode.INVALID_ARGUMENT:
        return ValueError(f"The host refused to {what}: {error}")
    return RuntimeError(f"The host could not {what}: {error}")


def _refused(what: str, said: str) -> RuntimeError:
    return RuntimeError(f"The host refused to {what}: {said or 'it did not say why'}")


def _checked(value: Any, kind: str) -> Any:
    # Hosts may have types that this bridge has never heard of; they know best what fits.
    if kind not in set(VariableType):
        return value
    return TypeValidator.get_validator(kind).validate(value)


def _wire(value: Any, name: str, kind: str = "any") -> WireValue:
    try:
        return wire_value(value, f"The value of variable {name!r}", kind)
    except InvalidArgumentError as error:
        raise ValueError(str(error)) from error


def _value(variable: pb.Variable) -> Any:
    try:
        return value_of(variable)
    except BridgeError as error:
        raise RuntimeError(str(error)) from error


def _texts(metadata: Mapping[str, Any] | None) -> dict[str, str]:
    return {str(key): str(value) for key, value in (metadata or {}).items()}


def _described(variable: pb.Variable) -> dict[str, Any]:
    constraints = WireValue(value=variable.constraints_json.encode() or b"{}")
    return {
        "id": variable.id,
        "name": variable.name,
        "type": variable.type,
        "value": _value(variable),
        "version": variable.version,
        "constraints": value_from(constraints, "The constraints"),
        "metadata": dict(variable.metadata),
        "optimizing": variable.optimization_status.optimizing,
    }
