"""What an event tells.

Usage: event_properties.py [HOST:PORT]
"""

import sys

from restate_client import ControllerSync, StateEvent

address = sys.argv[1] if len(sys.argv) > 1 else "localhost:7420"


def handler(event: StateEvent[ControllerSync]) -> None:
    print(f"Emitting path: {event.emitting_path}")
    print(f"Current path: {event.current_path}")
    # Values of the emitting path, not of the current path.
    print(f"Previous value: {event.prev_value}")
    print(f"New value: {event.new_value}")
    print(f"Payload: {event.payload}")

    # Read other state.
    config = event.get_state("/config")
    print(f"Config: {config}")

    # Write some. (Writing to /users here would go round in circles.)
    event.set_state("/call_counter", event.get_state("/call_counter", 0) + 1)

    # The controller itself.
    assert event.controller is controller


with ControllerSync(address) as controller:
    controller.set_state("/config", {"theme": "dark"})
    controller.subscribe("/users", handler)

    controller.set_state("/users/1", {"name": "Alice"}, payload="from the web")
    controller.set_state("/users/1/name", "Alicia")

    print(f"Called {controller.get_state('/call_counter')} times")
