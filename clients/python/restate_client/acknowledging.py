"""Answers to intercepted events."""

from __future__ import annotations

import threading
from typing import Any

from restate_client.wire import event_service_pb2 as pb
from restate_client.wire.event_service_pb2_grpc import EventServiceStub

# The most that one call takes.
MOST_AT_ONCE = 10_000


class Acknowledging:
    """Sends answers without waiting, one call at a time.

    What comes up during a call goes with the next. A call that fails is not
    made again: the server lets the events go on by itself. Thread-safe.
    """

    def __init__(self, stub: EventServiceStub, timeout: float) -> None:
        self._stub = stub
        self._timeout = timeout
        self._mutex = threading.Lock()
        self._pending: list[pb.Acknowledgement] = []
        self._sending = False

    def add(self, acknowledgement: pb.Acknowledgement) -> None:
        """Sends an answer, now or with the next call."""
        with self._mutex:
            self._pending.append(acknowledgement)
            if self._sending:
                return
            self._sending = True
        self._send()

    def _send(self, _: Any = None) -> None:
        with self._mutex:
            now, later = (
                self._pending[:MOST_AT_ONCE],
                self._pending[MOST_AT_ONCE:],
            )
            self._pending = later
            if not now:
                self._sending = False
                return
        try:
            call = self._stub.Acknowledge.future(
                pb.AcknowledgeRequest(acknowledgements=now),
                timeout=self._timeout,
            )
        except ValueError:
            # The channel is closed.
            return
        # Called in a thread of grpc's.
        call.add_done_callback(self._send)
