"""stop_bubbling across processes."""

import pathlib
import queue
import subprocess
import sys
import unittest

from restate_client import ControllerSync, set_operation
from server_process import ServerTest

DEADLINE = 30
PROGRAM = pathlib.Path(__file__).parent / "interceptor.py"


class InterceptionTest(ServerTest):
    def setUp(self):
        super().setUp()
        self.inner, self.outer, self.writer = (
            ControllerSync(self.server.address) for _ in range(3)
        )
        for controller in (self.inner, self.outer, self.writer):
            self.addCleanup(controller.close)
        self.heard = queue.Queue()
        for path in ("/deep/nested", "/deep", "/"):
            self.outer.subscribe(path, self.heard.put)

    def next(self, count):
        """Waits for so many events above; returns where, and the new values."""
        events = [self.heard.get(timeout=DEADLINE) for _ in range(count)]
        return [(str(event.current_path), event.new_value) for event in events]

    def start_process(self, path):
        process = subprocess.Popen(
            [sys.executable, PROGRAM, self.server.address, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        self.assertEqual(process.stdout.readline(), "ready\n")
        return process

    def test_a_process_stops_an_operation_for_those_above_elsewhere(self):
        self.start_process("/deep/nested/path")
        for value in range(1, 6):
            self.writer.set_state("/deep/nested/path", value)
        places = ["/deep/nested", "/deep", "/"]
        self.assertEqual(
            self.next(9),
            [(place, value) for value in (1, 3, 5) for place in places],
        )

    def test_a_process_that_is_killed_lets_go(self):
        process = self.start_process("/deep/nested/path")
        self.writer.set_state("/deep/nested/path", -1)
        self.assertEqual(process.stdout.readline(), "holding\n")
        # Only those above wait, and only for that operation.
        self.writer.set_state("/elsewhere", 0)
        self.assertTrue(self.heard.empty())
        process.kill()
        self.assertEqual(
            self.next(4),
            [("/deep/nested", -1), ("/deep", -1), ("/", -1), ("/", 0)],
        )

    def test_those_beside_and_below_hear(self):
        beside = queue.Queue()
        self.outer.subscribe("/deep/nested/path", beside.put)
        self.inner.subscribe(
            "/deep/nested/path",
            lambda event: event.stop_bubbling(),
            intercepting=True,
        )
        self.writer.set_state("/deep/nested/path", 1)
        self.assertEqual(beside.get(timeout=DEADLINE).new_value, 1)
        self.writer.set_state("/other", 2)
        self.assertEqual(self.next(1), [("/", 2)])

    def test_operations_of_one_commit_are_told_apart(self):
        def stop_first(event):
            if event.index == 0:
                event.stop_bubbling()

        self.inner.subscribe("/deep/nested/path", stop_first, intercepting=True)
        self.writer.commit(
            [
                set_operation("/deep/nested/path", 1),
                set_operation("/deep/nested/path", 2),
            ]
        )
        self.assertEqual(
            self.next(3), [("/deep/nested", 2), ("/deep", 2), ("/", 2)]
        )

    def test_an_interceptor_that_leaves_lets_go(self):
        self.inner.subscribe(
            "/deep/nested/path",
            lambda event: event.controller.close(),
            intercepting=True,
        )
        self.writer.set_state("/deep/nested/path", 1)
        self.assertEqual(
            self.next(3), [("/deep/nested", 1), ("/deep", 1), ("/", 1)]
        )

    def test_the_same_process_above_an_interceptor(self):
        places = []

        def note(event):
            places.append(str(event.current_path))

        self.inner.subscribe("/", note)
        self.inner.subscribe("/deep/nested/path", note, intercepting=True)
        # Returns when both have run, though the upper one waits for the lower.
        self.inner.set_state("/deep/nested/path", 1)
        self.assertEqual(places, ["/deep/nested/path", "/"])

    def test_an_event_stopped_without_interception_goes_on_elsewhere(self):
        self.inner.subscribe(
            "/deep/nested/path", lambda event: event.stop_bubbling()
        )
        # Intercepts, but is never called: the callback below has stopped it.
        self.inner.subscribe("/deep/nested", print, intercepting=True)
        self.writer.set_state("/deep/nested/path", 1)
        self.assertEqual(
            self.next(3), [("/deep/nested", 1), ("/deep", 1), ("/", 1)]
        )


if __name__ == "__main__":
    unittest.main()
