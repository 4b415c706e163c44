"""Callbacks by id.

Usage: callback_id.py [HOST:PORT]
"""

import sys

from restate_client import ControllerSync, StateEvent

address = sys.argv[1] if len(sys.argv) > 1 else "localhost:7420"
controller = ControllerSync(address)


def basic_callback(event: StateEvent) -> None:
    print(f"Basic callback: {event.new_value}")


# 1. Basic callback registration: returns an id made for it.
callback_id = controller.register_callback(basic_callback)

# Subscribe using the returned id.
controller.subscribe_by_id("/users", callback_id)

# 2. Named callback: an id of one's own.
stats_callback_id = "stats_callback"


def stats_handler(event: StateEvent) -> None:
    print(f"Stats changed: {event.new_value}")


controller.register_callback(stats_handler, force_id=stats_callback_id)
controller.subscribe_by_id("/stats", stats_callback_id)


# 3. Direct subscription: registers and subscribes.
def config_handler(event: StateEvent) -> None:
    print(f"Config changed: {event.new_value}")


# This also returns the id.
controller.subscribe("/config", config_handler)

controller.set_state("/users", ["Alice"])
controller.set_state("/stats", 1)
controller.set_state("/config", "dark")

# 4. Using an id again: another function takes its place and its subscriptions.


def new_stats_handler(event: StateEvent) -> None:
    print("New stats handler")


controller.register_callback(
    new_stats_handler, force_id=stats_callback_id, replace=True
)
controller.set_state("/stats", 2)

# 5. Unsubscribing, by id and by function.
controller.unsubscribe_by_id("/users", callback_id)
controller.unsubscribe_by_id("/stats", stats_callback_id)
controller.unsubscribe("/config", config_handler)

controller.set_state("/users", ["Alice", "Bob"])
controller.set_state("/stats", 3)
controller.set_state("/config", "light")
print("Nobody heard of the last three")

controller.close()
