"""Values between Python and the wire, without loss.

None, bool, int (of 64 bits), float, str, bytes, lists and dicts with text keys
go there and come back as they are; tuples come back as lists. A dict is a
subtree: its keys are names of segments, and "/" holds a node's own value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from restate_client.wire import value_pb2


class _Absent:
    """The type of ABSENT."""

    def __repr__(self) -> str:
        return "ABSENT"

    def __bool__(self) -> bool:
        return False


# Nothing is there, which is not the same as None being there. Pass it as a
# default to tell the two apart.
ABSENT = _Absent()


def to_wire(value: Any) -> value_pb2.Value:
    """Returns the message for a value.

    Raises:
      OverflowError: an int does not fit into 64 bits.
      TypeError: a value, or a key of a dict, is of some other type.
    """
    if value is None:
        return value_pb2.Value(null_value="NULL_VALUE")
    if isinstance(value, bool):
        return value_pb2.Value(bool_value=value)
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise OverflowError(f"{value} does not fit into 64 bits")
        return value_pb2.Value(int_value=value)
    if isinstance(value, float):
        return value_pb2.Value(double_value=value)
    if isinstance(value, str):
        return value_pb2.Value(string_value=value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return value_pb2.Value(bytes_value=bytes(value))
    if isinstance(value, (list, tuple)):
        items = [to_wire(item) for item in value]
        return value_pb2.Value(list_value=value_pb2.ListValue(values=items))
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"the keys of a dict must be text, not {key!r}")
        fields = {key: to_wire(item) for key, item in value.items()}
        return value_pb2.Value(map_value=value_pb2.MapValue(fields=fields))
    raise TypeError(f"{type(value).__name__} is no kind of value")


def from_wire(value: value_pb2.Value) -> Any:
    """Returns the value in a message, or ABSENT if there is none."""
    kind = value.WhichOneof("kind")
    if kind is None:
        return ABSENT
    if kind == "null_value":
        return None
    if kind == "list_value":
        return [from_wire(item) for item in value.list_value.values]
    if kind == "map_value":
        # A protobuf map has no order; the tree's is by name.
        fields = value.map_value.fields
        return {key: from_wire(fields[key]) for key in sorted(fields)}
    if kind == "json":
        raise ValueError(
            "the server answered in JSON although TYPED was asked for"
        )
    return getattr(value, kind)


def or_default(value: Any, default: Any) -> Any:
    """Returns the value, or the default in place of ABSENT."""
    return default if value is ABSENT else value
