"""Where the server keeps state: what is mounted at paths."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from pathlib import PurePosixPath
from typing import Optional, Union

from google.protobuf.duration_pb2 import Duration

from restate_client import paths
from restate_client.paths import PathLike
from restate_client.wire import admin_service_pb2 as pb
from restate_client.wire import mount_pb2


class Serializer(Enum):
    """How a file holds a value."""

    JSON = "json"
    YAML = "yaml"
    TEXTPROTO = "textproto"


class MountState(Enum):
    """How a mount is."""

    UP = "up"
    # It works, but something in it is not as it should be.
    DEGRADED = "degraded"
    # It cannot be reached.
    DOWN = "down"
    # Its store has refused decided writes for good.
    FAILED = "failed"


@dataclass(frozen=True)
class InMemoryBackend:
    """In the server's memory: gone when it ends."""


@dataclass(frozen=True)
class RocksDbBackend:
    """In the server's data directory."""


@dataclass(frozen=True)
class FileSystemBackend:
    """In files of the server's machine that people may edit."""

    # An absolute path; made if it is not there.
    directory: str
    serializer: Union[Serializer, str] = Serializer.JSON
    # Whether clients may not write.
    read_only: bool = False


@dataclass(frozen=True)
class RemoteBackend:
    """In a store that speaks restate.v1.BackendService."""

    # HOST:PORT.
    address: str
    # Which store of that server.
    export_path: str = "/"
    # Seconds that a call may take.
    deadline: float = 5.0


@dataclass(frozen=True)
class CachingBackend:
    """Keeps writes in the server's memory, and brings them to a backend later.

    A crash of the server loses what was not flushed.
    """

    backend: Backend
    # Seconds between two flushes, at least; and at most from an operation that
    # asks for one until it comes.
    flush_interval: float = 5.0
    # Which operations ask for a flush.
    flush_on_read: bool = False
    flush_on_write: bool = True
    flush_on_delete: bool = True


Backend = Union[
    InMemoryBackend, RocksDbBackend, FileSystemBackend, RemoteBackend
]
Backends = Union[Backend, CachingBackend]


@dataclass(frozen=True)
class MountInfo:
    """A mount, and how it is."""

    path: PurePosixPath
    backend: Backends
    # Whether the server's configuration names it.
    configured: bool
    state: MountState
    # What is wrong, naming it and what to do.
    problems: tuple[str, ...]
    # Whether what was flushed is there after a restart.
    durable: bool
    # How much it holds; None where that is not known.
    own_values: Optional[int]
    bytes: Optional[int]
    # Written since it was mounted; of these, not in the backend yet.
    writes: int
    pending_writes: int
    pending_bytes: int
    # Seconds that the oldest of those has waited; 0 if there is none.
    oldest_pending_age: float
    # Everything up to this revision is in the backend.
    applied_revision: int


def mount(path: PathLike, backend: Backends) -> pb.MountRequest:
    """Returns the request."""
    spec = mount_pb2.MountSpec(path=paths.to_wire(path))
    if isinstance(backend, CachingBackend):
        spec.cache.CopyFrom(
            mount_pb2.CachePolicy(
                flush_interval=_duration(backend.flush_interval),
                flush_on_read=backend.flush_on_read,
                flush_on_write=backend.flush_on_write,
                flush_on_delete=backend.flush_on_delete,
            )
        )
        backend = backend.backend
    if isinstance(backend, InMemoryBackend):
        spec.memory.SetInParent()
    elif isinstance(backend, RocksDbBackend):
        spec.rocksdb.SetInParent()
    elif isinstance(backend, FileSystemBackend):
        name = Serializer(backend.serializer).name
        spec.filesystem.CopyFrom(
            mount_pb2.FilesystemMount(
                directory=str(backend.directory),
                serializer=f"FILE_SERIALIZER_{name}",
                read_only=backend.read_only,
            )
        )
    elif isinstance(backend, RemoteBackend):
        spec.remote.CopyFrom(
            mount_pb2.RemoteMount(
                address=backend.address,
                export_path=paths.to_wire(backend.export_path),
                deadline=_duration(backend.deadline),
            )
        )
    else:
        raise TypeError(f"{backend!r} is not a backend")
    return pb.MountRequest(mount=spec)


def unmount(path: PathLike, discard_unapplied: bool) -> pb.UnmountRequest:
    """Returns the request."""
    return pb.UnmountRequest(
        path=paths.to_wire(path), discard_unapplied=discard_unapplied
    )


def list_mounts() -> pb.ListMountsRequest:
    """Returns the request."""
    return pb.ListMountsRequest()


def flush(path: PathLike) -> pb.FlushRequest:
    """Returns the request."""
    return pb.FlushRequest(path=paths.to_wire(path))


def info(wire: mount_pb2.MountInfo) -> MountInfo:
    """Returns what an answer says of a mount."""
    state = mount_pb2.MountState.Name(wire.state)
    return MountInfo(
        path=paths.from_wire(wire.spec.path),
        backend=_backend(wire.spec),
        configured=wire.source == mount_pb2.MOUNT_SOURCE_CONFIGURATION,
        state=MountState[state.removeprefix("MOUNT_STATE_")],
        problems=tuple(wire.problems),
        durable=wire.durable,
        own_values=wire.own_values if wire.HasField("own_values") else None,
        bytes=wire.bytes if wire.HasField("bytes") else None,
        writes=wire.writes,
        pending_writes=wire.pending_writes,
        pending_bytes=wire.pending_bytes,
        oldest_pending_age=_seconds(wire.oldest_pending_age),
        applied_revision=wire.applied_revision,
    )


def _backend(spec: mount_pb2.MountSpec) -> Backends:
    backend: Backend = InMemoryBackend()
    kind = spec.WhichOneof("backend")
    if kind == "rocksdb":
        backend = RocksDbBackend()
    elif kind == "filesystem":
        name = mount_pb2.FileSerializer.Name(spec.filesystem.serializer)
        backend = FileSystemBackend(
            spec.filesystem.directory,
            Serializer[name.removeprefix("FILE_SERIALIZER_")],
            spec.filesystem.read_only,
        )
    elif kind == "remote":
        backend = RemoteBackend(
            spec.remote.address,
            spec.remote.export_path.text,
            _seconds(spec.remote.deadline),
        )
    if not spec.HasField("cache"):
        return backend
    return replace(
        CachingBackend(backend),
        flush_interval=_seconds(spec.cache.flush_interval),
        flush_on_read=spec.cache.flush_on_read,
        flush_on_write=spec.cache.flush_on_write,
        flush_on_delete=spec.cache.flush_on_delete,
    )


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromNanoseconds(round(seconds * 1e9))
    return duration


def _seconds(duration: Duration) -> float:
    return duration.ToNanoseconds() / 1e9
