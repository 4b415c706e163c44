"""Paths that are functions of other paths.

Usage: derived_state.py [HOST:PORT]
"""

import sys

from restate_client import ControllerSync, DeriveData

address = sys.argv[1] if len(sys.argv) > 1 else "localhost:7420"
controller = ControllerSync(address)

# From one source.
controller.derive(
    dest="/cart/total",
    source="/cart/items",
    transform=lambda items: sum(item["price"] for item in items),
)
controller.set_state(
    "/cart/items",
    [{"name": "Book", "price": 10}, {"name": "Pen", "price": 2}],
)
print("total:", controller.get_state("/cart/total"))


# From several.
def aggregate_stats(data: DeriveData) -> dict[str, float]:
    users = data.get("users")
    posts = data.get("posts")
    comments = data.get("comments")
    return {
        "user_count": len(users),
        "post_count": len(posts),
        "comment_count": len(comments),
        "avg_comments_per_post": (len(comments) / len(posts) if posts else 0),
    }


controller.derive_many(
    dest="/stats",
    sources=["/users", "/posts", "/comments"],
    transform=aggregate_stats,
)
controller.set_state("/users", {"1": "Alice", "2": "Bob"})
controller.set_state("/posts", {"1": "Hello", "2": "World"})
print("stats:", controller.get_state("/stats"))
controller.set_state("/comments", {"1": "Hi", "2": "Hey", "3": "Ho"})
print("stats:", controller.get_state("/stats"))

# On the server, in the same commit: below its own source, side by side.
controller.derive_lua("/counter/squared", ["/counter"], ["x"], "x * x")
controller.derive_lua("/counter/cubed", ["/counter"], ["x"], "x * x * x")
for number in range(1, 4):
    controller.set_state("/counter", number)
    print(
        controller.get_state("/counter", view="own_value"),
        controller.get_state("/counter/squared"),
        controller.get_state("/counter/cubed"),
    )

# Kept up child by child.
controller.derive_aggregate("/spent", "/orders", "sum", each="value.price")
controller.set_state("/orders/1", {"price": 10})
controller.set_state("/orders/2", {"price": 5})
print("spent:", controller.get_state("/spent"))
controller.delete_state("/orders/1")
print("spent:", controller.get_state("/spent"))

controller.close()
