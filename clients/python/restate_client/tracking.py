"""Callbacks that run again when what they read has changed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from restate_client.errors import RestateError
from restate_client.paths import PathLike
from restate_client.wire import derivation_service_pb2 as pb

logger = logging.getLogger("restate_client")

ControllerT = TypeVar("ControllerT")


@dataclass(eq=False)
class Tracker:
    """A tracked callback."""

    tracker_id: str
    callback: Callable[[Any], Any]
    payload: Any


class TrackedEvent(Generic[ControllerT]):
    """What a tracked callback is given: one run of it.

    What it reads by these methods makes it run again when it changes. What it
    writes by them does not make it run again. With a ControllerAsync they are
    to be awaited.

    Attributes:
      controller: whose callback this is.
      payload: what was given to `track`.
    """

    def __init__(
        self, controller: ControllerT, payload: Any, run_id: str
    ) -> None:
        self.controller = controller
        self.payload = payload
        self._run_id = run_id

    def get_state(
        self, path: PathLike, default: Any = None, **options: Any
    ) -> Any:
        """As the controller's."""
        controller: Any = self.controller
        return controller.get_state(
            path, default, run_id=self._run_id, **options
        )

    def batch_get_state(
        self, paths: Iterable[PathLike], default: Any = None, **options: Any
    ) -> Any:
        """As the controller's."""
        controller: Any = self.controller
        return controller.batch_get_state(
            paths, default, run_id=self._run_id, **options
        )

    def list_children(self, path: PathLike) -> Any:
        """As the controller's."""
        controller: Any = self.controller
        return controller.list_children(path, run_id=self._run_id)

    def set_state(
        self, path: PathLike, value: Any, *args: Any, **options: Any
    ) -> Any:
        """As the controller's. Its callbacks run after the present one."""
        controller: Any = self.controller
        return controller.set_state(
            path, value, *args, run_id=self._run_id, **options
        )

    def delete_state(
        self, path: PathLike, *args: Any, **options: Any
    ) -> Any:
        """As the controller's."""
        controller: Any = self.controller
        return controller.delete_state(
            path, *args, run_id=self._run_id, **options
        )


def begin_run(session_id: str, tracker: Tracker) -> pb.BeginRunRequest:
    return pb.BeginRunRequest(
        session_id=session_id, tracker_id=tracker.tracker_id
    )


def not_begun(tracker: Tracker, error: RestateError) -> None:
    """A session that is lost is opened again, and then all trackers run."""
    if error.reason != "SESSION_LOST":
        logger.warning("%r was not run again: %s", tracker.callback, error)


def not_ended(tracker: Tracker, error: RestateError) -> None:
    """What the run has read counts nevertheless, unless the session is lost."""
    logger.debug("the run of %r was not ended: %s", tracker.callback, error)
