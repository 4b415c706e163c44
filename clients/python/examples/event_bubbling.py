"""Events go up the tree, until somebody stops them.

Usage: event_bubbling.py [HOST:PORT]
"""

import sys

from restate_client import ControllerSync, StateEvent

address = sys.argv[1] if len(sys.argv) > 1 else "localhost:7420"


def root_handler(event: StateEvent) -> None:
    print(f"Something changed at {event.emitting_path}")


def nested_handler(event: StateEvent) -> None:
    print("Handle nested change")
    event.stop_bubbling()  # Keeps it from the callbacks above.


with ControllerSync(address) as controller:
    controller.subscribe("/", root_handler)
    controller.subscribe("/deep/nested/path", nested_handler)

    controller.set_state("/shallow", 1)
    controller.set_state("/deep/nested/path", 2)
    controller.set_state("/deep/nested/path/below", 3)
    controller.set_state("/deep/nested/beside", 4)
