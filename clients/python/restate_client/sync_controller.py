"""The client for programs with threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Optional, Union, Unpack

import grpc

from restate_client import (
    channels,
    mounts,
    paths,
    requests,
    results,
    retry,
    values,
)
from restate_client.backend import Backend
from restate_client.errors import RestateError
from restate_client.mounts import Backends, MountInfo
from restate_client.options import (
    SetOptions,
    SubscribeOptions,
    View,
    WriteOptions,
)
from restate_client.paths import PathLike
from restate_client.results import Child, CommitResult, Snapshot, WriteResult
from restate_client.session_state import Callback
from restate_client.sync_calls import SyncCalls
from restate_client.sync_deriving import SyncDeriving
from restate_client.sync_hosting import SyncHosting
from restate_client.sync_session import SyncSession
from restate_client.sync_tracking import SyncTracking
from restate_client.values import ABSENT
from restate_client.wire import state_service_pb2 as pb
from restate_client.wire.admin_service_pb2_grpc import AdminServiceStub
from restate_client.wire.derivation_service_pb2_grpc import (
    DerivationServiceStub,
)
from restate_client.wire.event_service_pb2_grpc import EventServiceStub
from restate_client.wire.state_service_pb2_grpc import StateServiceStub


class ControllerSync(SyncDeriving):
    """Reads, writes, and listens to a restate server.

    Callbacks run one at a time, in the order of the events, in one thread of
    the controller's. A write returns when this controller's callbacks for it
    have run. Inside a callback a write returns when it is committed, and its
    callbacks run after the present one.

    Paths are text or PurePosixPath. All methods raise RestateError. They are
    thread-safe. A program that forks makes its controllers afterwards.
    """

    def __init__(
        self,
        address: str = "localhost:7420",
        *,
        credentials: Optional[grpc.ChannelCredentials] = None,
        timeout: float = 30.0,
        on_session_lost: Optional[Callable[[ControllerSync], Any]] = None,
    ) -> None:
        """Connects at the first call.

        Args:
          address: HOST:PORT of the server.
          credentials: for TLS; without them the connection is not encrypted.
          timeout: seconds for a call, with all its attempts and pauses.
          on_session_lost: called, like a callback, when the server had lost the
            session and another is there: what was written with `present` is
            gone, and may be written again.
        """
        if credentials is None:
            self._channel = grpc.insecure_channel(address, channels.OPTIONS)
        else:
            self._channel = grpc.secure_channel(
                address, credentials, channels.OPTIONS
            )
        self._calls = SyncCalls(timeout)
        self._state = StateServiceStub(self._channel)
        self._events = EventServiceStub(self._channel)
        self._admin = AdminServiceStub(self._channel)
        self._derivations = DerivationServiceStub(self._channel)
        self._session = SyncSession(
            self._events,
            self._calls,
            timeout,
            self,
            on_session_lost,
            SyncTracking(self._derivations, self._calls, self),
            SyncHosting(self._derivations, self._calls),
        )
        self.backend = Backend(self)

    def close(self) -> None:
        """Ends the session. Callbacks that have not begun are not called."""
        self._session.close()
        self._channel.close()

    def __enter__(self) -> ControllerSync:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()

    # Reading.

    def get_state(
        self,
        path: PathLike,
        default: Any = None,
        write_default: bool = False,
        *,
        view: Union[View, str] = View.ALL,
        depth: int = 0,
        min_revision: int = 0,
        run_id: str = "",
    ) -> Any:
        """Returns what the path reads as, or the default where nothing is.

        Args:
          default: ABSENT tells nothing from None.
          write_default: writes the default where nothing is; returns what is
            there then.
          view: which part of the node.
          depth: levels below the path; 0 is all of them.
          min_revision: waits until the server has published it.
          run_id: the tracked run that reads; TrackedEvent gives it by itself.
        """
        request = requests.get_state(
            path, view, depth, min_revision, run_id
        )
        response = self._calls.call(self._state.GetState, request)
        value = values.from_wire(response.value)
        if value is not ABSENT:
            return value
        if write_default:
            return self.set_state(
                path, default, mode="if_absent", run_id=run_id
            ).value
        return default

    def batch_get_state(
        self,
        paths: Iterable[PathLike],
        default: Any = None,
        *,
        view: Union[View, str] = View.ALL,
        run_id: str = "",
    ) -> Snapshot:
        """Returns what several paths read as at one revision."""
        request = requests.batch_get_state(paths, view, run_id)
        response = self._calls.call(self._state.BatchGetState, request)
        return results.snapshot(response, default)

    def list_children(
        self, path: PathLike, *, run_id: str = ""
    ) -> Iterator[Child]:
        """Yields the children of a path by name, all at one revision.

        With a run_id, that run depends on what the listing showed.
        """
        token = ""
        while True:
            request = requests.list_children(path, token, run_id)
            page = self._calls.call(self._state.ListChildren, request)
            yield from map(results.child, page.children)
            token = page.next_page_token
            if not token:
                return

    # Writing.

    def set_state(
        self,
        path: PathLike,
        value: Any,
        eq_func: Optional[Callable[[Any, Any], bool]] = None,
        payload: Any = None,
        *,
        present: bool = False,
        **options: Unpack[SetOptions],
    ) -> WriteResult:
        """Writes a path, if that changes anything, and tells those who listen.

        Args:
          eq_func: called with the value there (None where nothing is) and the
            new one; nothing is written if it returns true. If somebody else
            writes in between, it is asked again.
          payload: delivered with the events.
          present: the path is deleted when this controller's session is over.
        """
        session_id = self._session.session_id() if present else ""
        request = requests.set_state(
            path, value, payload, session_id, **options
        )
        if eq_func is None:
            return self._write(self._state.SetState, request)
        return self._compare_and_set(request, value, eq_func)

    def delete_state(
        self,
        path: PathLike,
        payload: Any = None,
        *,
        skip_notify: bool = False,
        **options: Unpack[WriteOptions],
    ) -> WriteResult:
        """Deletes a path and everything below it."""
        request = requests.delete_state(path, payload, skip_notify, **options)
        return self._write(self._state.DeleteState, request)

    def ping(
        self,
        path: PathLike,
        payload: Any = None,
        **options: Unpack[WriteOptions],
    ) -> WriteResult:
        """Tells those who listen, without writing."""
        return self._write(
            self._state.Ping, requests.ping(path, payload, **options)
        )

    def commit(
        self,
        operations: Iterable[requests.Operation],
        preconditions: Iterable[requests.Precondition] = (),
        *,
        epoch: str = "",
        relaxed: bool = False,
    ) -> CommitResult:
        """Does all of it under one revision, or nothing.

        Make operations with set_operation, delete_operation and ping_operation,
        and preconditions with unchanged_since, exists and equals.
        """
        request = requests.commit(operations, preconditions, epoch, relaxed)
        response = self._calls.call(
            self._state.Commit, request, retry.may_repeat_write
        )
        result = results.commit_result(response)
        self._wait_told(result)
        return result

    # Listening.

    def subscribe(
        self,
        path: PathLike,
        callback: Callback,
        **options: Unpack[SubscribeOptions],
    ) -> str:
        """Calls a function for every change at the path and below.

        A segment "*" stands for any one name. Subscribing the same function to
        the same path again replaces the subscription. Returns the id of the
        callback.
        """
        return self._session.subscribe(callback, paths.to_text(path), **options)

    def unsubscribe(self, path: PathLike, callback: Callback) -> None:
        """Ends what `subscribe` began. NOT_FOUND if there is nothing to end."""
        self._session.unsubscribe(callback, paths.to_text(path))

    def register_callback(
        self,
        callback: Callback,
        force_id: Optional[str] = None,
        replace: bool = False,
    ) -> str:
        """Gives a function an id to subscribe it by, and returns that.

        With `replace` it takes over an id that is there, and its subscriptions;
        otherwise that is ALREADY_EXISTS.
        """
        return self._session.register(callback, force_id, replace)

    def unregister_callback(self, callback_id: str) -> None:
        """Forgets a callback, and ends its subscriptions.

        NOT_FOUND if there is none.
        """
        self._session.unregister(callback_id)

    def subscribe_by_id(
        self,
        path: PathLike,
        callback_id: str,
        ignore_missing: bool = False,
        **options: Unpack[SubscribeOptions],
    ) -> None:
        """Subscribes a registered callback.

        NOT_FOUND if there is none; with `ignore_missing` nothing happens then.
        """
        if ignore_missing and not self._session.has_callback(callback_id):
            return
        self._session.subscribe_by_id(
            callback_id, paths.to_text(path), **options
        )

    def unsubscribe_by_id(self, path: PathLike, callback_id: str) -> None:
        """Ends a callback's subscription. NOT_FOUND if there is none."""
        self._session.unsubscribe_by_id(callback_id, paths.to_text(path))

    def track(
        self, callback: Optional[Callback] = None, payload: Any = None
    ) -> Any:
        """Runs a function, and again whenever something it has read changes.

        It is called with a TrackedEvent, by which it reads. The first run is
        over when this returns; what it raises is raised here, and the function
        is not tracked. Returns the
        function, so that this is also a decorator, with or without a payload.
        """
        if callback is None:
            return lambda function: self.track(function, payload)
        self._session.track(callback, payload)
        return callback

    def untrack(self, callback: Callback) -> None:
        """Ends what `track` began. NOT_FOUND if there is nothing to end."""
        self._session.untrack(callback)

    def wait_for_callbacks(self) -> None:
        """Returns when callbacks have run for everything committed before."""
        request = requests.get_state("/", View.OWN_VALUE)
        response = self._calls.call(self._state.GetState, request)
        self._session.wait_told(response.revision, response.epoch)

    # Mounts.

    def mount(self, path: PathLike, backend: Backends) -> MountInfo:
        """Mounts a backend, and returns what is mounted.

        With a data directory it comes back at every start of the server, until
        it is unmounted. ALREADY_EXISTS if something is mounted there.
        """
        response = self._calls.call(
            self._admin.Mount, mounts.mount(path, backend), retry.never
        )
        return mounts.info(response.mount)

    def unmount(
        self, path: PathLike, *, discard_unapplied: bool = False
    ) -> int:
        """Flushes a mount and takes it away; what it hid reappears.

        With discard_unapplied, what the store does not take now is given up:
        for a store that is gone for good. Returns how many writes that were.

        NOT_FOUND if there is none; FAILED_PRECONDITION if the server's
        configuration names it; UNAVAILABLE if it cannot be flushed: it stays.
        """
        request = mounts.unmount(path, discard_unapplied)
        response = self._calls.call(
            self._admin.Unmount, request, retry.never
        )
        return response.discarded_writes

    def list_mounts(self) -> list[MountInfo]:
        """Returns what is mounted, and how it is, in path order."""
        response = self._calls.call(
            self._admin.ListMounts, mounts.list_mounts()
        )
        return [mounts.info(mount) for mount in response.mounts]

    def flush(self, path: PathLike = "/") -> int:
        """Brings what is written at the path and below to the backends.

        Returns a revision up to which everything is there.
        """
        response = self._calls.call(self._admin.Flush, mounts.flush(path))
        return response.revision

    # Steps.

    def _write(self, method: Any, request: Any) -> WriteResult:
        response = self._calls.call(method, request, retry.may_repeat_write)
        result = results.write_result(response)
        self._wait_told(result)
        return result

    def _compare_and_set(
        self,
        request: pb.SetStateRequest,
        value: Any,
        eq_func: Callable[[Any, Any], bool],
    ) -> WriteResult:
        read_request = requests.read_to_compare(request)
        while True:
            read = self._calls.call(self._state.GetState, read_request)
            old = values.or_default(values.from_wire(read.value), None)
            if eq_func(old, value):
                return results.unwritten(read)
            try:
                return self._write(
                    self._state.SetState,
                    requests.compare_and_set(request, read),
                )
            except RestateError as error:
                if not retry.was_overtaken(error):
                    raise

    def _wait_told(self, result: Union[WriteResult, CommitResult]) -> None:
        if result.changed:
            revision = max(result.revision, result.derived_revision)
            self._session.wait_told(revision, result.epoch)
