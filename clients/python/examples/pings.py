"""Telling those who listen, without a change.

Usage: pings.py [HOST:PORT]
"""

import sys

from restate_client import ControllerSync, StateEvent

address = sys.argv[1] if len(sys.argv) > 1 else "localhost:7420"


def handler(event: StateEvent) -> None:
    print(
        f"{event.kind} {event.emitting_path}: "
        f"{event.new_value} ({event.payload})"
    )


with ControllerSync(address) as controller:
    controller.set_state("/users", ["Alice"])
    controller.subscribe("/users", handler)

    controller.ping("/users")
    controller.ping("/users", payload="look again")
    # A path that is not there can be pinged as well.
    controller.ping("/users/9")
