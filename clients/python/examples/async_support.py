"""The same with an event loop.

Usage: async_support.py [HOST:PORT]
"""

import asyncio
import sys

from restate_client import ControllerAsync, StateEvent

address = sys.argv[1] if len(sys.argv) > 1 else "localhost:7420"
controller = ControllerAsync(address)


async def main() -> None:
    # Basic operations.
    await controller.set_state("/counter", 0)
    print(await controller.get_state("/counter"))

    async def on_counter_change(event: StateEvent[ControllerAsync]) -> None:
        # What is derived below it is heard of as well.
        if event.emitting_path != event.current_path:
            return
        print(f"counter: {event.new_value}")
        await controller.set_state("/doubled", event.new_value * 2)

    await controller.subscribe("/counter", on_counter_change)

    # Derived state.
    await controller.derive(
        dest="/counter/squared",
        source="/counter",
        transform=lambda x: x**2,
    )

    current = await controller.get_state("/counter", 0)
    await controller.set_state("/counter", current + 3)
    print(f"doubled: {await controller.get_state('/doubled')}")
    print(f"squared: {await controller.get_state('/counter/squared')}")

    await controller.close()


asyncio.run(main())
