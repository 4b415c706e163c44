"""What a session holds on this side: the part that does no I/O."""

from __future__ import annotations

import logging
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Optional, Union

import grpc

from restate_client import errors, paths
from restate_client.errors import RestateError
from restate_client.events import Gap, Reset, ResetDone, StateEvent
from restate_client.paths import ROOT_PATH
from restate_client.subscription import Hook, Subscription
from restate_client.tracking import Tracker
from restate_client.wire import event_pb2
from restate_client.wire import event_service_pb2 as pb

logger = logging.getLogger("restate_client")

Callback = Callable[[Any], Any]

# Events of subscriptions that are over, which the server had sent before it
# knew, are on their way for moments only.
_RETIRED_REMEMBERED = 1000


@dataclass(eq=False)
class Waiter:
    """Waits until callbacks have run for all that came before a marker."""

    # threading.Event or asyncio.Event: it is over, one way or the other.
    signal: Any
    # Whether callbacks have run. If not, the stream was lost before the marker.
    reached: bool = False


@dataclass(eq=False)
class FirstRun(Waiter):
    """Waits until a tracked callback has run for the first time."""

    # What it raised.
    error: Optional[BaseException] = None


@dataclass
class Told:
    """Everything before a marker has been told."""

    waiter: Waiter


@dataclass
class HookCall:
    """A hook to call."""

    hook: Callback
    argument: Any


@dataclass
class EventCall:
    """A callback to call. `subscription` is None if another client made it."""

    callback_id: str
    event: StateEvent
    subscription: Optional[Subscription]


@dataclass
class TrackerCall:
    """A tracked callback to run."""

    tracker: Tracker
    # Of the first run: who waits for it.
    first: Optional[FirstRun] = None


@dataclass
class NewEpoch:
    """Revisions start anew."""


Delivery = Union[Told, HookCall, EventCall, TrackerCall, NewEpoch]


class SessionState:
    """Callbacks, subscriptions, and what to do with what the server sends.

    Not thread-safe: the session holds its lock around every use. Only
    `callbacks` may be looked into without it.
    """

    def __init__(self, controller: Any, on_session_lost: Hook) -> None:
        self._controller = controller
        self._on_session_lost = on_session_lost
        self.session_id = ""
        self.epoch = ""
        # Whether there was a session before, which the server has lost.
        self._lost = False
        self.callbacks: dict[str, Callback] = {}
        # The id of a function that was subscribed, or registered, itself.
        self._ids: dict[Callback, str] = {}
        # Ids that `subscribe` registered, and `unsubscribe` may forget.
        self.own_ids: set[str] = set()
        self.subscriptions: dict[tuple[str, str], Subscription] = {}
        self.trackers: dict[str, Tracker] = {}
        self._by_id: dict[int, Subscription] = {}
        self._retired: deque[int] = deque(maxlen=_RETIRED_REMEMBERED)
        # By the id of the marker that they wait for, while it is on its way.
        self._markers: dict[int, Waiter] = {}
        # Those, and those whose marker waits for callbacks.
        self._waiters: set[Waiter] = set()
        # Callbacks with a SubscribeById whose outcome is not known.
        self.uncertain: set[str] = set()

    # Requests.

    def open_request(self) -> pb.OpenSessionRequest:
        return pb.OpenSessionRequest(
            session_id=self.session_id, resume=bool(self.session_id)
        )

    def register_request(self, callback_id: str) -> pb.RegisterCallbackRequest:
        # This side knows what is registered, and replaces only what it may.
        return pb.RegisterCallbackRequest(
            session_id=self.session_id, callback_id=callback_id, replace=True
        )

    def unregister_request(
        self, callback_id: str
    ) -> pb.UnregisterCallbackRequest:
        return pb.UnregisterCallbackRequest(
            session_id=self.session_id,
            callback_id=callback_id,
            ignore_missing=True,
        )

    def subscribe_request(
        self, subscription: Subscription, request: pb.SubscribeRequest
    ) -> pb.SubscribeByIdRequest:
        return pb.SubscribeByIdRequest(
            session_id=self.session_id,
            callback_id=subscription.callback_id,
            subscription=request,
        )

    def unsubscribe_request(
        self, callback_id: str, pattern: str
    ) -> pb.UnsubscribeByIdRequest:
        return pb.UnsubscribeByIdRequest(
            session_id=self.session_id,
            callback_id=callback_id,
            patterns=[paths.to_pattern(pattern)],
            ignore_missing=True,
        )

    def sync_request(self, revision: int, epoch: str) -> pb.SyncRequest:
        return pb.SyncRequest(
            session_id=self.session_id, revision=revision, epoch=epoch
        )

    # Callbacks.

    def add_callback(
        self, callback: Callback, callback_id: Optional[str], replace: bool
    ) -> str:
        """Returns the id. ALREADY_EXISTS if it is taken and not replaced."""
        callback_id = callback_id or uuid.uuid4().hex
        old = self.callbacks.get(callback_id)
        if old is not None and not replace:
            raise RestateError(
                grpc.StatusCode.ALREADY_EXISTS,
                f'there is a callback "{callback_id}"; choose another id, '
                "or replace it",
                "CALLBACK_EXISTS",
            )
        if old is not None:
            self._forget_function(old, callback_id)
        self.callbacks[callback_id] = callback
        self._ids.setdefault(callback, callback_id)
        return callback_id

    def remove_callback(self, callback_id: str) -> None:
        callback = self.callbacks.pop(callback_id, None)
        if callback is not None:
            self._forget_function(callback, callback_id)
        self.own_ids.discard(callback_id)
        self.uncertain.discard(callback_id)
        for subscription in list(self.subscriptions.values()):
            if subscription.callback_id == callback_id:
                self.remove_subscription(subscription)

    def id_of(self, callback: Callback) -> Optional[str]:
        """Returns the id under which a function was first registered."""
        return self._ids.get(callback)

    def may_forget(self, callback_id: str) -> bool:
        """Whether nothing but a past `subscribe` wants this callback."""
        return callback_id in self.own_ids and not any(
            known == callback_id for known, _ in self.subscriptions
        )

    def _forget_function(self, callback: Callback, callback_id: str) -> None:
        if self._ids.get(callback) == callback_id:
            del self._ids[callback]

    def expect_callback(self, callback_id: str) -> None:
        """Raises NOT_FOUND if there is no such callback."""
        if callback_id not in self.callbacks:
            raise RestateError(
                grpc.StatusCode.NOT_FOUND,
                f'there is no callback "{callback_id}"; register it first',
                "CALLBACK_NOT_FOUND",
            )

    # Subscriptions.

    def find_subscription(self, callback_id: str, pattern: str) -> Subscription:
        """Returns it, or raises NOT_FOUND."""
        self.expect_callback(callback_id)
        subscription = self.subscriptions.get((callback_id, pattern))
        if subscription is None:
            raise RestateError(
                grpc.StatusCode.NOT_FOUND,
                f'the callback "{callback_id}" is not subscribed to {pattern}',
                "SUBSCRIPTION_NOT_FOUND",
            )
        return subscription

    def add_subscription(
        self, subscription: Subscription, response: pb.SubscribeByIdResponse
    ) -> None:
        """The server has it, in the place of one with the same pattern."""
        key = subscription.callback_id, subscription.pattern
        old = self.subscriptions.get(key)
        if old is not None and old is not subscription:
            self.remove_subscription(old)
        self._retire(subscription)
        self.subscriptions[key] = subscription
        subscription.begun(response)
        self._by_id[subscription.subscription_id] = subscription

    def remove_subscription(self, subscription: Subscription) -> None:
        subscription.active = False
        self._retire(subscription)
        self.subscriptions.pop(
            (subscription.callback_id, subscription.pattern), None
        )

    def _retire(self, subscription: Subscription) -> None:
        """Events under the id that it had are not wanted any more."""
        if subscription.subscription_id:
            self._by_id.pop(subscription.subscription_id, None)
            self._retired.append(subscription.subscription_id)
            subscription.subscription_id = 0

    # Trackers.

    def add_tracker(
        self, callback: Callback, payload: Any, first: FirstRun
    ) -> TrackerCall:
        """Returns its first run."""
        tracker = Tracker(uuid.uuid4().hex, callback, payload)
        self.trackers[tracker.tracker_id] = tracker
        self._waiters.add(first)
        return TrackerCall(tracker, first)

    def remove_tracker(self, callback: Callback) -> Tracker:
        """Returns the newest of that callback, or raises NOT_FOUND."""
        for tracker in reversed(self.trackers.values()):
            if tracker.callback == callback:
                return self.trackers.pop(tracker.tracker_id)
        raise RestateError(
            grpc.StatusCode.NOT_FOUND,
            f"{callback!r} is not tracked",
            "TRACKER_NOT_FOUND",
        )

    def is_told(self) -> bool:
        """Whether there is anything to tell this process."""
        return bool(self.subscriptions or self.trackers)

    # Markers.

    def expect_marker(self, sync_id: int, waiter: Waiter) -> None:
        self._markers[sync_id] = waiter
        self._waiters.add(waiter)

    def told(self, waiter: Waiter) -> None:
        """Callbacks have run for what was before its marker."""
        waiter.reached = True
        self._waiters.discard(waiter)
        waiter.signal.set()

    def stream_ended(self) -> None:
        """Markers that have not come will not come."""
        for waiter in self._markers.values():
            self._waiters.discard(waiter)
            waiter.signal.set()
        self._markers.clear()

    def closed(self) -> None:
        """Nobody is told anything any more."""
        for waiter in self._waiters:
            waiter.signal.set()
        self._waiters.clear()
        self._markers.clear()

    # The stream.

    def lose(self) -> None:
        """The server does not know the session any more."""
        self._lost = self._lost or bool(self.session_id)
        self.session_id = ""

    def opened(self, message: pb.SessionOpened) -> Iterator[Delivery]:
        """A stream has begun. Nothing is subscribed until done again."""
        lost, self._lost = self._lost, False
        self.session_id = message.session_id
        for subscription in self.subscriptions.values():
            self._retire(subscription)
        if self.epoch and self.epoch != message.epoch:
            yield NewEpoch()
            for subscription in self.subscriptions.values():
                subscription.forget()
        self.epoch = message.epoch
        if lost and self._on_session_lost:
            yield HookCall(self._on_session_lost, self._controller)
        if not message.resumed:
            yield from map(TrackerCall, list(self.trackers.values()))

    def received(self, message: pb.OpenSessionResponse) -> Iterator[Delivery]:
        """Yields what the message brings, in order."""
        kind = message.WhichOneof("message")
        if kind == "events":
            for run in message.events.runs:
                yield from self._received_run(run)
        elif kind == "sync":
            waiter = self._markers.pop(message.sync.sync_id, None)
            if waiter is not None:
                yield Told(waiter)
        elif kind == "tracker_run":
            tracker = self.trackers.get(message.tracker_run.tracker_id)
            if tracker is not None:
                yield TrackerCall(tracker)
        elif kind == "tracker_ended":
            tracker = self.trackers.pop(message.tracker_ended.tracker_id, None)
            if tracker is not None:
                error = errors.from_status(message.tracker_ended.status)
                logger.error("%r runs no more: %s", tracker.callback, error)
        elif kind == "ended":
            subscription = self._by_id.get(message.ended.subscription_id)
            if subscription is not None:
                error = errors.from_status(message.ended.status)
                yield from self.ended(subscription, error)

    def ended(
        self, subscription: Subscription, error: RestateError
    ) -> Iterator[Delivery]:
        """The server has ended a subscription."""
        self.remove_subscription(subscription)
        yield HookCall(subscription.on_end or _log_end(subscription), error)

    def started_over(self, subscription: Subscription) -> Iterator[Delivery]:
        """A subscription begins again, with a snapshot."""
        reset = Reset(subscription.pattern, ROOT_PATH)
        yield HookCall(subscription.on_reset or _log_loss, reset)

    def _received_run(self, run: pb.CallbackEvents) -> Iterator[Delivery]:
        subscription = self._by_id.get(run.subscription_id)
        if subscription is None and not self._is_foreign(run):
            return
        if subscription is not None:
            subscription.received(run.batch)
            yield from _losses(subscription, run.batch)
        last = len(run.batch.events) - 1
        for position, event in enumerate(run.batch.events):
            token = run.batch.resume_token if position == last else None
            yield EventCall(
                run.callback_id,
                StateEvent(event, self._controller, token or None),
                subscription,
            )
        if subscription is not None and subscription.on_reset_done:
            if run.batch.HasField("reset_done"):
                path = paths.from_wire(run.batch.reset_done.path)
                done = ResetDone(subscription.pattern, path)
                yield HookCall(subscription.on_reset_done, done)

    def _is_foreign(self, run: pb.CallbackEvents) -> bool:
        """Whether the events are of a subscription that another client made."""
        return (
            run.callback_id in self.callbacks
            and run.callback_id not in self.uncertain
            and run.subscription_id not in self._retired
        )


def _losses(
    subscription: Subscription, batch: event_pb2.EventBatch
) -> Iterator[Delivery]:
    """Yields what a batch says before its events."""
    gap = None
    if batch.HasField("gap"):
        gap = Gap(
            subscription.pattern,
            batch.gap.after_revision,
            batch.gap.through_revision,
            batch.gap.events,
            paths.from_wire(batch.gap.path)
            if batch.gap.HasField("path")
            else None,
        )
    if batch.HasField("reset"):
        path = paths.from_wire(batch.reset.path)
        reset = Reset(
            subscription.pattern,
            path,
            gap,
            batch.reset.revision,
            batch.reset.epoch_changed,
        )
        yield HookCall(subscription.on_reset or _log_loss, reset)
    elif gap is not None:
        yield HookCall(subscription.on_gap or _log_loss, gap)


def _log_loss(loss: Union[Reset, Gap]) -> None:
    logger.warning("events are missing: %s", loss)


def _log_end(subscription: Subscription) -> Callback:
    def log(error: RestateError) -> None:
        logger.error(
            "the server ended the subscription to %s: %s",
            subscription.pattern,
            error,
        )

    return log
