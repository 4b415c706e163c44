"""A session in threads: one reads its stream, one runs the callbacks."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Optional

import grpc

from restate_client import errors, retry
from restate_client.acknowledging import Acknowledging
from restate_client.deriving import Derivation
from restate_client.dispatch import Dispatch
from restate_client.errors import RestateError
from restate_client.sync_hosting import SyncHosting
from restate_client.session_state import (
    Callback,
    Delivery,
    FirstRun,
    SessionState,
    Waiter,
    logger,
)
from restate_client.subscription import Hook, Subscription, make_subscription
from restate_client.sync_calls import SyncCalls
from restate_client.sync_tracking import SyncTracking
from restate_client.wire import event_service_pb2 as pb
from restate_client.wire.event_service_pb2_grpc import EventServiceStub

# Events that wait here for slow callbacks. Then the stream is read no further,
# and the server does what the subscriptions' `overflow` says.
_MOST_QUEUED = 1000
_CLOSE_SECONDS = 2.0
# How soon a reader that waits for slow callbacks sees that it is to end.
_LOOK_SECONDS = 1.0


class SyncSession:
    """Opened at first use; reconnects and resumes by itself.

    Thread-safe. `_lock` guards the state, and is held during the calls that
    change subscriptions: so the reader, which takes it for each message, knows
    the id of a subscription before its first events. Nobody waits for a
    callback while holding it.
    """

    def __init__(
        self,
        stub: EventServiceStub,
        calls: SyncCalls,
        timeout: float,
        controller: Any,
        on_session_lost: Hook,
        tracking: SyncTracking,
        hosting: SyncHosting,
    ) -> None:
        self._stub = stub
        self._calls = calls
        self._timeout = timeout
        self._state = SessionState(controller, on_session_lost)
        self._lock = threading.RLock()
        self._tracking = tracking
        self._hosting = hosting
        self._dispatch = Dispatch(self._state, tracking.run)
        self._acknowledging = Acknowledging(stub, timeout)
        self._queue: queue.Queue[Optional[Delivery]] = queue.Queue(_MOST_QUEUED)
        self._reader: Optional[threading.Thread] = None
        self._runner: Optional[threading.Thread] = None
        # The stream, while there is one.
        self._stream: Any = None
        self._closed = threading.Event()
        # Set while the stream is there and everything is subscribed, and when
        # the session could not be opened at all; then `_failure` says why.
        self._settled = threading.Event()
        self._failure: Optional[RestateError] = None
        # What the reader has to tell once the session is settled.
        self._notices: list[Delivery] = []

    # For the controller.

    def session_id(self) -> str:
        """Opens the session, if need be, and returns its id."""
        return self._change(lambda: self._state.session_id)

    def register(
        self, callback: Callback, callback_id: Optional[str], replace: bool
    ) -> str:
        """Returns the id. ALREADY_EXISTS if it is taken and not replaced."""
        with self._lock:
            replaced = callback_id in self._state.callbacks
            callback_id = self._state.add_callback(
                callback, callback_id, replace
            )
        if replaced:
            # The server calls it by its id, as before.
            return callback_id
        try:
            self._change(lambda: self._register(callback_id))
        except RestateError:
            with self._lock:
                self._state.remove_callback(callback_id)
            raise
        return callback_id

    def unregister(self, callback_id: str) -> None:
        """Forgets a callback. NOT_FOUND if there is none."""
        with self._lock:
            self._state.expect_callback(callback_id)
            self._state.remove_callback(callback_id)
        self._change(
            lambda: self._once(
                self._stub.UnregisterCallback,
                self._state.unregister_request(callback_id),
            )
        )

    def has_callback(self, callback_id: str) -> bool:
        return callback_id in self._state.callbacks

    def subscribe(
        self, callback: Callback, pattern: str, **options: Any
    ) -> str:
        """Subscribes a function, and registers it if that was not done."""
        with self._lock:
            callback_id = self._state.id_of(callback)
        if callback_id is None:
            callback_id = self.register(callback, None, replace=False)
            with self._lock:
                self._state.own_ids.add(callback_id)
        self.subscribe_by_id(callback_id, pattern, **options)
        return callback_id

    def unsubscribe(self, callback: Callback, pattern: str) -> None:
        """The reverse of subscribe. NOT_FOUND if it is not subscribed."""
        with self._lock:
            callback_id = self._state.id_of(callback) or repr(callback)
        self.unsubscribe_by_id(callback_id, pattern)
        with self._lock:
            forget = self._state.may_forget(callback_id)
        if forget:
            self.unregister(callback_id)

    def subscribe_by_id(
        self, callback_id: str, pattern: str, **options: Any
    ) -> None:
        """Subscribes a callback of this session. NOT_FOUND if there is none."""
        subscription = make_subscription(callback_id, pattern, **options)
        with self._lock:
            self._state.expect_callback(callback_id)
        self._change(
            lambda: self._subscribe(subscription, subscription.request)
        )

    def unsubscribe_by_id(self, callback_id: str, pattern: str) -> None:
        """Ends a subscription: the callback is not called for it any more.

        NOT_FOUND if there is none.
        """
        with self._lock:
            subscription = self._state.find_subscription(callback_id, pattern)
            self._state.remove_subscription(subscription)
        self._change(
            lambda: self._once(
                self._stub.UnsubscribeById,
                self._state.unsubscribe_request(callback_id, pattern),
            )
        )

    def track(self, callback: Callback, payload: Any) -> None:
        """Runs a callback, and again when what it read has changed."""
        first = FirstRun(threading.Event())
        call = self._change(
            lambda: self._state.add_tracker(callback, payload, first)
        )
        if self._runner is threading.current_thread():
            # A callback that waited for its own successors would wait for ever.
            self._call(call)
        else:
            self._deliver([call])
            first.signal.wait()
        if first.error is not None:
            self.untrack(callback)
            raise first.error

    def derive(self, derivation: Derivation) -> Any:
        """Derives a path by this process, and waits for its value."""
        while True:
            try:
                return self._hosting.derive(
                    self.session_id(), derivation
                )
            except RestateError as error:
                if error.reason != "SESSION_LOST":
                    raise

    def forget_derivation(self, dest: str) -> None:
        """This process does not compute it any more."""
        self._hosting.forget(dest)

    def untrack(self, callback: Callback) -> None:
        """The callback is not run again. NOT_FOUND if it is not tracked."""
        with self._lock:
            tracker = self._state.remove_tracker(callback)
        self._change(
            lambda: self._tracking.stop(self._state.session_id, tracker)
        )

    def wait_told(self, revision: int, epoch: str) -> None:
        """Returns when callbacks have run for everything up to the revision.

        At once inside a callback, and if nothing is subscribed or tracked. Does
        not wait for a server that stays away for longer than the timeout.
        """
        if (
            self._runner is threading.current_thread()
            or not self._state.is_told()
        ):
            return
        reached = False
        while not reached:
            try:
                waiter = self._change(lambda: self._sync(revision, epoch))
            except RestateError as error:
                logger.warning("not waiting for callbacks: %s", error)
                return
            waiter.signal.wait()
            # Not, if the stream was lost. Then there is another one.
            reached = waiter.reached

    def close(self) -> None:
        """Ends the session. Callbacks that have not begun are not called."""
        with self._lock:
            if self._closed.is_set():
                return
            self._closed.set()
            self._state.closed()
            reader, runner, stream = self._reader, self._runner, self._stream
            session_id = self._state.session_id
        if session_id:
            try:
                request = pb.CloseSessionRequest(session_id=session_id)
                self._calls.once(
                    self._stub.CloseSession, request, _CLOSE_SECONDS
                )
            except RestateError as error:
                logger.debug("the session was not closed: %s", error)
        self._hosting.close()
        if stream is not None:
            stream.cancel()
        try:
            self._queue.put_nowait(None)
        except queue.Full:
            # Whoever takes the next delivery sees that the session is closed.
            pass
        for thread in (reader, runner):
            if thread is not None and thread is not threading.current_thread():
                thread.join()

    # Calls.

    def _once(self, method: Any, request: Any) -> Any:
        return self._calls.once(
            method, request, self._timeout, wait_for_ready=False
        )

    def _change(self, change: Callable[[], Any]) -> Any:
        """Does something with the session; again if the session was away."""
        deadline = time.monotonic() + self._timeout
        attempt = 0
        while True:
            self._ensure_open(deadline)
            try:
                with self._lock:
                    return change()
            except RestateError as error:
                pause = retry.pause(attempt)
                if (
                    not retry.is_passing(error)
                    or time.monotonic() + pause > deadline
                ):
                    raise
            time.sleep(pause)
            attempt += 1

    def _register(self, callback_id: str) -> None:
        """REQUIRES: the lock."""
        self._once(
            self._stub.RegisterCallback,
            self._state.register_request(callback_id),
        )

    def _subscribe(
        self, subscription: Subscription, request: pb.SubscribeRequest
    ) -> None:
        """REQUIRES: the lock."""
        self._state.uncertain.add(subscription.callback_id)
        response = self._once(
            self._stub.SubscribeById,
            self._state.subscribe_request(subscription, request),
        )
        self._state.uncertain.discard(subscription.callback_id)
        self._state.add_subscription(subscription, response)

    def _sync(self, revision: int, epoch: str) -> Waiter:
        """REQUIRES: the lock: so the id is known before the marker comes."""
        request = self._state.sync_request(revision, epoch)
        response = self._once(self._stub.Sync, request)
        waiter = Waiter(threading.Event())
        self._state.expect_marker(response.sync_id, waiter)
        return waiter

    # The stream.

    def _ensure_open(self, deadline: float) -> None:
        """Returns when there is a session, or raises why there is none."""
        with self._lock:
            if self._closed.is_set():
                raise RestateError(
                    grpc.StatusCode.CANCELLED, "the controller is closed"
                )
            if self._runner is None:
                self._runner = threading.Thread(
                    target=self._run, name="restate-callbacks", daemon=True
                )
                self._runner.start()
            if self._reader is None or self._failure is not None:
                self._failure = None
                self._settled.clear()
                self._reader = threading.Thread(
                    target=self._read, name="restate-reader", daemon=True
                )
                self._reader.start()
        if not self._settled.wait(max(0.0, deadline - time.monotonic())):
            raise RestateError(
                grpc.StatusCode.DEADLINE_EXCEEDED,
                "there is no connection to the server",
            )
        failure = self._failure
        if failure is not None:
            raise failure

    def _read(self) -> None:
        """Keeps a stream open until the session is closed."""
        ever_settled = False
        attempt = 0
        while not self._closed.is_set():
            error = self._read_stream()
            if self._settled.is_set():
                ever_settled = True
                attempt = 0
                self._settled.clear()
            with self._lock:
                self._state.stream_ended()
                if error.reason == "SESSION_LOST":
                    self._state.lose()
                    attempt = 0
            if not ever_settled and not retry.is_passing(error):
                self._failure = error
                self._settled.set()
                return
            self._closed.wait(retry.pause(attempt))
            attempt += 1

    def _read_stream(self) -> RestateError:
        """Reads one stream to its end, and returns why it ended."""
        with self._lock:
            stream = self._stub.OpenSession(
                self._state.open_request(), wait_for_ready=True
            )
            self._stream = stream
            if self._closed.is_set():
                stream.cancel()
        try:
            for message in stream:
                if message.HasField("opened"):
                    self._deliver(self._take_up(message.opened))
                elif message.HasField("transform_call"):
                    self._hosting.receive(message.transform_call)
                else:
                    with self._lock:
                        deliveries = list(self._state.received(message))
                    self._deliver(deliveries)
        except grpc.RpcError as error:
            return errors.from_rpc_error(error)
        except RestateError as error:
            return error
        finally:
            stream.cancel()
        return RestateError(
            grpc.StatusCode.UNAVAILABLE, "the server ended the stream"
        )

    def _deliver(self, deliveries: Iterable[Delivery]) -> None:
        """Waits while the queue is full."""
        for delivery in deliveries:
            while not self._closed.is_set():
                try:
                    self._queue.put(delivery, timeout=_LOOK_SECONDS)
                    break
                except queue.Full:
                    pass

    def _take_up(self, opened: pb.SessionOpened) -> list[Delivery]:
        """Brings a session that was opened to where this side is."""
        with self._lock:
            self._notices += self._state.opened(opened)
            if not opened.resumed:
                for callback_id in list(self._state.callbacks):
                    self._register(callback_id)
                self._hosting.resume(opened.session_id, self._timeout)
            for subscription in list(self._state.subscriptions.values()):
                self._resume(subscription)
            notices, self._notices = self._notices, []
        self._settled.set()
        return notices

    def _resume(self, subscription: Subscription) -> None:
        """Subscribes again. REQUIRES: the lock."""
        if subscription.starts_over():
            self._notices += self._state.started_over(subscription)
        try:
            self._subscribe(subscription, subscription.resumption())
        except RestateError as error:
            if retry.is_passing(error):
                raise
            if (
                error.reason == "EPOCH_CHANGED"
                and not subscription.starts_over()
            ):
                subscription.forget()
                self._resume(subscription)
            else:
                self._notices += self._state.ended(subscription, error)

    # Callbacks.

    def _run(self) -> None:
        """Runs callbacks until the session is closed."""
        while True:
            delivery = self._queue.get()
            if delivery is None or self._closed.is_set():
                return
            self._call(delivery)

    def _call(self, delivery: Delivery) -> None:
        """Runs what a delivery asks for."""
        call = self._dispatch.begin(delivery)
        if call is not None:
            try:
                call()
            except Exception as error:
                if not self._dispatch.failed(delivery, error):
                    logger.exception("a callback failed")
        acknowledgement = self._dispatch.finish(delivery)
        if acknowledgement is not None:
            self._acknowledging.add(acknowledgement)
