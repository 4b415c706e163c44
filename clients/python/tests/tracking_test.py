"""Tracked callbacks: what they read makes them run again."""

import asyncio
import queue
import threading
import unittest

from restate_client import ControllerAsync, ControllerSync, RestateError
from server_process import ServerTest

# Seconds after which something that was waited for is not coming.
DEADLINE = 30


class TrackingTest(ServerTest):
    def setUp(self):
        super().setUp()
        self.controller = self.connect()
        self.seen = []

    def connect(self):
        controller = ControllerSync(self.server.address)
        self.addCleanup(controller.close)
        return controller

    def test_a_write_returns_after_the_callback_has_run_again(self):
        def count(event):
            self.seen.append(len(event.get_state("/users", {})))

        self.controller.track(count)
        self.assertEqual(self.seen, [0])
        self.controller.set_state("/users/1", {"name": "Alice"})
        self.assertEqual(self.seen, [0, 1])
        self.controller.set_state("/users/2", {"name": "Bob"})
        self.assertEqual(self.seen, [0, 1, 2])
        self.controller.set_state("/elsewhere", 1)
        self.controller.set_state("/users/2", {"name": "Bob"})
        self.assertEqual(self.seen, [0, 1, 2])
        self.controller.ping("/users")
        self.controller.delete_state("/users/1", skip_notify=True)
        self.assertEqual(self.seen, [0, 1, 2, 2, 1])

    def test_a_path_is_read_only_while_a_flag_is_set(self):
        def feature(event):
            legacy = event.get_state("/features/legacy")
            path = "/legacy/data" if legacy else "/new/data"
            self.seen.append(event.get_state(path))

        self.controller.track(feature)
        self.controller.set_state("/legacy/data", "old")
        self.assertEqual(self.seen, [None])
        self.controller.set_state("/new/data", "new")
        self.controller.set_state("/features/legacy", True)
        self.controller.set_state("/new/data", "newer")
        self.controller.set_state("/legacy/data", "older")
        self.assertEqual(self.seen, [None, "new", "old", "older"])

    def test_paths_that_are_computed(self):
        def details(event):
            base = event.get_state("/config/data_path")
            items = event.get_state(base, {})
            self.seen.append(
                [event.get_state(f"{base}/{item}/details") for item in items]
            )

        self.controller.set_state("/config/data_path", "/data")
        self.controller.track(details)
        self.controller.set_state("/data/a", {"details": 1})
        self.controller.set_state("/data/b", {"details": 2})
        self.controller.set_state("/data/a/details", 3)
        self.controller.set_state("/other/c/details", 4)
        self.controller.set_state("/config/data_path", "/other")
        self.assertEqual(self.seen, [[], [1], [1, 2], [3, 2], [4]])

    def test_a_decorator(self):
        @self.controller.track
        def plain(event):
            self.seen.append(("plain", event.get_state("/a"), event.payload))

        @self.controller.track(payload={"why": 1})
        def paid(event):
            self.seen.append(("paid", event.get_state("/b"), event.payload))

        self.controller.set_state("/a", 1)
        self.controller.set_state("/b", 2)
        self.assertEqual(
            self.seen,
            [
                ("plain", None, None),
                ("paid", None, {"why": 1}),
                ("plain", 1, None),
                ("paid", 2, {"why": 1}),
            ],
        )
        self.assertTrue(callable(plain))

    def test_what_it_writes_is_no_reason_to_run_again(self):
        def double(event):
            value = event.get_state("/value", 0)
            event.set_state("/doubled", value * 2)
            self.seen.append(event.get_state("/doubled"))

        self.controller.track(double)
        self.controller.set_state("/value", 4)
        self.assertEqual(self.seen, [0, 8])
        self.controller.set_state("/doubled", 0)
        self.assertEqual(self.seen, [0, 8, 8])
        self.assertEqual(self.controller.get_state("/doubled"), 8)

    def test_trackers_that_make_one_another_run_end(self):
        ran = {"/a": 0, "/b": 0}

        def copy(source, target):
            def callback(event):
                ran[source] += 1
                event.set_state(target, event.get_state(source, 0) + 1)

            return callback

        with self.assertLogs("restate_client", "ERROR") as logs:
            self.controller.track(copy("/a", "/b"))
            self.controller.track(copy("/b", "/a"))
            self.controller.wait_for_callbacks()
            while not logs.output:
                self.controller.wait_for_callbacks()
        self.assertIn("TRACKER_LOOP", logs.output[0])
        self.assertGreater(sum(ran.values()), 100)

    def test_what_another_controller_writes(self):
        told = queue.Queue()

        def report(event):
            told.put(event.batch_get_state(["/a", "/b"]).values)

        self.controller.track(report)
        self.assertEqual(told.get(timeout=DEADLINE), (None, None))
        other = self.connect()
        other.set_state("/a", 1)
        self.assertEqual(told.get(timeout=DEADLINE), (1, None))
        other.set_state("/b", 2)
        self.assertEqual(told.get(timeout=DEADLINE), (1, 2))

    def test_a_listing_is_read_too(self):
        told = queue.Queue()

        def report(event):
            told.put([child.name for child in event.list_children("/users")])

        self.controller.track(report)
        self.assertEqual(told.get(timeout=DEADLINE), [])
        other = self.connect()
        other.set_state("/users/1/name", "Alice")
        self.assertEqual(told.get(timeout=DEADLINE), ["1"])
        other.set_state("/users/2/name", "Bob")
        self.assertEqual(told.get(timeout=DEADLINE), ["1", "2"])
        other.delete_state("/users/1")
        self.assertEqual(told.get(timeout=DEADLINE), ["2"])

    def test_changes_while_it_runs_make_one_more(self):
        began, go_on = threading.Event(), threading.Event()

        def slowly(event):
            self.seen.append(event.get_state("/a"))
            began.set()
            go_on.wait(DEADLINE)

        go_on.set()
        self.controller.track(slowly)
        other = self.connect()
        go_on.clear()
        began.clear()
        other.set_state("/a", 1)
        self.assertTrue(began.wait(DEADLINE))
        for value in range(2, 10):
            other.set_state("/a", value)
        go_on.set()
        self.controller.wait_for_callbacks()
        self.assertEqual(self.seen, [None, 1, 9])

    def test_an_end(self):
        def count(event):
            self.seen.append(event.get_state("/a"))

        self.controller.track(count)
        self.controller.untrack(count)
        self.controller.set_state("/a", 1)
        self.assertEqual(self.seen, [None])
        with self.assertRaises(RestateError) as caught:
            self.controller.untrack(count)
        self.assertEqual(caught.exception.reason, "TRACKER_NOT_FOUND")

    def test_what_the_first_run_raises_is_raised(self):
        def fail(event):
            self.seen.append(event.get_state("/a"))
            raise KeyError("no")

        with self.assertRaises(KeyError):
            self.controller.track(fail)
        self.controller.set_state("/a", 1)
        self.assertEqual(self.seen, [None])

    def test_a_callback_that_fails_runs_again(self):
        def fail(event):
            value = event.get_state("/a")
            self.seen.append(value)
            if value == 1:
                raise KeyError("no")

        self.controller.track(fail)
        with self.assertLogs("restate_client", "ERROR"):
            self.controller.set_state("/a", 1)
        self.controller.set_state("/a", 2)
        self.assertEqual(self.seen, [None, 1, 2])

    def test_tracking_inside_a_callback(self):
        def inner(event):
            self.seen.append(event.get_state("/b"))

        self.controller.subscribe(
            "/a", lambda event: self.controller.track(inner)
        )
        self.controller.set_state("/a", 1)
        self.assertEqual(self.seen, [None])
        self.controller.set_state("/b", 1)
        self.assertEqual(self.seen, [None, 1])


class AwayTest(ServerTest):
    durable = True

    def test_after_a_restart_of_the_server(self):
        told = queue.Queue()
        controller = ControllerSync(self.server.address)
        self.addCleanup(controller.close)
        controller.set_state("/a", 1)
        controller.track(lambda event: told.put(event.get_state("/a")))
        self.assertEqual(told.get(timeout=DEADLINE), 1)
        self.server.kill()
        self.server.start()
        self.assertEqual(told.get(timeout=DEADLINE), 1)
        controller.set_state("/a", 2)
        self.assertEqual(told.get(timeout=DEADLINE), 2)


class AsyncTrackingTest(ServerTest):
    def test_tracking_with_an_event_loop(self):
        asyncio.run(self.track())

    async def track(self):
        seen = []
        async with ControllerAsync(self.server.address) as controller:

            async def double(event):
                value = await event.get_state("/value", 0)
                await event.set_state("/doubled", value * 2)
                seen.append((value, event.payload))

            returned = await controller.track(double, payload="p")
            self.assertIs(returned, double)
            await controller.set_state("/value", 4)
            self.assertEqual(seen, [(0, "p"), (4, "p")])
            self.assertEqual(await controller.get_state("/doubled"), 8)
            await controller.track(lambda event: seen.append("plain"))
            await controller.untrack(double)
            await controller.set_state("/value", 5)
            self.assertEqual(seen[2:], ["plain"])

            async def fail(event):
                raise KeyError("no")

            with self.assertRaises(KeyError):
                await controller.track(fail)


if __name__ == "__main__":
    unittest.main()
