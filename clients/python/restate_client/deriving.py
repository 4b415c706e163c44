"""Paths that are derived from others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Optional

from restate_client import paths, values
from restate_client.errors import RestateError
from restate_client.paths import PathLike
from restate_client.values import ABSENT
from restate_client.wire import derivation_service_pb2 as pb
from restate_client.wire import event_service_pb2, state_service_pb2
from restate_client.wire.rpc import status_pb2

logger = logging.getLogger("restate_client")

_UNKNOWN = 2  # The canonical code of an error of which no more is known.


class DeriveData:
    """What a transform of several sources is given: their values."""

    def __init__(self, by_path: dict[PurePosixPath, Any]) -> None:
        self._by_path = by_path

    def get(self, path: PathLike, default: Any = None) -> Any:
        """Returns a source's value, or the default if it is absent.

        Raises KeyError if it is no source.
        """
        value = self._by_path[_normal(path)]
        return values.or_default(value, default)

    def __getitem__(self, path: PathLike) -> Any:
        """The same, but absence raises KeyError, too."""
        value = self._by_path[_normal(path)]
        if value is ABSENT:
            raise KeyError(path)
        return value


@dataclass(frozen=True)
class DerivationInfo:
    """How a derivation is doing."""

    dest: PurePosixPath
    sources: tuple[PurePosixPath, ...]
    # "lua", "aggregate" or "hosted".
    kind: str
    # "ok", "error", "stale" or "over_budget".
    status: str
    # Why it is "error", or "over_budget".
    message: str
    # What it depends on: its sources, or what it read when it last ran.
    reads: tuple[PurePosixPath, ...]
    # The destinations that it is computed from.
    upstream: tuple[PurePosixPath, ...]
    # How often it was computed since the server started, and last in which
    # commit.
    runs: int
    last_revision: int
    # Hosted: the revision of the sources that it was computed from, and the
    # sessions that host it.
    source_revision: int
    hosts: tuple[str, ...]
    # Who defined it: that client's address.
    definer: str = ""


@dataclass
class Derivation:
    """A transform that this process hosts."""

    # All but the session.
    request: pb.DeriveRequest
    # Called with the call.
    transform: Callable[[event_service_pb2.TransformCall], Any]

    @property
    def dest(self) -> str:
        return self.request.dest.text

    def host_request(self, session_id: str, wait: bool) -> pb.DeriveRequest:
        request = pb.DeriveRequest()
        request.CopyFrom(self.request)
        request.hosted.session_id = session_id
        request.wait = (
            state_service_pb2.WAIT_DERIVED
            if wait
            else state_service_pb2.WAIT_NONE
        )
        return request


def derive_one(
    dest: PathLike,
    source: PathLike,
    transform: Callable[[Any], Any],
    payload: Any,
    **options: Any,
) -> Derivation:
    """Returns a derivation from one source."""

    def call(wire: event_service_pb2.TransformCall) -> Any:
        value = values.from_wire(wire.sources[0].value)
        return transform(values.or_default(value, None))

    return _hosted(dest, [source], call, transform, payload, **options)


def derive_many(
    dest: PathLike,
    sources: Iterable[PathLike],
    transform: Callable[[DeriveData], Any],
    payload: Any,
    **options: Any,
) -> Derivation:
    """Returns a derivation from several sources."""

    def call(wire: event_service_pb2.TransformCall) -> Any:
        return transform(
            DeriveData(
                {
                    paths.from_wire(source.path): values.from_wire(source.value)
                    for source in wire.sources
                }
            )
        )

    return _hosted(dest, sources, call, transform, payload, **options)


def derive_lua(
    dest: PathLike,
    sources: Iterable[PathLike],
    parameters: Iterable[str],
    source: str,
    payload: Any = None,
    **options: Any,
) -> pb.DeriveRequest:
    """Returns a request for a function in Lua."""
    request = _request(dest, sources, payload, **options)
    request.lua.parameters.extend(parameters)
    request.lua.source = source
    return request


def derive_aggregate(
    dest: PathLike,
    source: PathLike,
    combine: str,
    each: str = "",
    group_by: str = "",
    payload: Any = None,
    **options: Any,
) -> pb.DeriveRequest:
    """Returns a request for an aggregate."""
    request = _request(dest, [source], payload, **options)
    request.aggregate.combine = pb.Combine.Value(f"COMBINE_{combine.upper()}")
    request.aggregate.each = each
    request.aggregate.group_by = group_by
    return request


def answer(call_id: str, result: Any) -> pb.CompleteTransformRequest:
    """Returns the answer to a call that gave a result."""
    request = pb.CompleteTransformRequest(call_id=call_id)
    if result is not ABSENT:
        request.value.CopyFrom(values.to_wire(result))
    return request


def failure(call_id: str, error: BaseException) -> pb.CompleteTransformRequest:
    """Returns the answer to a call that failed."""
    return pb.CompleteTransformRequest(
        call_id=call_id,
        error=status_pb2.Status(
            code=_UNKNOWN, message=f"{type(error).__name__}: {error}"
        ),
    )


def not_answered(error: RestateError) -> None:
    """The server asks again, or somebody else."""
    if error.reason != "CALL_NOT_FOUND":
        logger.warning("the result of a transform was not taken: %s", error)


def not_hosted(derivation: Derivation, error: RestateError) -> None:
    logger.error(
        "%s is not derived by this process any more: %s",
        derivation.dest,
        error,
    )


def unknown(call: event_service_pb2.TransformCall) -> LookupError:
    return LookupError(f"this process does not derive {call.dest.text}")


def info(message: pb.DerivationInfo) -> DerivationInfo:
    definition = message.definition
    status = pb.DerivationStatus.Name(message.status)
    return DerivationInfo(
        dest=paths.from_wire(definition.dest),
        sources=tuple(map(paths.from_wire, definition.sources)),
        kind=definition.WhichOneof("transform") or "",
        status=status.removeprefix("DERIVATION_STATUS_").lower(),
        message=message.message,
        reads=tuple(map(paths.from_wire, message.reads)),
        upstream=tuple(map(paths.from_wire, message.upstream)),
        runs=message.runs,
        last_revision=message.last_revision,
        source_revision=message.source_revision,
        hosts=tuple(message.hosts),
        definer=message.definer,
    )


def _hosted(
    dest: PathLike,
    sources: Iterable[PathLike],
    call: Callable[[event_service_pb2.TransformCall], Any],
    transform: Callable[..., Any],
    payload: Any,
    name: Optional[str] = None,
    **options: Any,
) -> Derivation:
    request = _request(dest, sources, payload, **options)
    module = getattr(transform, "__module__", "")
    function = getattr(transform, "__qualname__", type(transform).__name__)
    request.hosted.name = name or f"{module}.{function}"
    return Derivation(request, call)


def _request(
    dest: PathLike,
    sources: Iterable[PathLike],
    payload: Any,
    call_when_absent: bool = False,
    on_error: str = "absent",
    overwrite: bool = False,
) -> pb.DeriveRequest:
    request = pb.DeriveRequest(
        dest=paths.to_wire(dest),
        sources=[paths.to_wire(source) for source in sources],
        call_when_absent=call_when_absent,
        on_error=f"ON_ERROR_{on_error.upper()}",
        overwrite=overwrite,
    )
    if payload is not None:
        request.payload.CopyFrom(values.to_wire(payload))
    return request


def _normal(path: PathLike) -> PurePosixPath:
    return PurePosixPath(paths.to_text(path))
