"""Hosted transforms in threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from restate_client import deriving
from restate_client.deriving import Derivation
from restate_client.errors import RestateError
from restate_client.sync_calls import SyncCalls
from restate_client.wire import event_service_pb2
from restate_client.wire.derivation_service_pb2_grpc import (
    DerivationServiceStub,
)

_THREADS = 4


class SyncHosting:
    """Computes what is derived by this process, in threads of its own.

    They do not wait for callbacks, so a callback may wait for them.
    Thread-safe.
    """

    def __init__(self, stub: DerivationServiceStub, calls: SyncCalls) -> None:
        self._stub = stub
        self._calls = calls
        # By destination.
        self._derivations: dict[str, Derivation] = {}
        self._threads = ThreadPoolExecutor(
            _THREADS, thread_name_prefix="restate-transforms"
        )

    def derive(self, session_id: str, derivation: Derivation) -> Any:
        """Defines it with this session as a host, and waits for its value."""
        before = self._derivations.get(derivation.dest)
        # Called before the answer comes.
        self._derivations[derivation.dest] = derivation
        try:
            return self._calls.call(
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

    def resume(self, session_id: str, timeout: float) -> None:
        """Makes a new session the host of everything."""
        for derivation in list(self._derivations.values()):
            try:
                self._calls.once(
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
        try:
            self._threads.submit(self._compute, call)
        except RuntimeError:
            # Closed.
            pass

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _compute(self, call: event_service_pb2.TransformCall) -> None:
        derivation = self._derivations.get(call.dest.text)
        try:
            if derivation is None:
                raise deriving.unknown(call)
            request = deriving.answer(call.call_id, derivation.transform(call))
        except Exception as error:
            request = deriving.failure(call.call_id, error)
        try:
            self._calls.call(self._stub.CompleteTransform, request)
        except RestateError as error:
            deriving.not_answered(error)
