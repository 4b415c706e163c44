"""What a lost connection, a lost session and a restarted server leave."""

import queue
import threading
import unittest

from restate_client import ROOT_PATH, ControllerSync, Kind, Mode
from server_process import ServerTest

DEADLINE = 30


class Reader:
    """A controller that only listens, and what it heard."""

    def __init__(self, address, path, **options):
        self.events = queue.Queue()
        self.resets = queue.Queue()
        self.lost = queue.Queue()
        self.controller = ControllerSync(address, on_session_lost=self.lost.put)
        self.controller.subscribe(
            path, self.events.put, on_reset=self.resets.put, **options
        )

    def values(self, count):
        """Waits for so many events and returns their new values."""
        return [
            self.events.get(timeout=DEADLINE).new_value for _ in range(count)
        ]


class DurableTest(ServerTest):
    durable = True

    def setUp(self):
        super().setUp()
        self.writer = ControllerSync(self.server.address)
        self.addCleanup(self.writer.close)

    def read(self, path, **options):
        reader = Reader(self.server.address, path, **options)
        self.addCleanup(reader.controller.close)
        return reader

    def restart(self):
        self.server.kill()
        self.server.start()

    def test_an_idle_reader_misses_nothing(self):
        reader = self.read("/a")
        self.writer.set_state("/a", 0)
        self.assertEqual(reader.values(1), [0])
        for turn in range(3):
            self.restart()
            for value in range(5):
                self.writer.set_state("/a", f"{turn}.{value}")
            self.assertEqual(
                reader.values(5), [f"{turn}.{value}" for value in range(5)]
            )
            self.assertIs(reader.lost.get(timeout=DEADLINE), reader.controller)
        self.assertTrue(reader.resets.empty())

    def test_a_reader_that_heard_nothing_misses_nothing(self):
        reader = self.read("/a")
        self.restart()
        self.writer.set_state("/a", 1)
        self.assertEqual(reader.values(1), [1])

    def test_ids_and_functions_are_there_again(self):
        reader = self.read("/a")
        heard = queue.Queue()
        reader.controller.register_callback(heard.put, force_id="mine")
        reader.controller.subscribe_by_id("/b", "mine")
        self.restart()
        self.writer.set_state("/b", 1)
        self.assertEqual(heard.get(timeout=DEADLINE).new_value, 1)
        # Registered, though not subscribed to anything else.
        reader.controller.subscribe_by_id("/c", "mine")
        reader.controller.set_state("/c", 2)
        self.assertEqual(heard.get(timeout=DEADLINE).new_value, 2)
        reader.controller.unsubscribe("/a", reader.events.put)
        self.writer.set_state("/a", 3)
        reader.controller.wait_for_callbacks()
        self.assertTrue(reader.events.empty())

    def test_own_writes_still_return_after_their_callbacks(self):
        seen = []
        self.writer.subscribe("/a", lambda event: seen.append(event.new_value))
        for value in range(3):
            self.writer.set_state("/a", value)
            self.assertEqual(seen, list(range(value + 1)))
            self.restart()

    def test_killed_under_writes(self):
        reader = self.read("/n")
        stop = threading.Event()
        # The server counts: a write whose outcome is unknown is seen as well.
        failures = []

        def write():
            while not stop.is_set():
                try:
                    self.writer.set_state("/n", 1, mode=Mode.ADD)
                except Exception as error:
                    failures.append(error)

        thread = threading.Thread(target=write)
        thread.start()
        try:
            values = reader.values(20)
            for _ in range(3):
                self.restart()
                values += reader.values(20)
        finally:
            stop.set()
            thread.join()
        last = self.writer.get_state("/n")
        values += reader.values(last - len(values))
        self.assertEqual(values, list(range(1, last + 1)))
        self.assertTrue(reader.events.empty())


class VolatileTest(ServerTest):
    def test_a_new_epoch_resets(self):
        reader = Reader(self.server.address, "/a")
        self.addCleanup(reader.controller.close)
        with ControllerSync(self.server.address) as writer:
            writer.set_state("/a", 1)
            self.assertEqual(reader.values(1), [1])
            self.server.kill()
            self.server.start()
            # In memory: everything is gone, and revisions begin anew.
            writer.set_state("/a", 2)
            reset = reader.resets.get(timeout=DEADLINE)
            self.assertEqual((reset.pattern, reset.path), ("/a", ROOT_PATH))
            event = reader.events.get(timeout=DEADLINE)
            self.assertEqual(event.new_value, 2)
            self.assertIn(event.kind, (Kind.INITIAL, Kind.SET))
            reader.controller.set_state("/a", 3)
            self.assertEqual(reader.values(1), [3])


if __name__ == "__main__":
    unittest.main()
