"""Values that are there while a session is."""

import queue
import threading
import unittest

from restate_client import ControllerSync, Origin
from server_process import ServerTest

DEADLINE = 30


class PresenceTest(ServerTest):
    durable = True

    def connect(self, **options):
        controller = ControllerSync(self.server.address, **options)
        self.addCleanup(controller.close)
        return controller

    def test_it_ends_with_the_session(self):
        watcher, other = self.connect(), self.connect()
        gone = queue.Queue()
        watcher.subscribe("/online/*", gone.put, kinds=["delete"])
        other.set_state("/online/other", True, present=True)
        other.set_state("/online/kept", True)
        other.close()
        event = gone.get(timeout=DEADLINE)
        self.assertEqual(str(event.emitting_path), "/online/other")
        self.assertEqual(event.origin, Origin.EXPIRED)
        self.assertEqual(watcher.get_state("/online"), {"kept": True})

    def test_it_is_gone_after_a_restart_and_can_be_written_again(self):
        found = []
        written = threading.Event()

        def announce(controller):
            found.append(controller.get_state("/online"))
            controller.set_state("/online/me", True, present=True)
            written.set()

        watcher = self.connect()
        controller = self.connect(on_session_lost=announce)
        controller.set_state("/online/me", True, present=True)
        self.server.kill()
        self.server.start()
        self.assertTrue(written.wait(DEADLINE))
        self.assertEqual(found, [None])
        self.assertEqual(watcher.get_state("/online"), {"me": True})
        controller.close()
        self.assertIsNone(watcher.get_state("/online"))


if __name__ == "__main__":
    unittest.main()
