"""Tracked runs in tasks."""

from __future__ import annotations

import inspect
from typing import Any

from restate_client import tracking
from restate_client.async_calls import AsyncCalls
from restate_client.errors import RestateError
from restate_client.tracking import TrackedEvent, Tracker
from restate_client.wire import derivation_service_pb2 as pb
from restate_client.wire.derivation_service_pb2_grpc import (
    DerivationServiceStub,
)


class AsyncTracking:
    """Runs tracked callbacks."""

    def __init__(
        self, stub: DerivationServiceStub, calls: AsyncCalls, controller: Any
    ) -> None:
        self._stub = stub
        self._calls = calls
        self._controller = controller

    async def run(self, session_id: str, tracker: Tracker) -> None:
        """Runs the callback once, and raises what it raises."""
        try:
            begun = await self._calls.call(
                self._stub.BeginRun, tracking.begin_run(session_id, tracker)
            )
        except RestateError as error:
            tracking.not_begun(tracker, error)
            return
        try:
            result = tracker.callback(
                TrackedEvent(self._controller, tracker.payload, begun.run_id)
            )
            if inspect.isawaitable(result):
                await result
        finally:
            try:
                await self._calls.call(
                    self._stub.EndRun, pb.EndRunRequest(run_id=begun.run_id)
                )
            except RestateError as error:
                tracking.not_ended(tracker, error)

    async def stop(self, session_id: str, tracker: Tracker) -> None:
        """The server asks for no more runs."""
        await self._calls.call(
            self._stub.StopTracker,
            pb.StopTrackerRequest(
                session_id=session_id,
                tracker_id=tracker.tracker_id,
                ignore_missing=True,
            ),
        )
