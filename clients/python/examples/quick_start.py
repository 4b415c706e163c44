"""Users, a callback that hears of them, and a number derived from them.

Usage: quick_start.py [HOST:PORT]
"""

import sys

from restate_client import ControllerSync, StateEvent

address = sys.argv[1] if len(sys.argv) > 1 else "localhost:7420"
controller = ControllerSync(address)


def on_users_change(event: StateEvent[ControllerSync]) -> None:
    new_users = event.get_state("/users")
    print(f"Users changed! New value: {new_users}")


controller.subscribe("/users", on_users_change)

controller.set_state("/users/1", {"name": "Alice", "role": "admin"})
controller.set_state("/users/2", {"name": "Bob", "role": "user"})

print(controller.get_state("/users/1"))

controller.derive(
    dest="/stats/admin_count",
    source="/users",
    transform=lambda users: sum(u["role"] == "admin" for u in users.values()),
)

# From now on it is always right.
print("Admin count", controller.get_state("/stats/admin_count"))
controller.set_state("/users/2/role", "admin")
print("Admin count", controller.get_state("/stats/admin_count"))

controller.close()
