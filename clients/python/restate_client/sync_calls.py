"""Unary calls of grpc."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import grpc

from restate_client import errors, retry
from restate_client.errors import RestateError


class SyncCalls:
    """Makes calls, and makes them again where that is safe. Thread-safe."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout

    def call(
        self,
        method: Any,
        request: Any,
        may_repeat: Callable[[RestateError], bool] = retry.may_repeat,
    ) -> Any:
        """Returns an answer. Raises RestateError; DEADLINE_EXCEEDED at last."""
        deadline = time.monotonic() + self._timeout
        attempt = 0
        while True:
            try:
                return self.once(method, request, deadline - time.monotonic())
            except RestateError as error:
                pause = retry.pause(attempt)
                if not may_repeat(error) or time.monotonic() + pause > deadline:
                    raise
            time.sleep(pause)
            attempt += 1

    def once(
        self,
        method: Any,
        request: Any,
        timeout: float,
        wait_for_ready: bool = True,
    ) -> Any:
        """The same, once. Waits for a connection too, if asked to."""
        try:
            return method(
                request, timeout=timeout, wait_for_ready=wait_for_ready
            )
        except grpc.RpcError as error:
            raise errors.from_rpc_error(error) from None
