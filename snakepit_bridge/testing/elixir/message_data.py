"""Protobuf messages as plain data that people can read."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from google.protobuf.any_pb2 import Any as WireValue
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

if TYPE_CHECKING:
    from google.protobuf.descriptor import FieldDescriptor


def as_data(message: Message) -> dict[str, Any]:
    """The fields that are set, by their names.

    A ``google.protobuf.Any`` is shown as label and text, because on this wire it is never a packed
    message; bytes are text where they are UTF-8, else base64; a timestamp is its ISO text.
    """
    return {field.name: _field(field, value) for field, value in message.ListFields()}


def _field(field: FieldDescriptor, value: Any) -> Any:
    of_values = field.message_type
    if of_values is not None and of_values.GetOptions().map_entry:
        return {str(key): _plain(value[key]) for key in sorted(value)}
    if field.is_repeated:
        return [_plain(each) for each in value]
    return _plain(value)


def _plain(value: Any) -> Any:
    match value:
        case Timestamp():
            return value.ToJsonString()
        case WireValue():
            return {"type_url": value.type_url, "value": _plain(value.value)}
        case Message():
            return as_data(value)
        case bytes():
            return _text(value)
        case _:
            return value


def _text(data: bytes) -> str | dict[str, str]:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}
