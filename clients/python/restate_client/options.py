"""The choices that calls offer. Their texts ("merge") do as well."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypedDict, Union

from restate_client.wire import state_service_pb2


class Mode(enum.StrEnum):
    """How a write treats what is there."""

    # The path reads exactly as written.
    SET = "set"
    # Only the own value; children stay.
    VALUE = "value"
    # What the value does not name stays; None deletes.
    MERGE = "merge"
    # Only where nothing is.
    IF_ABSENT = "if_absent"
    # A number to the number there.
    ADD = "add"
    # A list to the list there, or a text to the text.
    APPEND = "append"


class View(enum.StrEnum):
    """Which part of a node a read shows."""

    ALL = "all"
    WITHOUT_DERIVED = "without_derived"
    OWN_VALUE = "own_value"


class Overflow(enum.StrEnum):
    """What happens when this program is too slow for its events."""

    # It is given all of them, from the server's history.
    HISTORY = "history"
    # It is given the latest of each path, and on_gap hears of the others.
    COALESCE = "coalesce"
    # The subscription ends, and on_end hears of it.
    END = "end"


class Scope(enum.StrEnum):
    """Whether changes below the path count."""

    SUBTREE = "subtree"
    EXACT = "exact"


class EventValues(enum.StrEnum):
    """Which values events carry."""

    BOTH = "both"
    NEW = "new"
    NONE = "none"


class WriteOptions(TypedDict, total=False):
    """What every write can be told besides."""

    # All must hold, or nothing is written and RestateError (ABORTED) is raised.
    preconditions: Iterable[state_service_pb2.Precondition]
    # If set, must be the server's epoch, or nothing is written (OUT_OF_RANGE).
    epoch: str
    # Answer before the write is on disk: it may be lost in a crash.
    relaxed: bool
    # The tracked run that writes: TrackedEvent gives it by itself.
    run_id: str
    # Return only when what hosts derive from it is computed. Default: yes.
    wait_derived: bool


class DeriveOptions(TypedDict, total=False):
    """What a derivation can be told besides."""

    # Call the function also while a source is absent; it gets None for that.
    call_when_absent: bool
    # "absent", "keep_last" or "fail_write": what becomes of the destination
    # when the function raises something.
    on_error: str
    # Delete what clients have written at the destination.
    overwrite: bool
    # Tells functions apart: the same name from several processes is the same
    # function, and one of them computes it. Default: the function's own.
    name: str


class SetOptions(WriteOptions, total=False):
    """What a write of a value can be told besides."""

    mode: Union[Mode, str]
    # Write and tell even if the value is what is there.
    always_write: bool
    # Only these fields count for whether the value is what is there.
    equal_fields: Sequence[str]
    # Lua of `old` and `new`: whether they count as equal. On the server.
    equal_lua: str
    # Stands for an absent previous value, in comparison and event.
    default_value: Any
    # Nobody is told.
    skip_notify: bool


class SubscribeOptions(TypedDict, total=False):
    """What a subscription can be told.

    The hooks are called like callbacks, one at a time and in order. Without
    them what they would hear is logged.
    """

    # "now"; "snapshot": the present state as events of kind INITIAL first; an
    # int: after that revision; any other text: after that resume token.
    start: Union[str, int]
    # Others who listen further up wait for this callback, for 5 s at most, and
    # its stop_bubbling() counts for them too.
    intercepting: bool
    overflow: Union[Overflow, str]
    # Seconds: at most one event for each path within them, the latest.
    min_interval: float
    scope: Union[Scope, str]
    # Only events of these kinds.
    kinds: Iterable[str]
    values: Union[EventValues, str]
    # Values of more bytes than this are left out. Default, at most: 1 MiB.
    max_value_bytes: int
    # With a token or revision that is no longer kept: reset, not fail.
    reset_on_loss: bool
    # Called with a Reset: what is known below a path no longer holds; INITIAL
    # events follow, one for each match that is there.
    on_reset: Callable[[Any], Any]
    # Called with a ResetDone: those were all.
    on_reset_done: Callable[[Any], Any]
    # Called with a Gap: events are missing.
    on_gap: Callable[[Any], Any]
    # Called with the RestateError by which the server ended the subscription.
    on_end: Callable[[Any], Any]
