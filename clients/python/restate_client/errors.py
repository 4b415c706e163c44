"""What goes wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional

import grpc

from restate_client.wire.rpc import error_details_pb2, status_pb2

_DETAILS_KEY = "grpc-status-details-bin"
_CODES = {code.value[0]: code for code in grpc.StatusCode}


class RestateError(Exception):
    """A call that failed, or a subscription that the server ended.

    Attributes:
      code: the canonical code.
      reason: for programs, such as "PRECONDITION_FAILED"; empty if the error is
        not the server's own but of the way there.
      message: for people; says what to do.
      metadata: facts that belong to the reason, such as the path.
    """

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        reason: str = "",
        metadata: Optional[Mapping[str, str]] = None,
    ) -> None:
        super().__init__(code, message, reason)
        self.code = code
        self.message = message
        self.reason = reason
        self.metadata = dict(metadata or {})

    def __str__(self) -> str:
        reason = f" / {self.reason}" if self.reason else ""
        return f"{self.code.name}{reason}: {self.message}"


def from_status(status: status_pb2.Status) -> RestateError:
    """Returns the error that a google.rpc.Status describes."""
    info = error_details_pb2.ErrorInfo()
    for detail in status.details:
        if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            detail.Unpack(info)
            break
    return RestateError(
        _CODES.get(status.code, grpc.StatusCode.UNKNOWN),
        status.message,
        info.reason,
        info.metadata,
    )


def from_rpc_error(error: grpc.RpcError) -> RestateError:
    """Returns what a failed call of grpc or grpc.aio says."""
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS_KEY:
            return from_status(status_pb2.Status.FromString(value))
    return RestateError(error.code(), error.details() or "")
