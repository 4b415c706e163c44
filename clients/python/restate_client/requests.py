"""Requests of the state service, and what makes transactions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Optional, Union

from restate_client import paths, values
from restate_client.options import Mode, View
from restate_client.paths import PathLike
from restate_client.values import ABSENT
from restate_client.wire import state_service_pb2 as pb
from restate_client.wire.value_pb2 import VALUE_ENCODING_TYPED, Value

Operation = pb.Operation
Precondition = pb.Precondition


def set_operation(
    path: PathLike, value: Any, payload: Any = None, **options: Any
) -> Operation:
    """Returns a write, for `commit`; options as of set_state."""
    return Operation(
        set=pb.SetOperation(**_set_fields(path, value, payload, **options))
    )


def delete_operation(
    path: PathLike, payload: Any = None, skip_notify: bool = False
) -> Operation:
    """Returns a deletion, for `commit`."""
    return Operation(
        delete=pb.DeleteOperation(
            path=paths.to_wire(path),
            payload=_optional(payload),
            skip_notify=skip_notify,
        )
    )


def ping_operation(path: PathLike, payload: Any = None) -> Operation:
    """Returns a ping, for `commit`."""
    return Operation(
        ping=pb.PingOperation(
            path=paths.to_wire(path), payload=_optional(payload)
        )
    )


def unchanged_since(
    path: PathLike, revision: int, view: Union[View, str] = View.ALL
) -> Precondition:
    """Requires that no commit after `revision` changed what the path shows."""
    return Precondition(
        unchanged_since=Precondition.UnchangedSince(
            path=paths.to_wire(path), revision=revision, view=_view(view)
        )
    )


def exists(path: PathLike, expected: bool = True) -> Precondition:
    """Requires that the path is there, or is not."""
    return Precondition(
        exists=Precondition.Exists(path=paths.to_wire(path), exists=expected)
    )


def equals(path: PathLike, value: Any) -> Precondition:
    """Requires that the path reads as the value."""
    return Precondition(
        equals=Precondition.Equals(
            path=paths.to_wire(path), value=values.to_wire(value)
        )
    )


def get_state(
    path: PathLike,
    view: Union[View, str] = View.ALL,
    depth: int = 0,
    min_revision: int = 0,
    run_id: str = "",
) -> pb.GetStateRequest:
    return pb.GetStateRequest(
        path=paths.to_wire(path),
        encoding=VALUE_ENCODING_TYPED,
        view=_view(view),
        depth=depth,
        min_revision=min_revision,
        run_id=run_id,
    )


def batch_get_state(
    wanted: Iterable[PathLike],
    view: Union[View, str] = View.ALL,
    run_id: str = "",
) -> pb.BatchGetStateRequest:
    return pb.BatchGetStateRequest(
        paths=[paths.to_wire(path) for path in wanted],
        encoding=VALUE_ENCODING_TYPED,
        view=_view(view),
        run_id=run_id,
    )


def list_children(
    path: PathLike, page_token: str, run_id: str = ""
) -> pb.ListChildrenRequest:
    return pb.ListChildrenRequest(
        path=paths.to_wire(path), page_token=page_token, run_id=run_id
    )


def set_state(
    path: PathLike,
    value: Any,
    payload: Any = None,
    session_id: str = "",
    preconditions: Iterable[Precondition] = (),
    epoch: str = "",
    relaxed: bool = False,
    run_id: str = "",
    wait_derived: bool = True,
    **options: Any,
) -> pb.SetStateRequest:
    return pb.SetStateRequest(
        **_set_fields(path, value, payload, **options),
        **_write_fields(
            preconditions, epoch, relaxed, run_id, wait_derived
        ),
        encoding=VALUE_ENCODING_TYPED,
        session_id=session_id,
    )


def read_to_compare(request: pb.SetStateRequest) -> pb.GetStateRequest:
    """Returns the read that comes before `compare_and_set`.

    Raises ValueError if the write has preconditions, or is no plain SET: a
    comparison says nothing about those.
    """
    if request.preconditions or request.mode != pb.WRITE_MODE_SET:
        raise ValueError("eq_func goes with plain writes without preconditions")
    return pb.GetStateRequest(
        path=request.path,
        encoding=VALUE_ENCODING_TYPED,
        view=pb.VIEW_WITHOUT_DERIVED,
    )


def compare_and_set(
    request: pb.SetStateRequest, read: pb.GetStateResponse
) -> pb.SetStateRequest:
    """Returns a write that happens only if nothing changed since the read.

    The caller has compared, so the server does not.
    """
    result = pb.SetStateRequest()
    result.CopyFrom(request)
    result.equality.mode = pb.EQUALITY_MODE_ALWAYS_WRITE
    result.epoch = read.epoch
    result.preconditions.append(
        Precondition(
            unchanged_since=Precondition.UnchangedSince(
                path=request.path,
                revision=read.revision,
                view=pb.VIEW_WITHOUT_DERIVED,
            )
        )
    )
    return result


def delete_state(
    path: PathLike,
    payload: Any = None,
    skip_notify: bool = False,
    preconditions: Iterable[Precondition] = (),
    epoch: str = "",
    relaxed: bool = False,
    run_id: str = "",
    wait_derived: bool = True,
) -> pb.DeleteStateRequest:
    return pb.DeleteStateRequest(
        path=paths.to_wire(path),
        payload=_optional(payload),
        skip_notify=skip_notify,
        **_write_fields(
            preconditions, epoch, relaxed, run_id, wait_derived
        ),
    )


def ping(
    path: PathLike,
    payload: Any = None,
    preconditions: Iterable[Precondition] = (),
    epoch: str = "",
    relaxed: bool = False,
    run_id: str = "",
    wait_derived: bool = True,
) -> pb.PingRequest:
    return pb.PingRequest(
        path=paths.to_wire(path),
        payload=_optional(payload),
        **_write_fields(
            preconditions, epoch, relaxed, run_id, wait_derived
        ),
    )


def commit(
    operations: Iterable[Operation],
    preconditions: Iterable[Precondition] = (),
    epoch: str = "",
    relaxed: bool = False,
) -> pb.CommitRequest:
    return pb.CommitRequest(
        operations=operations,
        encoding=VALUE_ENCODING_TYPED,
        **_write_fields(preconditions, epoch, relaxed),
    )


def _set_fields(
    path: PathLike,
    value: Any,
    payload: Any,
    mode: Union[Mode, str] = Mode.SET,
    always_write: bool = False,
    equal_fields: Sequence[str] = (),
    equal_lua: str = "",
    default_value: Any = ABSENT,
    skip_notify: bool = False,
) -> dict[str, Any]:
    """The fields that SetStateRequest and SetOperation have in common."""
    equality = None
    if equal_fields:
        equality = pb.Equality(fields=pb.FieldEquality(paths=equal_fields))
    elif equal_lua:
        equality = pb.Equality(lua=pb.LuaEquality(source=equal_lua))
    elif always_write:
        equality = pb.Equality(mode=pb.EQUALITY_MODE_ALWAYS_WRITE)
    return {
        "path": paths.to_wire(path),
        "value": values.to_wire(value),
        "mode": f"WRITE_MODE_{Mode(mode).name}",
        "equality": equality,
        "default_value": (
            None if default_value is ABSENT else values.to_wire(default_value)
        ),
        "payload": _optional(payload),
        "skip_notify": skip_notify,
    }


def _write_fields(
    preconditions: Iterable[Precondition],
    epoch: str,
    relaxed: bool,
    run_id: str = "",
    wait_derived: bool = True,
) -> dict[str, Any]:
    """The fields that all writes have in common."""
    return {
        "preconditions": preconditions,
        "epoch": epoch,
        "run_id": run_id,
        "wait": pb.WAIT_DERIVED if wait_derived else pb.WAIT_NONE,
        "durability": (
            pb.DURABILITY_RELAXED if relaxed else pb.DURABILITY_DURABLE
        ),
    }


def _optional(payload: Any) -> Optional[Value]:
    return None if payload is None else values.to_wire(payload)


def _view(view: Union[View, str]) -> str:
    return f"VIEW_{View(view).name}"
