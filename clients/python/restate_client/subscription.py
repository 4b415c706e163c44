"""One subscription, and how it is taken up again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Optional, Union

from restate_client import paths
from restate_client.events import Kind
from restate_client.options import EventValues, Overflow, Scope
from restate_client.paths import PathLike
from restate_client.wire import event_pb2
from restate_client.wire import event_service_pb2 as pb
from restate_client.wire.value_pb2 import VALUE_ENCODING_TYPED

Hook = Optional[Callable[[Any], Any]]


@dataclass(eq=False)
class Subscription:
    """What a callback listens to, and how far it has come."""

    callback_id: str
    pattern: str
    # As first asked for, `start` included.
    request: pb.SubscribeRequest
    on_reset: Hook = None
    on_reset_done: Hook = None
    on_gap: Hook = None
    on_end: Hook = None
    # The server's name for it; 0 while there is none.
    subscription_id: int = 0
    # Where it began.
    revision: int = 0
    epoch: str = ""
    # The newest token received. What came before it is, or will be, told.
    token: str = ""
    # Whether anything was received.
    heard: bool = False
    # False once unsubscribed: its events are told no more.
    active: bool = True

    def resumption(self) -> pb.SubscribeRequest:
        """Returns the request that goes on where this subscription is."""
        request = pb.SubscribeRequest()
        request.CopyFrom(self.request)
        request.history_loss = pb.HISTORY_LOSS_RESET
        if self.token:
            request.resume_token = self.token
        elif self.starts_over():
            request.snapshot.SetInParent()
        elif request.WhichOneof("start") == "now":
            request.after_revision = self.revision
            request.epoch = self.epoch
        return request

    def starts_over(self) -> bool:
        """Whether it can only begin again, with the present state.

        So it is after a snapshot that was cut off, and after `forget`.
        """
        return self.heard and not self.token

    def begun(self, response: pb.SubscribeByIdResponse) -> None:
        """The server has it."""
        self.subscription_id = response.subscription_id
        self.revision = response.revision
        self.epoch = response.epoch

    def received(self, batch: event_pb2.EventBatch) -> None:
        self.token = batch.resume_token
        self.heard = True

    def forget(self) -> None:
        """The token is worth nothing any more."""
        self.token = ""
        self.heard = True


def make_subscription(
    callback_id: str,
    path: PathLike,
    on_reset: Hook = None,
    on_reset_done: Hook = None,
    on_gap: Hook = None,
    on_end: Hook = None,
    **options: Any,
) -> Subscription:
    """Returns a subscription, which the server does not know yet."""
    return Subscription(
        callback_id,
        paths.to_text(path),
        make_request(path, **options),
        on_reset,
        on_reset_done,
        on_gap,
        on_end,
    )


def make_request(
    path: PathLike,
    start: Union[str, int] = "now",
    intercepting: bool = False,
    overflow: Union[Overflow, str] = Overflow.HISTORY,
    min_interval: float = 0.0,
    scope: Union[Scope, str] = Scope.SUBTREE,
    kinds: Iterable[str] = (),
    values: Union[EventValues, str] = EventValues.BOTH,
    max_value_bytes: int = 0,
    reset_on_loss: bool = False,
) -> pb.SubscribeRequest:
    """Returns the request for SubscribeOptions, but for their hooks."""
    request = pb.SubscribeRequest(
        patterns=[paths.to_pattern(path)],
        values=f"EVENT_VALUES_{EventValues(values).name}",
        encoding=VALUE_ENCODING_TYPED,
        scope=f"SUBSCRIBE_SCOPE_{Scope(scope).name}",
        kinds=[f"EVENT_KIND_{Kind(kind).name}" for kind in kinds],
        overflow=f"SUBSCRIBE_OVERFLOW_{Overflow(overflow).name}",
        intercepting=intercepting,
        max_value_bytes=max_value_bytes,
        history_loss=(
            pb.HISTORY_LOSS_RESET if reset_on_loss else pb.HISTORY_LOSS_FAIL
        ),
    )
    if min_interval:
        request.min_interval.FromMicroseconds(round(min_interval * 1e6))
    if start == "now":
        request.now.SetInParent()
    elif start == "snapshot":
        request.snapshot.SetInParent()
    elif isinstance(start, int):
        request.after_revision = start
    else:
        request.resume_token = start
    return request
