"""Answers to intercepted events, in an event loop."""

from __future__ import annotations

import asyncio
from typing import Optional

import grpc

from restate_client.acknowledging import MOST_AT_ONCE
from restate_client.wire import event_service_pb2 as pb
from restate_client.wire.event_service_pb2_grpc import EventServiceStub


class AsyncAcknowledging:
    """Sends answers without waiting, one call at a time; see Acknowledging."""

    def __init__(self, stub: EventServiceStub, timeout: float) -> None:
        self._stub = stub
        self._timeout = timeout
        self._pending: list[pb.Acknowledgement] = []
        self._task: Optional[asyncio.Task[None]] = None

    def add(self, acknowledgement: pb.Acknowledgement) -> None:
        """Sends an answer, now or with the next call."""
        self._pending.append(acknowledgement)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._send())

    async def _send(self) -> None:
        while self._pending:
            now = self._pending[:MOST_AT_ONCE]
            del self._pending[:MOST_AT_ONCE]
            try:
                await self._stub.Acknowledge(
                    pb.AcknowledgeRequest(acknowledgements=now),
                    timeout=self._timeout,
                )
            except grpc.RpcError:
                # The server lets the events go on by itself.
                pass
