"""What is done with each delivery, apart from calling it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Optional

from restate_client.bubbling import Bubbling
from restate_client.session_state import (
    Delivery,
    EventCall,
    HookCall,
    NewEpoch,
    SessionState,
    Told,
    TrackerCall,
)
from restate_client.tracking import Tracker
from restate_client.wire import event_service_pb2 as pb


class Dispatch:
    """Turns deliveries into calls, one at a time and in order.

    For the one thread or task that runs callbacks.
    """

    def __init__(
        self, state: SessionState, run_tracker: Callable[[str, Tracker], Any]
    ) -> None:
        self._state = state
        self._run_tracker = run_tracker
        self._bubbling = Bubbling()

    def begin(self, delivery: Delivery) -> Optional[Callable[[], Any]]:
        """Returns what to call for a delivery, if anything."""
        if isinstance(delivery, Told):
            self._state.told(delivery.waiter)
        elif isinstance(delivery, NewEpoch):
            self._bubbling.clear()
        elif isinstance(delivery, HookCall):
            return partial(delivery.hook, delivery.argument)
        elif isinstance(delivery, TrackerCall):
            tracker = delivery.tracker
            if tracker.tracker_id in self._state.trackers:
                return partial(
                    self._run_tracker, self._state.session_id, tracker
                )
        elif self._is_wanted(delivery):
            callback = self._state.callbacks.get(delivery.callback_id)
            return callback and partial(callback, delivery.event)
        return None

    def failed(self, delivery: Delivery, error: BaseException) -> bool:
        """The call has raised something. Whether somebody is told of it."""
        if not isinstance(delivery, TrackerCall) or delivery.first is None:
            return False
        delivery.first.error = error
        return True

    def finish(self, delivery: Delivery) -> Optional[pb.Acknowledgement]:
        """The call is over. Returns what to tell the server, if anything."""
        if isinstance(delivery, TrackerCall) and delivery.first is not None:
            self._state.told(delivery.first)
        if not isinstance(delivery, EventCall):
            return None
        event = delivery.event
        if event.stopped:
            self._bubbling.stop(event)
        if not event.ack_token:
            return None
        return pb.Acknowledgement(
            ack_token=event.ack_token, stop_bubbling=event.stopped
        )

    def _is_wanted(self, delivery: EventCall) -> bool:
        subscription = delivery.subscription
        if subscription is not None and not subscription.active:
            return False
        return not self._bubbling.is_stopped(delivery.event)
