"""Subscriptions and callbacks, in an event loop."""

import asyncio
import unittest

from restate_client import ControllerAsync, Kind, RestateError, set_operation
from server_process import ServerTest

DEADLINE = 30


class AsyncSessionTest(ServerTest, unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.controller = await self.connect()
        self.heard = []

    async def connect(self, **options):
        controller = ControllerAsync(self.server.address, **options)
        self.addAsyncCleanup(controller.close)
        return controller

    async def hear(self, event):
        await asyncio.sleep(0)
        self.heard.append((str(event.emitting_path), event.new_value))

    async def test_a_write_returns_after_its_callbacks(self):
        await self.controller.subscribe("/a", self.hear)
        for value in range(20):
            await self.controller.set_state("/a", value)
            self.assertEqual(self.heard[-1], ("/a", value))
        await self.controller.delete_state("/a")
        self.assertEqual(self.heard[-1], ("/a", None))

    async def test_writes_at_once_each_return_after_their_own(self):
        seen = set()
        await self.controller.subscribe(
            "/a/*", lambda event: seen.add(event.new_value)
        )

        async def write(number):
            await self.controller.set_state(f"/a/{number}", number)
            self.assertIn(number, seen)

        await asyncio.gather(*(write(number) for number in range(100)))

    async def test_a_write_inside_a_callback(self):
        order = []

        async def first(event):
            order.append("first begins")
            await event.set_state("/second", event.new_value)
            order.append("first ends")

        await self.controller.subscribe("/first", first)
        await self.controller.subscribe(
            "/second", lambda event: order.append("second")
        )
        await self.controller.set_state("/first", 1)
        await self.controller.wait_for_callbacks()
        self.assertEqual(order, ["first begins", "first ends", "second"])

    async def test_callback_ids(self):
        given = await self.controller.register_callback(self.hear)
        await self.controller.subscribe_by_id("/a", given)
        await self.controller.register_callback(print, force_id="mine")
        with self.assertRaises(RestateError) as caught:
            await self.controller.register_callback(self.hear, force_id="mine")
        self.assertEqual(caught.exception.reason, "CALLBACK_EXISTS")
        await self.controller.subscribe_by_id("/b", "mine")
        await self.controller.register_callback(
            self.hear, force_id="mine", replace=True
        )
        await self.controller.set_state("/a", 1)
        await self.controller.set_state("/b", 2)
        self.assertEqual(self.heard, [("/a", 1), ("/b", 2)])
        await self.controller.unsubscribe_by_id("/a", given)
        await self.controller.unregister_callback("mine")
        await self.controller.set_state("/a", 3)
        await self.controller.set_state("/b", 4)
        self.assertEqual(len(self.heard), 2)

    async def test_snapshot_start(self):
        await self.controller.set_state("/users", {"1": "Alice"})
        kinds = []
        await self.controller.subscribe(
            "/users/*", lambda event: kinds.append(event.kind), start="snapshot"
        )
        await self.controller.set_state("/users/2", "Bob")
        self.assertEqual(kinds, [Kind.INITIAL, Kind.SET])

    async def test_unsubscribing(self):
        await self.controller.subscribe("/a", self.hear)
        await self.controller.unsubscribe("/a", self.hear)
        await self.controller.set_state("/a", 1)
        self.assertEqual(self.heard, [])
        with self.assertRaises(RestateError):
            await self.controller.unsubscribe("/a", self.hear)

    async def test_stopping_in_one_process(self):
        await self.controller.subscribe("/", self.hear)
        await self.controller.subscribe(
            "/a/b", lambda event: event.stop_bubbling()
        )
        await self.controller.set_state("/a/b", 1)
        await self.controller.set_state("/a", 2)
        self.assertEqual(self.heard, [("/a", 2)])

    async def test_a_callback_that_fails_does_not_stop_the_others(self):
        async def failing(event):
            raise ValueError("as expected")

        await self.controller.subscribe("/a/b", failing)
        await self.controller.subscribe("/a", self.hear)
        with self.assertLogs("restate_client", "ERROR"):
            await self.controller.set_state("/a/b", 1)
        self.assertEqual(self.heard, [("/a/b", 1)])

    async def test_more_events_than_the_queue_holds(self):
        await self.controller.subscribe("/n", self.hear)
        await self.controller.commit(
            [set_operation("/n", n) for n in range(3000)]
        )
        self.assertEqual([value for _, value in self.heard], list(range(3000)))

    async def test_closing_inside_a_callback(self):
        closed = asyncio.Event()

        async def close(event):
            await event.controller.close()
            closed.set()

        other = await self.connect()
        await other.subscribe("/a", close)
        await self.controller.set_state("/a", 1)
        await asyncio.wait_for(closed.wait(), DEADLINE)


class AsyncReconnectTest(ServerTest, unittest.IsolatedAsyncioTestCase):
    durable = True

    async def test_a_restart_with_an_idle_reader(self):
        values = []
        reader = ControllerAsync(self.server.address)
        writer = ControllerAsync(self.server.address)
        self.addAsyncCleanup(reader.close)
        self.addAsyncCleanup(writer.close)
        await reader.subscribe(
            "/a", lambda event: values.append(event.new_value)
        )
        await writer.set_state("/a", 1)
        await reader.wait_for_callbacks()
        self.server.kill()
        self.server.start()
        await writer.set_state("/a", 2)
        await reader.set_state("/a", 3)
        await reader.wait_for_callbacks()
        self.assertEqual(values, [1, 2, 3])


if __name__ == "__main__":
    unittest.main()
