"""Callbacks that run again when what they have read changes.

Usage: tracking.py [HOST:PORT]
"""

import sys

from restate_client import ControllerSync, StateEvent, TrackedEvent

address = sys.argv[1] if len(sys.argv) > 1 else "localhost:7420"
controller = ControllerSync(address)

controller.set_state("/users", {"1": {"name": "Alice"}})
controller.set_state("/posts/active", {"1": "Hello"})
controller.set_state("/settings", {"public": True})


def compute_dashboard_stats(event: TrackedEvent[ControllerSync]) -> None:
    users = event.get_state("/users")
    active_posts = event.get_state("/posts/active")
    settings = event.get_state("/settings")
    stats = {
        "total_users": len(users),
        "active_posts": len(active_posts),
        "is_public": settings.get("public", False),
    }
    print(f"dashboard: {stats}")


controller.track(compute_dashboard_stats)
controller.set_state("/users/2", {"name": "Bob"})
controller.set_state("/posts/archived/1", "Long ago")
controller.set_state("/settings/public", False)
controller.untrack(compute_dashboard_stats)


# Without tracking, each path has to be named where it is subscribed.
def stats_manual(event: StateEvent[ControllerSync]) -> None:
    print("manual:", event.emitting_path)


manual_paths = ("/users", "/posts/active", "/settings")
for path in manual_paths:
    controller.subscribe(path, stats_manual)
controller.set_state("/posts/active/2", "World")
controller.set_state("/features/premium", False)
for path in manual_paths:
    controller.unsubscribe(path, stats_manual)


# With it, to read one more is all.
@controller.track
def stats_tracked(event: TrackedEvent[ControllerSync]) -> None:
    users = event.get_state("/users")
    if event.get_state("/features/premium"):
        print("tracked:", len(users), event.get_state("/users/premium"))
    else:
        print("tracked:", len(users))


controller.set_state("/users/premium", "Bob")
controller.set_state("/features/premium", True)
controller.untrack(stats_tracked)


# What is read may change from run to run.
@controller.track
def dynamic_computation(event: TrackedEvent[ControllerSync]) -> None:
    base_path = event.get_state("/config/data_path", "/nowhere")
    data = event.get_state(base_path, {})
    details = [event.get_state(f"{base_path}/{item}/details") for item in data]
    print(f"{base_path}: {details}")


controller.set_state("/reports", {"a": {"details": 1}, "b": {"details": 2}})
controller.set_state("/config/data_path", "/reports")
controller.set_state("/reports/a/details", 3)


@controller.track
def feature_example(event: TrackedEvent[ControllerSync]) -> None:
    if event.get_state("/features/legacy"):
        print("legacy:", event.get_state("/legacy/data"))
    else:
        # While the feature is off, /legacy/data is not waited for.
        print("new:", event.get_state("/new/data"))


controller.set_state("/legacy/data", "nobody looks")
controller.set_state("/new/data", "fresh")
controller.set_state("/features/legacy", True)
controller.set_state("/new/data", "nobody looks")
controller.set_state("/legacy/data", "dusty")

controller.close()
