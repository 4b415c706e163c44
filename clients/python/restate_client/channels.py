"""How to reach a server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# Reads may be as large as the server's messages.
_MAX_MESSAGE_BYTES = 16 * 1024 * 1024

# A server that was restarted is found again soon. (gRPC's own pauses begin with
# a second and grow to two minutes.)
OPTIONS: Sequence[tuple[str, Any]] = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
    ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES + 64 * 1024),
    # A server that vanished without a word is found out within 30 s. (restated
    # allows a ping every 10 s.)
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
)
