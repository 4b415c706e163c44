"""What callbacks are told."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any, Generic, Optional, TypeVar

from restate_client import paths, values
from restate_client.paths import PathLike
from restate_client.wire import event_pb2

ControllerT = TypeVar("ControllerT")


class Kind(enum.StrEnum):
    """What happened at the emitting path."""

    # Written, by itself or from above.
    SET = "set"
    # Gone.
    DELETE = "delete"
    # Somebody asked for the event without writing.
    PING = "ping"
    # The value at the start of a snapshot, or after a reset.
    INITIAL = "initial"
    # Something that this version of the client does not know.
    OTHER = "other"


class Origin(enum.StrEnum):
    """Who caused a change."""

    # A client's write.
    CLIENT = "client"
    # A mount came, went, or was reset at start.
    MOUNT = "mount"
    # The session that a value was bound to is over.
    EXPIRED = "expired"
    # A file of the mount's directory was edited.
    FILE = "file"
    # A derived path, whose sources changed.
    DERIVATION = "derivation"
    # A cause that this version of the client does not know.
    OTHER = "other"


_KINDS = {
    event_pb2.EVENT_KIND_SET: Kind.SET,
    event_pb2.EVENT_KIND_DELETE: Kind.DELETE,
    event_pb2.EVENT_KIND_PING: Kind.PING,
    event_pb2.EVENT_KIND_INITIAL: Kind.INITIAL,
}
_ORIGINS = {
    event_pb2.Origin.KIND_CLIENT: Origin.CLIENT,
    event_pb2.Origin.KIND_MOUNT: Origin.MOUNT,
    event_pb2.Origin.KIND_EXPIRED: Origin.EXPIRED,
    event_pb2.Origin.KIND_FILE: Origin.FILE,
    event_pb2.Origin.KIND_DERIVATION: Origin.DERIVATION,
}


class StateEvent(Generic[ControllerT]):
    """One change, as one callback is told of it.

    With a ControllerAsync, get_state and set_state are to be awaited.

    Attributes:
      controller: whose callback this is.
      kind: SET, DELETE, PING or INITIAL.
      origin: who caused it; None for INITIAL.
      emitting_path: the path that changed.
      current_path: where it is being delivered: the emitting path or above.
      pattern: the pattern of the subscription.
      revision: the commit; all its events carry the same.
      index: which operation of the commit.
      coalesced: how many earlier events this one stands for.
      prev_exists, new_exists: whether there was, and is, anything at the
        emitting path; they tell None there from nothing there. (They are false
        for values that were not subscribed to.)
      prev_omitted, new_omitted: the value exists and was left out: too large.
      resume_token: where to subscribe to get exactly what comes after this
        event; None inside a batch, whose last event has it.
    """

    def __init__(
        self,
        wire: event_pb2.Event,
        controller: ControllerT,
        resume_token: Optional[str] = None,
    ) -> None:
        self._wire = wire
        self._stopped = False
        self.controller = controller
        self.resume_token = resume_token
        self.kind = _KINDS.get(wire.kind, Kind.OTHER)
        self.origin = (
            _ORIGINS.get(wire.origin.kind, Origin.OTHER)
            if wire.HasField("origin")
            else None
        )
        self.emitting_path = paths.from_wire(wire.emitting_path)
        self.current_path = paths.from_wire(wire.current_path)
        self.pattern = wire.pattern.text
        self.revision = wire.revision
        self.index = wire.index
        self.coalesced = wire.coalesced
        self.prev_omitted = wire.prev_omitted
        self.new_omitted = wire.new_omitted
        self.prev_exists = wire.HasField("prev_value") or wire.prev_omitted
        self.new_exists = wire.HasField("new_value") or wire.new_omitted

    @cached_property
    def prev_value(self) -> Any:
        """What the emitting path read as before; None where nothing was."""
        return values.or_default(values.from_wire(self._wire.prev_value), None)

    @property
    def old_value(self) -> Any:
        """The same as prev_value."""
        return self.prev_value

    @cached_property
    def new_value(self) -> Any:
        """What the emitting path reads as after; None where nothing is."""
        return values.or_default(values.from_wire(self._wire.new_value), None)

    @cached_property
    def payload(self) -> Any:
        """What the writer attached; None if nothing."""
        return values.or_default(values.from_wire(self._wire.payload), None)

    @property
    def commit_time(self) -> Optional[datetime]:
        """When the commit was sequenced, by the server's clock, in UTC."""
        if not self._wire.HasField("commit_time"):
            return None
        return self._wire.commit_time.ToDatetime(timezone.utc)

    @property
    def ack_token(self) -> str:
        """Set for an intercepting subscription; the controller answers it."""
        return self._wire.ack_token

    @property
    def stopped(self) -> bool:
        """Whether stop_bubbling was called."""
        return self._stopped

    def stop_bubbling(self) -> None:
        """Keeps the operation from this process's callbacks further up.

        From everybody's, if the subscription is intercepting. Counts once the
        callback has returned.
        """
        self._stopped = True

    def get_state(
        self, path: PathLike, default: Any = None, **options: Any
    ) -> Any:
        """As the controller's."""
        controller: Any = self.controller
        return controller.get_state(path, default, **options)

    def set_state(
        self, path: PathLike, value: Any, *args: Any, **options: Any
    ) -> Any:
        """As the controller's. Its callbacks run after the present one."""
        controller: Any = self.controller
        return controller.set_state(path, value, *args, **options)

    def __repr__(self) -> str:
        return (
            f"StateEvent({self.kind} {self.emitting_path} "
            f"at {self.current_path}, revision {self.revision}.{self.index})"
        )


@dataclass(frozen=True)
class Gap:
    """Events that were not delivered."""

    pattern: str
    # Everything up to this revision was delivered before.
    after_revision: int
    # What is missing is of this revision or an earlier one.
    through_revision: int
    # How many are missing; 0 if that is not known.
    events: int
    # Of a reset: all that is missing is strictly below it. None: anywhere.
    path: Optional[PurePosixPath] = None


@dataclass(frozen=True)
class Reset:
    """What a subscriber knows no longer holds below a path.

    One INITIAL event follows for each match that is there, then ResetDone. What
    has not come by then is gone.
    """

    pattern: str
    # Forget every match strictly below it.
    path: PurePosixPath
    # What is missing, if that is known.
    gap: Optional[Gap] = None
    # What the INITIAL events show; 0 if it is not known yet.
    revision: int = 0
    # What was known is of another epoch: revisions begin anew.
    epoch_changed: bool = False


@dataclass(frozen=True)
class ResetDone:
    """The INITIAL events of a reset have all been told."""

    pattern: str
    # That of the reset.
    path: PurePosixPath
