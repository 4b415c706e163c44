"""Subscriptions and callbacks, with threads."""

import queue
import threading
import unittest

from restate_client import (
    ControllerSync,
    Kind,
    Mode,
    Origin,
    RestateError,
    ping_operation,
    set_operation,
)
from server_process import ServerTest

# Seconds after which something that was waited for is not coming.
DEADLINE = 30


class SessionTest(ServerTest):
    def setUp(self):
        super().setUp()
        self.controller = self.connect()
        self.heard = []

    def connect(self, **options):
        controller = ControllerSync(self.server.address, **options)
        self.addCleanup(controller.close)
        return controller

    def hear(self, event):
        self.heard.append((str(event.emitting_path), event.new_value))

    def test_a_write_returns_after_its_callbacks(self):
        ran = []
        gate = threading.Event()

        def slowly(event):
            # Others get their turn before this callback goes on.
            gate.wait(0.01)
            ran.append(event.new_value)

        self.controller.subscribe("/a", slowly)
        for value in range(20):
            self.controller.set_state("/a", value)
            self.assertEqual(ran, list(range(value + 1)))
        self.controller.ping("/a")
        self.assertEqual(len(ran), 21)
        self.controller.delete_state("/a")
        self.assertEqual(len(ran), 22)
        self.controller.commit([set_operation("/a", 1), ping_operation("/a")])
        self.assertEqual(len(ran), 24)
        self.controller.get_state("/a/b", 1, write_default=True)
        self.assertEqual(len(ran), 25)

    def test_many_writers_each_return_after_their_own(self):
        seen = set()
        self.controller.subscribe(
            "/a/*", lambda event: seen.add(event.new_value)
        )
        missing = []

        def write(thread):
            for number in range(25):
                value = f"{thread}:{number}"
                self.controller.set_state(f"/a/{thread}", value)
                if value not in seen:
                    missing.append(value)

        threads = [threading.Thread(target=write, args=(t,)) for t in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(missing, [])
        self.assertEqual(len(seen), 100)

    def test_a_write_inside_a_callback(self):
        order = []

        def first(event):
            order.append("first begins")
            event.set_state("/second", event.new_value)
            order.append("first ends")

        self.controller.subscribe("/first", first)
        self.controller.subscribe(
            "/second", lambda event: order.append("second")
        )
        self.controller.set_state("/first", 1)
        self.controller.wait_for_callbacks()
        self.assertEqual(order, ["first begins", "first ends", "second"])

    def test_an_unchanged_write_tells_nobody(self):
        self.controller.set_state("/a", 1)
        self.controller.subscribe("/a", self.hear)
        self.assertFalse(self.controller.set_state("/a", 1).changed)
        self.controller.set_state("/a", 2, skip_notify=True)
        self.controller.set_state("/a", 3)
        self.assertEqual(self.heard, [("/a", 3)])

    def test_event_properties(self):
        events = []
        self.controller.subscribe("/users/*", events.append)
        result = self.controller.set_state(
            "/users/1/name", None, payload={"by": b"me"}
        )
        (event,) = events
        self.assertEqual(str(event.emitting_path), "/users/1/name")
        self.assertEqual(str(event.current_path), "/users/1")
        self.assertEqual(event.pattern, "/users/*")
        self.assertEqual(event.kind, Kind.SET)
        self.assertEqual(event.origin, Origin.CLIENT)
        self.assertEqual((event.revision, event.index), (result.revision, 0))
        self.assertEqual(event.payload, {"by": b"me"})
        # Nothing before, and None after: not the same.
        self.assertEqual((event.prev_value, event.prev_exists), (None, False))
        self.assertEqual((event.new_value, event.new_exists), (None, True))
        self.assertEqual(event.old_value, event.prev_value)
        self.assertIsNotNone(event.commit_time)
        self.assertIs(event.controller, self.controller)
        self.assertTrue(event.resume_token)

    def test_snapshot_start(self):
        self.controller.set_state("/users", {"1": "Alice", "2": "Bob"})
        events = []
        self.controller.subscribe("/users/*", events.append, start="snapshot")
        self.controller.set_state("/users/3", "Carol")
        self.assertEqual(
            [(e.kind, str(e.emitting_path), e.new_value) for e in events],
            [
                (Kind.INITIAL, "/users/1", "Alice"),
                (Kind.INITIAL, "/users/2", "Bob"),
                (Kind.SET, "/users/3", "Carol"),
            ],
        )

    def test_start_from_a_token_and_a_revision(self):
        events = []
        self.controller.subscribe("/a", events.append)
        first = self.controller.set_state("/a", 1)
        token = events[0].resume_token
        self.controller.unsubscribe("/a", events.append)
        self.controller.set_state("/a", 2)
        self.controller.subscribe("/a", self.hear, start=token)
        self.controller.set_state("/a", 3)
        self.assertEqual(self.heard, [("/a", 2), ("/a", 3)])
        self.controller.unsubscribe("/a", self.hear)
        self.heard.clear()
        self.controller.subscribe("/a", self.hear, start=first.revision)
        self.controller.wait_for_callbacks()
        self.assertEqual(self.heard, [("/a", 2), ("/a", 3)])

    def test_choices_of_a_subscription(self):
        events = []
        self.controller.subscribe(
            "/a", events.append, scope="exact", kinds=["set"], values="none"
        )
        self.controller.set_state("/a", 1)
        self.controller.ping("/a")
        self.controller.set_state("/a/b", 1)
        self.assertEqual([str(e.emitting_path) for e in events], ["/a"])
        self.assertFalse(events[0].new_exists)

    def test_unsubscribing(self):
        self.controller.subscribe("/a", self.hear)
        self.controller.subscribe("/b", self.hear)
        self.controller.unsubscribe("/a", self.hear)
        self.controller.set_state("/a", 1)
        self.controller.set_state("/b", 2)
        self.assertEqual(self.heard, [("/b", 2)])
        with self.assertRaises(RestateError) as caught:
            self.controller.unsubscribe("/a", self.hear)
        self.assertEqual(caught.exception.reason, "SUBSCRIPTION_NOT_FOUND")
        self.controller.unsubscribe("/b", self.hear)
        with self.assertRaises(RestateError) as caught:
            self.controller.unsubscribe("/b", self.hear)
        self.assertEqual(caught.exception.reason, "CALLBACK_NOT_FOUND")

    def test_subscribing_twice_is_once(self):
        first = self.controller.subscribe("/a", self.hear)
        self.assertEqual(self.controller.subscribe("a/", self.hear), first)
        self.controller.set_state("/a", 1)
        self.assertEqual(self.heard, [("/a", 1)])

    def test_callback_ids(self):
        given = self.controller.register_callback(self.hear)
        self.assertTrue(given)
        self.controller.subscribe_by_id("/a", given)
        self.controller.register_callback(lambda event: None, force_id="mine")
        with self.assertRaises(RestateError) as caught:
            self.controller.register_callback(self.hear, force_id="mine")
        self.assertEqual(caught.exception.reason, "CALLBACK_EXISTS")
        self.controller.subscribe_by_id("/b", "mine")
        self.controller.register_callback(
            self.hear, force_id="mine", replace=True
        )
        self.controller.set_state("/a", 1)
        self.controller.set_state("/b", 2)
        self.assertEqual(self.heard, [("/a", 1), ("/b", 2)])
        self.controller.unregister_callback("mine")
        self.controller.set_state("/b", 3)
        self.assertEqual(len(self.heard), 2)
        with self.assertRaises(RestateError) as caught:
            self.controller.subscribe_by_id("/b", "mine")
        self.assertEqual(caught.exception.reason, "CALLBACK_NOT_FOUND")
        self.controller.subscribe_by_id("/b", "mine", ignore_missing=True)

    def test_subscribing_inside_a_callback(self):
        def first(event):
            event.controller.subscribe("/b", self.hear)
            event.controller.unsubscribe("/a", first)

        self.controller.subscribe("/a", first)
        self.controller.set_state("/a", 1)
        self.controller.set_state("/a", 2)
        self.controller.set_state("/b", 3)
        self.assertEqual(self.heard, [("/b", 3)])

    def test_a_callback_that_fails_does_not_stop_the_others(self):
        def failing(event):
            raise ValueError("as expected")

        self.controller.subscribe("/a/b", failing)
        self.controller.subscribe("/a", self.hear)
        with self.assertLogs("restate_client", "ERROR"):
            self.controller.set_state("/a/b", 1)
        self.assertEqual(self.heard, [("/a/b", 1)])

    def test_bubbling_and_stopping_in_one_process(self):
        order = []

        def at(place, stop=False):
            def callback(event):
                order.append(place)
                if stop:
                    event.stop_bubbling()

            return callback

        self.controller.subscribe("/", at("/"))
        self.controller.subscribe("/deep", at("/deep"))
        self.controller.subscribe("/deep/nested", at("/deep/nested"))
        self.controller.set_state("/deep/nested/path", 1)
        self.assertEqual(order, ["/deep/nested", "/deep", "/"])
        order.clear()
        self.controller.subscribe("/deep/nested/path", at("path", stop=True))
        self.controller.set_state("/deep/nested/path", 2)
        self.controller.set_state("/deep/nested/other", 3)
        self.assertEqual(order, ["path", "/deep/nested", "/deep", "/"])

    def test_stopping_one_operation_of_a_commit(self):
        def stop_first(event):
            if event.index == 0:
                event.stop_bubbling()

        self.controller.subscribe("/a/b", stop_first)
        self.controller.subscribe("/a", self.hear)
        self.controller.commit(
            [set_operation("/a/b", 1), set_operation("/a/b", 2)]
        )
        self.assertEqual(self.heard, [("/a/b", 2)])

    def test_stopping_a_downward_event_keeps_nothing_back(self):
        self.controller.set_state("/a", {"b": 1})
        self.controller.subscribe("/a/b", lambda event: event.stop_bubbling())
        self.controller.subscribe("/a", self.hear)
        self.controller.set_state("/a", {"b": 2})
        self.assertEqual(self.heard, [("/a", {"b": 2})])

    def test_stopping_by_a_process_keeps_nothing_from_another(self):
        other = self.connect()
        theirs = queue.Queue()
        other.subscribe("/", theirs.put)
        self.controller.subscribe("/a/b", lambda event: event.stop_bubbling())
        self.controller.set_state("/a/b", 1)
        self.assertEqual(theirs.get(timeout=DEADLINE).new_value, 1)

    def test_more_events_than_the_queue_holds(self):
        seen = []
        self.controller.subscribe(
            "/n", lambda event: seen.append(event.new_value)
        )
        self.controller.commit(
            [set_operation("/n", 1, mode=Mode.ADD) for _ in range(5000)]
        )
        self.assertEqual(seen, list(range(1, 5001)))

    def test_closing_inside_a_callback(self):
        closed = threading.Event()

        def close(event):
            event.controller.close()
            closed.set()

        other = self.connect()
        other.subscribe("/a", close)
        self.controller.set_state("/a", 1)
        self.assertTrue(closed.wait(DEADLINE))


if __name__ == "__main__":
    unittest.main()
