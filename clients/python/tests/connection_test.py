"""What a cut connection, and a session closed by another, leave."""

import queue
import threading
import unittest

import grpc

from restate_client import ControllerSync, Kind, RestateError, set_operation
from restate_client.wire.admin_service_pb2 import CompactRequest
from restate_client.wire.admin_service_pb2_grpc import AdminServiceStub
from restate_client.wire.event_service_pb2 import (
    CloseSessionRequest,
    ListSubscriptionsRequest,
)
from restate_client.wire.event_service_pb2_grpc import EventServiceStub
from server_process import ServerTest
from tcp_proxy import TcpProxy

DEADLINE = 30


class ConnectionTest(ServerTest):
    def setUp(self):
        super().setUp()
        self.proxy = TcpProxy(self.server.address)
        self.addCleanup(self.proxy.close)
        self.writer = ControllerSync(self.server.address)
        self.addCleanup(self.writer.close)
        self.events = queue.Queue()
        self.losses = queue.Queue()
        self.lost = queue.Queue()
        self.reader = ControllerSync(
            self.proxy.address, on_session_lost=self.lost.put
        )
        self.addCleanup(self.reader.close)
        self.channel = grpc.insecure_channel(self.server.address)
        self.addCleanup(self.channel.close)
        self.event_service = EventServiceStub(self.channel)

    def subscribe(self, path, **options):
        self.reader.subscribe(
            path,
            self.events.put,
            on_reset=self.losses.put,
            on_gap=self.losses.put,
            **options,
        )

    def values(self, count):
        """Waits for so many events and returns their new values."""
        return [
            self.events.get(timeout=DEADLINE).new_value for _ in range(count)
        ]

    def session_ids(self):
        answer = self.event_service.ListSubscriptions(
            ListSubscriptionsRequest()
        )
        return {info.session_id for info in answer.subscriptions}

    def test_a_cut_connection_resumes_the_session(self):
        self.subscribe("/a")
        self.subscribe("/a/*")
        before = self.session_ids()
        for turn in range(5):
            self.writer.set_state("/a/b", f"before {turn}")
            self.proxy.cut()
            self.writer.set_state("/a/b", f"while {turn}")
            self.proxy.mend()
            self.writer.set_state("/a/b", f"after {turn}")
            # Each is told at /a/b and at /a, once, whatever was cut.
            heard = self.values(6)
            for text in ("before", "while", "after"):
                self.assertEqual(heard.count(f"{text} {turn}"), 2)
        self.reader.wait_for_callbacks()
        self.assertTrue(self.events.empty())
        self.assertEqual(self.session_ids(), before)
        self.assertTrue(self.lost.empty())
        self.assertTrue(self.losses.empty())

    def test_cut_inside_a_commit(self):
        self.subscribe("/n")
        began = threading.Event()
        self.reader.subscribe("/first", lambda event: began.set())
        commit = [set_operation("/first", 1)]
        commit += [set_operation("/n", n) for n in range(5000)]
        self.writer.commit(commit)
        self.assertTrue(began.wait(DEADLINE))
        self.proxy.cut()
        self.proxy.mend()
        self.assertEqual(self.values(5000), list(range(5000)))
        self.reader.wait_for_callbacks()
        self.assertTrue(self.events.empty())

    def test_a_session_that_another_closed(self):
        self.subscribe("/a")
        (session_id,) = self.session_ids()
        self.writer.set_state("/a", 1)
        self.assertEqual(self.values(1), [1])
        self.event_service.CloseSession(
            CloseSessionRequest(session_id=session_id)
        )
        self.writer.set_state("/a", 2)
        self.assertEqual(self.values(1), [2])
        self.assertIs(self.lost.get(timeout=DEADLINE), self.reader)
        self.assertNotIn(session_id, self.session_ids())
        self.assertTrue(self.losses.empty())

    def test_a_history_that_is_gone_resets(self):
        self.subscribe("/a/*")
        self.writer.set_state("/a", {"kept": 1, "gone": 2})
        self.assertEqual(self.values(2), [2, 1])
        (session_id,) = self.session_ids()
        self.proxy.cut()
        self.event_service.CloseSession(
            CloseSessionRequest(session_id=session_id)
        )
        self.writer.delete_state("/a/gone")
        last = self.writer.set_state("/a/new", 3)
        AdminServiceStub(self.channel).Compact(
            CompactRequest(through_revision=last.revision)
        )
        self.proxy.mend()
        reset = self.losses.get(timeout=DEADLINE)
        self.assertEqual((reset.pattern, str(reset.path)), ("/a/*", "/"))
        self.assertIsNotNone(reset.gap)
        events = [self.events.get(timeout=DEADLINE) for _ in range(2)]
        self.assertEqual(
            [(e.kind, str(e.emitting_path), e.new_value) for e in events],
            [(Kind.INITIAL, "/a/kept", 1), (Kind.INITIAL, "/a/new", 3)],
        )
        self.writer.set_state("/a/new", 4)
        self.assertEqual(self.values(1), [4])

    def test_subscribing_while_the_connection_is_cut(self):
        self.subscribe("/a")
        self.proxy.cut()
        subscribed = threading.Thread(target=self.subscribe, args=("/b",))
        subscribed.start()
        self.proxy.mend()
        subscribed.join(DEADLINE)
        self.writer.set_state("/b", 1)
        self.assertEqual(self.values(1), [1])

    def test_a_write_over_a_cut_connection(self):
        # The reader's own write; its callbacks run before it returns, although
        # the stream is cut meanwhile.
        def cut(event):
            self.proxy.cut()
            self.proxy.mend()

        self.reader.subscribe("/a/b", cut)
        self.subscribe("/a")
        try:
            self.reader.set_state("/a/b", 1)
        except RestateError as error:
            # The answer was lost with the connection.
            self.assertEqual(error.code, grpc.StatusCode.UNAVAILABLE)
            self.reader.wait_for_callbacks()
        self.assertEqual(self.events.get_nowait().new_value, 1)
        self.assertTrue(self.events.empty())


if __name__ == "__main__":
    unittest.main()
