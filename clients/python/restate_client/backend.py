"""The storage as the in-process library named it."""

from __future__ import annotations

from typing import Any

from restate_client.paths import PathLike


class Backend:
    """`controller.backend`: the server's storage, whatever is mounted there."""

    def __init__(self, controller: Any) -> None:
        self._controller = controller

    def delete(self, path: PathLike) -> Any:
        """The same as the controller's delete_state."""
        return self._controller.delete_state(path)
