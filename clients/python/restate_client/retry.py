"""When to try again, and after how long.

Reads, and calls that have the same effect twice, are tried again whenever the
server was UNAVAILABLE. A write only if the server itself refused it before it
was given a place in the order (SHUTTING_DOWN, MOUNT_UNAVAILABLE): after
OUTCOME_UNKNOWN, or a connection lost on the way, it may have happened, and the
caller has to read and decide.
"""

from __future__ import annotations

import random

import grpc

from restate_client.errors import RestateError

_FIRST_SECONDS = 0.05
_LONGEST_SECONDS = 2.0
_AWAY = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
)
_REFUSED = ("SHUTTING_DOWN", "MOUNT_UNAVAILABLE")


def pause(attempt: int) -> float:
    """Returns the seconds to wait after failure number `attempt`, from 0."""
    longest = min(_LONGEST_SECONDS, _FIRST_SECONDS * 2 ** min(attempt, 10))
    return longest * random.uniform(0.5, 1.0)


def may_repeat(error: RestateError) -> bool:
    """Whether to try a call again that has the same effect twice."""
    return error.code == grpc.StatusCode.UNAVAILABLE


def may_repeat_write(error: RestateError) -> bool:
    """Whether to try a write again."""
    return may_repeat(error) and error.reason in _REFUSED


def never(error: RestateError) -> bool:
    """Of calls that the caller repeats, who has to look first."""
    return False


def is_passing(error: RestateError) -> bool:
    """Whether a session's call failed because the session was away."""
    return error.code in _AWAY or error.reason == "SESSION_LOST"


def was_overtaken(error: RestateError) -> bool:
    """Whether a compared write failed because somebody else wrote in between.

    Then reading and comparing again makes sense; so it does in a new epoch.
    """
    return (
        error.code == grpc.StatusCode.ABORTED or error.reason == "EPOCH_CHANGED"
    )
