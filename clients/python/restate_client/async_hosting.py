"""Hosted transforms in tasks."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

from restate_client import deriving
from restate_client.async_calls import AsyncCalls
from restate_client.deriving import Derivation
from restate_client.errors import RestateError
from restate_client.wire import event_service_pb2
from restate_client.wire.derivation_service_pb2_grpc import (
    DerivationServiceStub,
)


class AsyncHosting:
    """Computes what is derived by this process, in tasks of its own.

    They do not wait for callbacks, so a callback may wait for them.
    """

    def __init__(self, stub: DerivationServiceStub, calls: AsyncCalls) -> None:
        self._stub = stub
        self._calls = calls
        # By destination.
        self._derivations: dict[str, Derivation] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def derive(self, session_id: str, derivation: Derivation) -> Any:
        """Defines it with this session as a host, and waits for its value."""
        before = self._derivations.get(derivation.dest)
        # Called before the answer comes.
        self._derivations[derivation.dest] = derivation
        try:
            return await self._calls.call(
                self._stub.Derive,
                derivation.host_request(session_id, wait=True),
            )
        except RestateError:
            if before is None:
                self._derivations.pop(derivation.dest, None)
            else:
                self._derivations[derivation.dest] = before
            raise

    def forget(self, dest: str) -> None:
        self._derivations.pop(dest, None)

    async def resume(self, session_id: str, timeout: float) -> None:
        """Makes a new session the host of everything."""
        for derivation in list(self._derivations.values()):
            try:
                await self._calls.once(
                    self._stub.Derive,
                    derivation.host_request(session_id, wait=False),
                    timeout,
                    wait_for_ready=False,
                )
            except RestateError as error:
                if error.reason in ("", "SESSION_LOST", "SHUTTING_DOWN"):
                    raise
                deriving.not_hosted(derivation, error)

    def receive(self, call: event_service_pb2.TransformCall) -> None:
        """Computes what a call asks for, some time soon."""
        task = asyncio.create_task(self._compute(call))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _compute(self, call: event_service_pb2.TransformCall) -> None:
        derivation = self._derivations.get(call.dest.text)
        try:
            if derivation is None:
                raise deriving.unknown(call)
            result = derivation.transform(call)
            if inspect.isawaitable(result):
                result = await result
            request = deriving.answer(call.call_id, result)
        except Exception as error:
            request = deriving.failure(call.call_id, error)
        try:
            await self._calls.call(self._stub.CompleteTransform, request)
        except RestateError as error:
            deriving.not_answered(error)
