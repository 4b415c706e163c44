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
        print(f"counter: {event.new_value}")
        await controller.set_state("/doubled", event.new_value * 2)

    await controller.subscribe("/counter", on_counter_change)

    current = await controller.get_state("/counter", 0)
    await controller.set_state("/counter", current + 1)
    print(f"doubled: {await controller.get_state('/doubled')}")

    await controller.close()


asyncio.run(main())
