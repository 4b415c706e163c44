"""A session in tasks: one reads its stream, one runs the callbacks."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Iterable
from contextvars import ContextVar
from typing import Any, Optional

import grpc

from restate_client import errors, retry
from restate_client.async_acknowledging import AsyncAcknowledging
from restate_client.async_calls import AsyncCalls
from restate_client.async_hosting import AsyncHosting
from restate_client.async_tracking import AsyncTracking
from restate_client.deriving import Derivation
from restate_client.dispatch import Dispatch
from restate_client.errors import RestateError
from restate_client.session_state import (
    Callback,
    Delivery,
    FirstRun,
    SessionState,
    Waiter,
    logger,
)
from restate_client.subscription import Hook, Subscription, make_subscription
from restate_client.wire import event_service_pb2 as pb
from restate_client.wire.event_service_pb2_grpc import EventServiceStub

# Events that wait here for slow callbacks. Then the stream is read no further,
# and the server does what the subscriptions' `overflow` says.
_MOST_QUEUED = 1000
_CLOSE_SECONDS = 2.0

# The session one of whose callbacks runs in this context.
_calling: ContextVar[Any] = ContextVar("restate_calling", default=None)


class AsyncSession:
    """Opened at first use; reconnects and resumes by itself.

    `_lock` is held during the calls that change subscriptions: so the reader,
    which takes it for each message, knows the id of a subscription before its
    first events. Nobody waits for a callback while holding it.
    """

    def __init__(
        self,
        stub: EventServiceStub,
        calls: AsyncCalls,
        timeout: float,
        controller: Any,
        on_session_lost: Hook,
        tracking: AsyncTracking,
        hosting: AsyncHosting,
    ) -> None:
        self._stub = stub
        self._calls = calls
        self._timeout = timeout
        self._state = SessionState(controller, on_session_lost)
        self._lock = asyncio.Lock()
        self._tracking = tracking
        self._hosting = hosting
        self._dispatch = Dispatch(self._state, tracking.run)
        self._acknowledging = AsyncAcknowledging(stub, timeout)
        self._queue: asyncio.Queue[Delivery] = asyncio.Queue(_MOST_QUEUED)
        self._reader: Optional[asyncio.Task[None]] = None
        self._runner: Optional[asyncio.Task[None]] = None
        self._closed = False
        # Set while the stream is there and everything is subscribed, and when
        # the session could not be opened at all; then `_failure` says why.
        self._settled = asyncio.Event()
        self._failure: Optional[RestateError] = None
        # What the reader has to tell once the session is settled.
        self._notices: list[Delivery] = []

    # For the controller.

    async def session_id(self) -> str:
        """Opens the session, if need be, and returns its id."""
        await self._ensure_open(time.monotonic() + self._timeout)
        return self._state.session_id

    async def register(
        self, callback: Callback, callback_id: Optional[str], replace: bool
    ) -> str:
        """Returns the id. ALREADY_EXISTS if it is taken and not replaced."""
        replaced = callback_id in self._state.callbacks
        callback_id = self._state.add_callback(callback, callback_id, replace)
        if replaced:
            # The server calls it by its id, as before.
            return callback_id
        try:
            await self._change(lambda: self._register(callback_id))
        except RestateError:
            self._state.remove_callback(callback_id)
            raise
        return callback_id

    async def unregister(self, callback_id: str) -> None:
        """Forgets a callback. NOT_FOUND if there is none."""
        self._state.expect_callback(callback_id)
        self._state.remove_callback(callback_id)
        await self._change(
            lambda: self._once(
                self._stub.UnregisterCallback,
                self._state.unregister_request(callback_id),
            )
        )

    def has_callback(self, callback_id: str) -> bool:
        return callback_id in self._state.callbacks

    async def subscribe(
        self, callback: Callback, pattern: str, **options: Any
    ) -> str:
        """Subscribes a function, and registers it if that was not done."""
        callback_id = self._state.id_of(callback)
        if callback_id is None:
            callback_id = await self.register(callback, None, replace=False)
            self._state.own_ids.add(callback_id)
        await self.subscribe_by_id(callback_id, pattern, **options)
        return callback_id

    async def unsubscribe(self, callback: Callback, pattern: str) -> None:
        """The reverse of subscribe. NOT_FOUND if it is not subscribed."""
        callback_id = self._state.id_of(callback) or repr(callback)
        await self.unsubscribe_by_id(callback_id, pattern)
        if self._state.may_forget(callback_id):
            await self.unregister(callback_id)

    async def subscribe_by_id(
        self, callback_id: str, pattern: str, **options: Any
    ) -> None:
        """Subscribes a callback of this session. NOT_FOUND if there is none."""
        subscription = make_subscription(callback_id, pattern, **options)
        self._state.expect_callback(callback_id)
        await self._change(
            lambda: self._subscribe(subscription, subscription.request)
        )

    async def unsubscribe_by_id(self, callback_id: str, pattern: str) -> None:
        """Ends a subscription: the callback is not called for it any more.

        NOT_FOUND if there is none.
        """
        subscription = self._state.find_subscription(callback_id, pattern)
        self._state.remove_subscription(subscription)
        await self._change(
            lambda: self._once(
                self._stub.UnsubscribeById,
                self._state.unsubscribe_request(callback_id, pattern),
            )
        )

    async def track(self, callback: Callback, payload: Any) -> None:
        """Runs a callback, and again when what it read has changed."""
        await self._ensure_open(time.monotonic() + self._timeout)
        first = FirstRun(asyncio.Event())
        call = self._state.add_tracker(callback, payload, first)
        if _calling.get() is self:
            # A callback that waited for its own successors would wait for ever.
            await self._call(call)
        else:
            await self._deliver([call])
            await first.signal.wait()
        if first.error is not None:
            await self.untrack(callback)
            raise first.error

    async def derive(self, derivation: Derivation) -> Any:
        """Derives a path by this process, and waits for its value."""
        while True:
            try:
                return await self._hosting.derive(
                    await self.session_id(), derivation
                )
            except RestateError as error:
                if error.reason != "SESSION_LOST":
                    raise

    def forget_derivation(self, dest: str) -> None:
        """This process does not compute it any more."""
        self._hosting.forget(dest)

    async def untrack(self, callback: Callback) -> None:
        """The callback is not run again. NOT_FOUND if it is not tracked."""
        tracker = self._state.remove_tracker(callback)
        await self._change(
            lambda: self._tracking.stop(self._state.session_id, tracker)
        )

    async def wait_told(self, revision: int, epoch: str) -> None:
        """Returns when callbacks have run for everything up to the revision.

        At once inside a callback, and if nothing is subscribed or tracked. Does
        not wait for a server that stays away for longer than the timeout.
        """
        if _calling.get() is self or not self._state.is_told():
            return
        reached = False
        while not reached:
            try:
                waiter = await self._change(lambda: self._sync(revision, epoch))
            except RestateError as error:
                logger.warning("not waiting for callbacks: %s", error)
                return
            await waiter.signal.wait()
            # Not, if the stream was lost. Then there is another one.
            reached = waiter.reached

    async def close(self) -> None:
        """Ends the session. Callbacks that have not begun are not called."""
        if self._closed:
            return
        self._closed = True
        self._state.closed()
        if self._state.session_id:
            try:
                request = pb.CloseSessionRequest(
                    session_id=self._state.session_id
                )
                await self._calls.once(
                    self._stub.CloseSession, request, _CLOSE_SECONDS
                )
            except RestateError as error:
                logger.debug("the session was not closed: %s", error)
        self._hosting.close()
        for task in (self._reader, self._runner):
            if task is not None and task is not asyncio.current_task():
                task.cancel()
                await asyncio.wait([task])

    # Calls.

    async def _once(self, method: Any, request: Any) -> Any:
        return await self._calls.once(
            method, request, self._timeout, wait_for_ready=False
        )

    async def _change(self, change: Callable[[], Awaitable[Any]]) -> Any:
        """Makes a call that changes the session; again if that was away."""
        deadline = time.monotonic() + self._timeout
        attempt = 0
        while True:
            await self._ensure_open(deadline)
            try:
                async with self._lock:
                    return await change()
            except RestateError as error:
                pause = retry.pause(attempt)
                if (
                    not retry.is_passing(error)
                    or time.monotonic() + pause > deadline
                ):
                    raise
            await asyncio.sleep(pause)
            attempt += 1

    async def _register(self, callback_id: str) -> None:
        """REQUIRES: the lock."""
        await self._once(
            self._stub.RegisterCallback,
            self._state.register_request(callback_id),
        )

    async def _subscribe(
        self, subscription: Subscription, request: pb.SubscribeRequest
    ) -> None:
        """REQUIRES: the lock."""
        self._state.uncertain.add(subscription.callback_id)
        response = await self._once(
            self._stub.SubscribeById,
            self._state.subscribe_request(subscription, request),
        )
        self._state.uncertain.discard(subscription.callback_id)
        self._state.add_subscription(subscription, response)

    async def _sync(self, revision: int, epoch: str) -> Waiter:
        """REQUIRES: the lock: so the id is known before the marker comes."""
        request = self._state.sync_request(revision, epoch)
        response = await self._once(self._stub.Sync, request)
        waiter = Waiter(asyncio.Event())
        self._state.expect_marker(response.sync_id, waiter)
        return waiter

    # The stream.

    async def _ensure_open(self, deadline: float) -> None:
        """Returns when there is a session, or raises why there is none."""
        if self._closed:
            raise RestateError(
                grpc.StatusCode.CANCELLED, "the controller is closed"
            )
        if self._runner is None:
            self._runner = asyncio.create_task(self._run())
        if self._reader is None or self._failure is not None:
            self._failure = None
            self._settled.clear()
            self._reader = asyncio.create_task(self._read())
        try:
            await asyncio.wait_for(
                self._settled.wait(), max(0.0, deadline - time.monotonic())
            )
        except asyncio.TimeoutError:
            raise RestateError(
                grpc.StatusCode.DEADLINE_EXCEEDED,
                "there is no connection to the server",
            ) from None
        if self._failure is not None:
            raise self._failure

    async def _read(self) -> None:
        """Keeps a stream open until the session is closed."""
        ever_settled = False
        attempt = 0
        while not self._closed:
            error = await self._read_stream()
            if self._settled.is_set():
                ever_settled = True
                attempt = 0
                self._settled.clear()
            self._state.stream_ended()
            if error.reason == "SESSION_LOST":
                self._state.lose()
                attempt = 0
            if not ever_settled and not retry.is_passing(error):
                self._failure = error
                self._settled.set()
                return
            await asyncio.sleep(retry.pause(attempt))
            attempt += 1

    async def _read_stream(self) -> RestateError:
        """Reads one stream to its end, and returns why it ended."""
        stream = self._stub.OpenSession(
            self._state.open_request(), wait_for_ready=True
        )
        try:
            async for message in stream:
                if message.HasField("opened"):
                    await self._deliver(await self._take_up(message.opened))
                elif message.HasField("transform_call"):
                    self._hosting.receive(message.transform_call)
                else:
                    async with self._lock:
                        deliveries = list(self._state.received(message))
                    await self._deliver(deliveries)
        except grpc.RpcError as error:
            return errors.from_rpc_error(error)
        except RestateError as error:
            return error
        finally:
            stream.cancel()
        return RestateError(
            grpc.StatusCode.UNAVAILABLE, "the server ended the stream"
        )

    async def _deliver(self, deliveries: Iterable[Delivery]) -> None:
        """Waits while the queue is full."""
        for delivery in deliveries:
            await self._queue.put(delivery)

    async def _take_up(self, opened: pb.SessionOpened) -> list[Delivery]:
        """Brings a session that was opened to where this side is."""
        async with self._lock:
            self._notices += self._state.opened(opened)
            if not opened.resumed:
                for callback_id in list(self._state.callbacks):
                    await self._register(callback_id)
                await self._hosting.resume(opened.session_id, self._timeout)
            for subscription in list(self._state.subscriptions.values()):
                await self._resume(subscription)
            notices, self._notices = self._notices, []
        self._settled.set()
        return notices

    async def _resume(self, subscription: Subscription) -> None:
        """Subscribes again. REQUIRES: the lock."""
        if subscription.starts_over():
            self._notices += self._state.started_over(subscription)
        try:
            await self._subscribe(subscription, subscription.resumption())
        except RestateError as error:
            if retry.is_passing(error):
                raise
            if (
                error.reason == "EPOCH_CHANGED"
                and not subscription.starts_over()
            ):
                subscription.forget()
                await self._resume(subscription)
            else:
                self._notices += self._state.ended(subscription, error)

    # Callbacks.

    async def _run(self) -> None:
        """Runs callbacks until the session is closed."""
        _calling.set(self)
        while not self._closed:
            delivery = await self._queue.get()
            await self._call(delivery)

    async def _call(self, delivery: Delivery) -> None:
        """Runs what a delivery asks for."""
        call = self._dispatch.begin(delivery)
        if call is not None:
            try:
                result = call()
                if inspect.isawaitable(result):
                    await result
            except Exception as error:
                if not self._dispatch.failed(delivery, error):
                    logger.exception("a callback failed")
        acknowledgement = self._dispatch.finish(delivery)
        if acknowledgement is not None:
            self._acknowledging.add(acknowledgement)
