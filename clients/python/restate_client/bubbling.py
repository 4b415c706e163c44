"""Which operations this process's callbacks have stopped."""

from __future__ import annotations

from collections import OrderedDict

from restate_client.events import StateEvent

# Events of one operation come close together. What came in between may still
# be stopped after a reconnection, so more than one is remembered.
_REMEMBERED = 1000


class Bubbling:
    """Remembers stop_bubbling for the callbacks further up.

    The events of one operation come deepest first. Those of one emission share
    revision, index and emitting path; a downward event is an emission of its
    own, and stopping it keeps nothing from anybody. For one thread or task.
    """

    def __init__(self) -> None:
        self._stopped_at: OrderedDict[tuple, int] = OrderedDict()

    def stop(self, event: StateEvent) -> None:
        """Keeps the event from those above its current path."""
        self._stopped_at[_emission(event)] = _depth(event)
        while len(self._stopped_at) > _REMEMBERED:
            self._stopped_at.popitem(last=False)

    def is_stopped(self, event: StateEvent) -> bool:
        """Whether a callback below the event's current path has stopped it."""
        depth = self._stopped_at.get(_emission(event))
        return depth is not None and _depth(event) < depth

    def clear(self) -> None:
        """Forgets: revisions start anew."""
        self._stopped_at.clear()


def _emission(event: StateEvent) -> tuple:
    return event.revision, event.index, event.emitting_path


def _depth(event: StateEvent) -> int:
    return len(event.current_path.parts)
