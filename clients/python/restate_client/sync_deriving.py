"""Deriving paths, for the controller with threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Unpack

from restate_client import deriving, paths, results
from restate_client.deriving import DerivationInfo, DeriveData
from restate_client.options import DeriveOptions
from restate_client.paths import PathLike
from restate_client.results import WriteResult
from restate_client.wire import derivation_service_pb2


class SyncDeriving:
    """The part of ControllerSync that derives paths."""

    # The controller's.
    _calls: Any
    _derivations: Any
    _session: Any
    _wait_told: Any

    def derive(
        self,
        dest: PathLike,
        source: PathLike,
        transform: Callable[[Any], Any],
        payload: Any = None,
        **options: Unpack[DeriveOptions],
    ) -> WriteResult:
        """Makes a path a function of another, whoever writes that.

        The function is called by this process, in a thread of its own, when
        the source has changed; not while it is absent. Returning ABSENT
        removes the destination. While no process derives it, it keeps its
        value. Returns when the destination is computed.

        Args:
          payload: delivered with the events of the destination.
        """
        return self._derived(
            self._session.derive(
                deriving.derive_one(dest, source, transform, payload, **options)
            )
        )

    def derive_many(
        self,
        dest: PathLike,
        sources: Iterable[PathLike],
        transform: Callable[[DeriveData], Any],
        payload: Any = None,
        **options: Unpack[DeriveOptions],
    ) -> WriteResult:
        """As `derive`, from several sources: the function gets DeriveData."""
        return self._derived(
            self._session.derive(
                deriving.derive_many(
                    dest, sources, transform, payload, **options
                )
            )
        )

    def derive_lua(
        self,
        dest: PathLike,
        sources: Iterable[PathLike],
        parameters: Iterable[str],
        source: str,
        payload: Any = None,
        **options: Unpack[DeriveOptions],
    ) -> WriteResult:
        """Makes a path a function in Lua, which the server computes.

        In the same commit that changes a source. Without sources it reads by
        get("/path"), and depends on what it read.
        """
        request = deriving.derive_lua(
            dest, sources, parameters, source, payload, **options
        )
        return self._derived(
            self._calls.call(self._derivations.Derive, request)
        )

    def derive_aggregate(
        self,
        dest: PathLike,
        source: PathLike,
        combine: str,
        each: str = "",
        group_by: str = "",
        payload: Any = None,
        **options: Unpack[DeriveOptions],
    ) -> WriteResult:
        """Makes a path "count", "sum", "min", "max", "mean" or "collect" of
        all children of another, which the server keeps up child by child.

        Args:
          each: a Lua expression of `key` and `value`: what a child adds.
          group_by: another: the child's group.
        """
        request = deriving.derive_aggregate(
            dest, source, combine, each, group_by, payload, **options
        )
        return self._derived(
            self._calls.call(self._derivations.Derive, request)
        )

    def remove_derivation(self, dest: PathLike) -> None:
        """Ends a derivation, and removes its value. NOT_FOUND if there is none."""
        request = derivation_service_pb2.RemoveDerivationRequest(
            dest=paths.to_wire(dest)
        )
        response = self._calls.call(
            self._derivations.RemoveDerivation, request
        )
        self._session.forget_derivation(paths.to_text(dest))
        self._session.wait_told(response.revision, response.epoch)

    def list_derivations(self) -> Iterator[DerivationInfo]:
        """Yields what is derived, by path."""
        request = derivation_service_pb2.ListDerivationsRequest()
        while True:
            page = self._calls.call(
                self._derivations.ListDerivations, request
            )
            for message in page.derivations:
                yield deriving.info(message)
            request.page_token = page.next_page_token
            if not request.page_token:
                return

    def _derived(
        self, response: derivation_service_pb2.DeriveResponse
    ) -> WriteResult:
        result = results.derive_result(response)
        self._wait_told(result)
        return result
