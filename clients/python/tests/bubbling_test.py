"""What stop_bubbling keeps from whom, inside one process."""

import unittest

from restate_client import StateEvent
from restate_client.bubbling import Bubbling
from wire_messages import event


def state_event(*args, **kwargs):
    return StateEvent(event(*args, **kwargs), controller=None)


class BubblingTest(unittest.TestCase):
    def setUp(self):
        self.bubbling = Bubbling()
        self.bubbling.stop(state_event(5, "/a/b/c", "/a/b"))

    def test_those_above_do_not_hear(self):
        self.assertTrue(
            self.bubbling.is_stopped(state_event(5, "/a/b/c", "/a"))
        )
        self.assertTrue(self.bubbling.is_stopped(state_event(5, "/a/b/c", "/")))

    def test_those_at_the_same_place_do(self):
        self.assertFalse(
            self.bubbling.is_stopped(state_event(5, "/a/b/c", "/a/b"))
        )

    def test_other_operations_go_on(self):
        for other in (
            state_event(6, "/a/b/c", "/a"),
            state_event(5, "/a/b/c", "/a", index=1),
        ):
            with self.subTest(other=other):
                self.assertFalse(self.bubbling.is_stopped(other))

    def test_a_downward_event_stops_nobody(self):
        # A write to /x is told at /x/y/z first, as an emission of its own.
        self.bubbling.stop(state_event(7, "/x/y/z"))
        self.assertFalse(self.bubbling.is_stopped(state_event(7, "/x")))
        self.assertFalse(self.bubbling.is_stopped(state_event(7, "/x", "/")))

    def test_a_new_epoch_counts_anew(self):
        self.bubbling.clear()
        self.assertFalse(
            self.bubbling.is_stopped(state_event(5, "/a/b/c", "/a"))
        )

    def test_memory_is_bounded(self):
        for revision in range(6, 2000):
            self.bubbling.stop(state_event(revision, "/a"))
        self.assertFalse(
            self.bubbling.is_stopped(state_event(5, "/a/b/c", "/a"))
        )
        self.assertTrue(self.bubbling.is_stopped(state_event(1999, "/a", "/")))


if __name__ == "__main__":
    unittest.main()
