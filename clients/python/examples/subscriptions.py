"""Subscribing, unsubscribing, and a wildcard.

Usage: subscriptions.py [HOST:PORT]
"""

import sys

from restate_client import ControllerSync, StateEvent

address = sys.argv[1] if len(sys.argv) > 1 else "localhost:7420"


def handler(event: StateEvent[ControllerSync]) -> None:
    print(f"Config changed to: {event.get_state('/config')}")


def any_user_name_change(event: StateEvent[ControllerSync]) -> None:
    old_name = event.old_value
    new_name = event.new_value
    user_id = event.emitting_path.parent.name

    print(f"user '{user_id}' changed name: {old_name} -> {new_name}")


with ControllerSync(address) as controller:
    controller.subscribe("/config", handler)
    controller.set_state("/config", {"theme": "dark"})
    controller.set_state("/config/theme", "light")
    # What is there already is not written, and nobody is told.
    controller.set_state("/config/theme", "light")

    controller.unsubscribe("/config", handler)
    controller.set_state("/config/theme", "blue")

    controller.subscribe("/users/*/name", any_user_name_change)
    controller.set_state("/users/1/name", "Alice")
    controller.set_state("/users/1", {"name": "Alicia", "role": "admin"})
    controller.set_state("/users", {"1": {"name": "Al"}, "2": {"name": "Bob"}})
    controller.set_state("/users/1/role", "user")
