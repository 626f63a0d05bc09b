"""Snakepit's serializer of values that have a named type."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from google.protobuf.any_pb2 import Any as WireValue

from snakepit_bridge.adapters.serialization_binary import raw_from, value_from_raw
from snakepit_bridge.adapters.serialization_constraints import check_constraints
from snakepit_bridge.adapters.serialization_types import normalised
from snakepit_bridge.grpc.host_values import binary_from
from snakepit_bridge.values.binary.tensors import is_array
from snakepit_bridge.values.fallback import Fallback
from snakepit_bridge.values.json.writer import JsonWriter
from snakepit_bridge.values.refusals import CannotReadError, CannotWriteError, NotThisEncodingError
from snakepit_bridge.values.snakepit.arguments import read_text
from snakepit_bridge.values.snakepit.labels import (
    BINARY_SUFFIX,
    LABEL_PREFIX,
    handle_or,
    type_name_in,
    value_labelled,
)
from snakepit_bridge.values.snakepit.zero_copy import ZeroCopyRef


class TypeSerializer:
    """Encodes, decodes and checks values of a named type.

    The names are ``float``, ``integer``, ``string``, ``boolean``, ``choice``, ``module``,
    ``embedding`` and ``tensor``; a value under any other name is written as what it is.
    """

    fallback: ClassVar[Fallback] = Fallback()
    """Decides what stands for objects JSON does not know."""

    @classmethod
    def encode_any(cls, value: Any, type_name: str) -> tuple[WireValue, bytes | None]:
        """Write a value.

        Args:
            value: Data, a numpy array where the type is ``embedding`` or ``tensor``, or a handle.
            type_name: What it is to be.

        Returns:
            JSON text under a label. Of a large tensor or embedding it is the description of the
            bytes that follow it: little-endian elements, row by row. Else no bytes follow.

        Raises:
            ValueError: The value is not of this type, or cannot be written.
        """
        if isinstance(value, ZeroCopyRef):
            return cls._wire_value(value, type_name), None
        # An array as it is: in lists it would lose the type of its elements.
        raw = raw_from(value, type_name) if is_array(value) else None
        if raw is None:
            value = normalised(value, type_name)
            raw = raw_from(value, type_name)
        if raw is None:
            return cls._wire_value(value, type_name), None
        return cls._wire_value(raw.description, f"{type_name}{BINARY_SUFFIX}"), raw.data

    @classmethod
    def decode_any(cls, any_msg: WireValue, binary_data: bytes | None = None) -> Any:
        """Read a value, whatever stands before the type in its label.

        Args:
            any_msg: JSON text under a label.
            binary_data: Bytes that came beside it.

        Returns:
            The value. Bytes without a description of their form come back as they are, together
            with what was said about them if that is anything. A dict that describes a handle
            becomes a ``ZeroCopyRef``.

        Raises:
            ValueError: It cannot be read; ``JSONDecodeError`` where it is not JSON.
        """
        label = any_msg.type_url
        if binary_data and not label.endswith(BINARY_SUFFIX):
            return binary_from(binary_data, any_msg)
        try:
            value = read_text(any_msg.value)
            if binary_data is not None and label.endswith(BINARY_SUFFIX):
                return value_from_raw(value, binary_data)
            return handle_or(value_labelled(type_name_in(label), value))
        except NotThisEncodingError as error:
            shown = any_msg.value.decode(errors="replace")
            raise json.JSONDecodeError(f"{error}. {error.hint}", shown, 0) from error
        except CannotReadError as error:
            message = f"{error}. {error.hint}"
            raise ValueError(message) from error

    @classmethod
    def validate_constraints(
        cls, value: Any, type_name: str, constraints: Mapping[str, Any]
    ) -> None:
        """Check a value; see ``check_constraints``.

        Raises:
            ValueError: A constraint does not hold; names it.
        """
        check_constraints(value, type_name, constraints)

    @classmethod
    def _wire_value(cls, value: Any, type_name: str) -> WireValue:
        try:
            text = JsonWriter(cls.fallback).write(value)
        except CannotWriteError as error:
            message = f"The value cannot be written as JSON: {error}. {error.hint}"
            raise ValueError(message) from error
        return WireValue(type_url=f"{LABEL_PREFIX}{type_name}", value=text)
