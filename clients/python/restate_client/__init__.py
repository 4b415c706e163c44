"""A client of restate: a reactive state tree that programs share.

    from restate_client import ControllerSync

    with ControllerSync("localhost:7420") as controller:
        controller.subscribe("/users", lambda event: print(event.new_value))
        controller.set_state("/users/1", {"name": "Alice"})

See README.md.
"""

from restate_client.async_controller import ControllerAsync
from restate_client.deriving import DerivationInfo, DeriveData
from restate_client.errors import RestateError
from restate_client.events import (
    Gap,
    Kind,
    Origin,
    Reset,
    ResetDone,
    StateEvent,
)
from restate_client.mounts import (
    CachingBackend,
    FileSystemBackend,
    InMemoryBackend,
    MountInfo,
    MountState,
    RemoteBackend,
    RocksDbBackend,
    Serializer,
)
from restate_client.options import EventValues, Mode, Overflow, Scope, View
from restate_client.paths import ROOT_PATH, escape, unescape
from restate_client.requests import (
    delete_operation,
    equals,
    exists,
    ping_operation,
    set_operation,
    unchanged_since,
)
from restate_client.results import (
    Child,
    CommitResult,
    OperationResult,
    Snapshot,
    WriteResult,
)
from restate_client.sync_controller import ControllerSync
from restate_client.tracking import TrackedEvent
from restate_client.values import ABSENT

__all__ = [
    "ABSENT",
    "CachingBackend",
    "Child",
    "CommitResult",
    "ControllerAsync",
    "ControllerSync",
    "DerivationInfo",
    "DeriveData",
    "EventValues",
    "FileSystemBackend",
    "Gap",
    "InMemoryBackend",
    "Kind",
    "Mode",
    "MountInfo",
    "MountState",
    "OperationResult",
    "Origin",
    "Overflow",
    "ROOT_PATH",
    "RemoteBackend",
    "Reset",
    "ResetDone",
    "RestateError",
    "RocksDbBackend",
    "Scope",
    "Serializer",
    "Snapshot",
    "StateEvent",
    "TrackedEvent",
    "View",
    "WriteResult",
    "delete_operation",
    "equals",
    "escape",
    "exists",
    "ping_operation",
    "set_operation",
    "unchanged_since",
    "unescape",
]
