"""What calls answer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Union

from restate_client import paths, values
from restate_client.wire import derivation_service_pb2
from restate_client.wire import state_service_pb2 as pb


@dataclass(frozen=True)
class WriteResult:
    """What a write, a deletion or a ping did."""

    # Whether anything was written or deleted; a ping always counts.
    changed: bool
    # The commit; if nothing changed, the revision it was judged at.
    revision: int
    # The sequence that the revision belongs to.
    epoch: str
    # IF_ABSENT: the value that is there now. ADD, APPEND: the new value.
    # Otherwise None.
    value: Any = None
    # Where the last of what hosts derive from it was computed; 0 if nothing is.
    derived_revision: int = 0
    # What hosts derive from it and is not computed: no host, an error, 5 s.
    pending: tuple[PurePosixPath, ...] = ()


@dataclass(frozen=True)
class OperationResult:
    """What one operation of a transaction did."""

    changed: bool
    value: Any = None


@dataclass(frozen=True)
class CommitResult:
    """What a transaction did."""

    changed: bool
    revision: int
    epoch: str
    # One for each operation.
    results: tuple[OperationResult, ...]
    # As in WriteResult.
    derived_revision: int = 0
    pending: tuple[PurePosixPath, ...] = ()


@dataclass(frozen=True)
class Snapshot:
    """Several paths at one revision."""

    # In the order of the request.
    values: tuple[Any, ...]
    revision: int
    epoch: str


@dataclass(frozen=True)
class Child:
    """One child of a node."""

    # Not escaped.
    name: str
    path: PurePosixPath
    has_value: bool
    has_children: bool


def write_result(
    response: Union[
        pb.SetStateResponse, pb.DeleteStateResponse, pb.PingResponse
    ],
) -> WriteResult:
    if isinstance(response, pb.PingResponse):
        return WriteResult(True, response.revision, response.epoch)
    if isinstance(response, pb.DeleteStateResponse):
        return WriteResult(
            response.deleted,
            response.revision,
            response.epoch,
            None,
            response.derived_revision,
            _pending(response),
        )
    value = values.or_default(values.from_wire(response.value), None)
    return WriteResult(
        response.changed,
        response.revision,
        response.epoch,
        value,
        response.derived_revision,
        _pending(response),
    )


def derive_result(
    response: derivation_service_pb2.DeriveResponse,
) -> WriteResult:
    return WriteResult(
        True,
        response.revision,
        response.epoch,
        None,
        response.derived_revision,
        _pending(response),
    )


def _pending(response: Any) -> tuple[PurePosixPath, ...]:
    return tuple(paths.from_wire(one.dest) for one in response.pending)


def unwritten(read: pb.GetStateResponse) -> WriteResult:
    """The result of a write whose eq_func found nothing to write."""
    return WriteResult(False, read.revision, read.epoch)


def commit_result(response: pb.CommitResponse) -> CommitResult:
    return CommitResult(
        response.changed,
        response.revision,
        response.epoch,
        tuple(_operation_result(result) for result in response.results),
        response.derived_revision,
        _pending(response),
    )


def _operation_result(result: pb.OperationResult) -> OperationResult:
    if result.HasField("set"):
        value = values.or_default(values.from_wire(result.set.value), None)
        return OperationResult(result.set.changed, value)
    if result.HasField("delete"):
        return OperationResult(result.delete.deleted)
    return OperationResult(True)


def snapshot(response: pb.BatchGetStateResponse, default: Any) -> Snapshot:
    return Snapshot(
        tuple(
            values.or_default(values.from_wire(result.value), default)
            for result in response.results
        ),
        response.revision,
        response.epoch,
    )


def child(message: pb.ListChildrenResponse.Child) -> Child:
    return Child(
        message.name,
        paths.from_wire(message.path),
        message.has_value,
        message.has_children,
    )
