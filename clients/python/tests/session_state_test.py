"""What a session makes of the server's messages, and how it resumes."""

import threading
import unittest

import grpc

from restate_client import ROOT_PATH, Gap, Reset, ResetDone, RestateError
from restate_client.dispatch import Dispatch
from restate_client.session_state import (
    EventCall,
    HookCall,
    NewEpoch,
    SessionState,
    Told,
    Waiter,
)
from restate_client.subscription import make_subscription
from restate_client.wire import event_pb2
from restate_client.wire import event_service_pb2 as pb
from restate_client.wire.path_pb2 import Path
from restate_client.wire.rpc import status_pb2
from wire_messages import event, events, opened


def batch(*batch_events, **fields):
    return event_pb2.EventBatch(events=batch_events, **fields)


class SessionStateTest(unittest.TestCase):
    def setUp(self):
        self.lost = []
        self.state = SessionState("the controller", self.lost.append)
        self.assertEqual(list(self.state.opened(opened())), [])
        self.callback_id = self.state.add_callback(print, "c", replace=False)

    def subscribe(self, subscription_id, path="/a", callback_id="c", **options):
        subscription = make_subscription(callback_id, path, **options)
        self.state.add_subscription(
            subscription,
            pb.SubscribeByIdResponse(
                subscription_id=subscription_id, revision=10, epoch="e"
            ),
        )
        return subscription

    def received(self, *args):
        return list(self.state.received(events(*args)))

    def test_events_of_a_subscription(self):
        subscription = self.subscribe(1)
        calls = self.received(
            "c", 1, batch(event(11, "/a/x"), event(12, "/a"), resume_token="t")
        )
        self.assertEqual([type(call) for call in calls], [EventCall, EventCall])
        self.assertEqual([call.event.revision for call in calls], [11, 12])
        self.assertEqual(
            [call.event.resume_token for call in calls], [None, "t"]
        )
        self.assertEqual(calls[0].event.controller, "the controller")
        self.assertIs(calls[0].subscription, subscription)

    def marker(self, sync_id):
        message = pb.OpenSessionResponse(sync=pb.SyncMarker(sync_id=sync_id))
        return list(self.state.received(message))

    def test_markers(self):
        waiter = Waiter(threading.Event())
        self.state.expect_marker(1, waiter)
        # Of a stream before this one.
        self.assertEqual(self.marker(7), [])
        (told,) = self.marker(1)
        self.assertFalse(waiter.signal.is_set())
        self.assertIsNone(Dispatch(self.state, lambda session_id, tracker: None).begin(told))
        self.assertTrue(waiter.signal.is_set())
        self.assertTrue(waiter.reached)

    def test_a_lost_stream_loses_the_markers_that_have_not_come(self):
        coming, come = Waiter(threading.Event()), Waiter(threading.Event())
        self.state.expect_marker(1, coming)
        self.state.expect_marker(2, come)
        self.assertEqual(self.marker(2), [Told(come)])
        self.state.stream_ended()
        self.assertEqual(
            (coming.signal.is_set(), coming.reached), (True, False)
        )
        self.assertFalse(come.signal.is_set())
        self.state.closed()
        self.assertEqual((come.signal.is_set(), come.reached), (True, False))

    def test_old_ids_are_ignored_and_others_are_somebody_elses(self):
        self.subscribe(1)
        # A second subscription of the same callback and path replaces it.
        self.subscribe(2)
        self.assertEqual(self.received("c", 1, batch(event(11, "/a"))), [])
        self.assertEqual(len(self.received("c", 2, batch(event(11, "/a")))), 1)
        # Another client subscribed this callback.
        foreign = self.received("c", 9, batch(event(11, "/z")))
        self.assertIsNone(foreign[0].subscription)
        self.assertEqual(
            self.received("unknown", 10, batch(event(11, "/z"))), []
        )
        # Not so while it is not known how one's own request ended.
        self.state.uncertain.add("c")
        self.assertEqual(self.received("c", 9, batch(event(12, "/z"))), [])

    def test_resumption(self):
        # Nothing heard: after the revision at which it began.
        subscription = self.subscribe(1)
        self.assertEqual(subscription.resumption().after_revision, 10)
        self.assertEqual(subscription.resumption().epoch, "e")
        # Something heard: after the newest token.
        self.received("c", 1, batch(resume_token="t1", synced=True))
        self.received("c", 1, batch(event(11, "/a"), resume_token="t2"))
        request = subscription.resumption()
        self.assertEqual(request.resume_token, "t2")
        self.assertEqual(request.history_loss, pb.HISTORY_LOSS_RESET)
        self.assertFalse(subscription.starts_over())

    def test_a_snapshot_that_was_cut_off_begins_again(self):
        subscription = self.subscribe(1, start="snapshot")
        self.received("c", 1, batch(event(10, "/a")))
        self.assertTrue(subscription.starts_over())
        self.assertEqual(
            subscription.resumption().WhichOneof("start"), "snapshot"
        )

    def test_a_start_that_was_never_answered_is_repeated(self):
        subscription = self.subscribe(1, start="a token")
        self.assertEqual(subscription.resumption().resume_token, "a token")
        subscription = self.subscribe(2, start=7)
        self.assertEqual(subscription.resumption().after_revision, 7)

    def test_a_new_stream_retires_the_old_ids(self):
        self.subscribe(1)
        self.assertEqual(list(self.state.opened(opened(resumed=True))), [])
        self.assertEqual(self.received("c", 1, batch(event(11, "/a"))), [])

    def test_a_lost_session(self):
        self.assertTrue(self.state.open_request().resume)
        self.state.lose()
        request = self.state.open_request()
        self.assertEqual((request.session_id, request.resume), ("", False))
        notices = list(self.state.opened(opened("s2")))
        self.assertEqual([type(notice) for notice in notices], [HookCall])
        self.assertEqual(notices[0].argument, "the controller")
        self.assertEqual(self.state.session_id, "s2")

    def test_a_new_epoch_begins_again(self):
        resets = []
        subscription = self.subscribe(1, on_reset=resets.append)
        self.received("c", 1, batch(resume_token="t"))
        self.state.lose()
        notices = list(self.state.opened(opened("s2", epoch="f")))
        self.assertEqual([type(n) for n in notices], [NewEpoch, HookCall])
        self.assertTrue(subscription.starts_over())
        (call,) = self.state.started_over(subscription)
        call.hook(call.argument)
        self.assertEqual(resets, [Reset("/a", ROOT_PATH)])

    def test_gaps_and_resets_come_before_the_events(self):
        heard = []
        self.subscribe(1, on_gap=heard.append, on_reset=heard.append)
        gap = event_pb2.Gap(after_revision=3, through_revision=9, events=4)
        calls = self.received("c", 1, batch(event(11, "/a"), gap=gap))
        self.assertEqual([type(call) for call in calls], [HookCall, EventCall])
        self.assertEqual(calls[0].argument, Gap("/a", 3, 9, 4))
        reset = event_pb2.Reset(path=Path(text="/a/b"))
        calls = self.received("c", 1, batch(reset=reset, gap=gap))
        expected = Reset("/a", ROOT_PATH / "a" / "b", Gap("/a", 3, 9, 4))
        self.assertEqual([call.argument for call in calls], [expected])

    def test_a_reset_below_a_path(self):
        heard = []
        subscription = self.subscribe(
            1, on_reset=heard.append, on_reset_done=heard.append
        )
        path = Path(text="/m")
        reset = event_pb2.Reset(path=path, revision=9, epoch_changed=True)
        gap = event_pb2.Gap(after_revision=8, through_revision=9, path=path)
        first = event(9, "/m/a", kind=event_pb2.EVENT_KIND_INITIAL)
        calls = self.received(
            "c", 1, batch(first, reset=reset, gap=gap, resume_token="before")
        )
        self.assertEqual([type(call) for call in calls], [HookCall, EventCall])
        below = ROOT_PATH / "m"
        self.assertEqual(
            calls[0].argument,
            Reset("/a", below, Gap("/a", 8, 9, 0, below), 9, True),
        )
        self.assertIsNone(calls[1].event.origin)
        # Cut here, all of the reset comes again.
        self.assertEqual(subscription.resumption().resume_token, "before")
        done = event_pb2.ResetDone(path=path)
        second = event(9, "/m/b", kind=event_pb2.EVENT_KIND_INITIAL)
        calls = self.received(
            "c", 1, batch(second, reset_done=done, resume_token="behind")
        )
        self.assertEqual([type(call) for call in calls], [EventCall, HookCall])
        self.assertEqual(calls[1].argument, ResetDone("/a", below))
        self.assertEqual(subscription.resumption().resume_token, "behind")

    def test_an_ended_subscription(self):
        ends = []
        subscription = self.subscribe(1, on_end=ends.append)
        status = status_pb2.Status(code=8, message="too slow")
        ended = pb.SubscriptionEnded(
            callback_id="c", subscription_id=1, status=status
        )
        (call,) = self.state.received(pb.OpenSessionResponse(ended=ended))
        call.hook(call.argument)
        self.assertEqual(ends[0].code, grpc.StatusCode.RESOURCE_EXHAUSTED)
        self.assertFalse(subscription.active)
        self.assertEqual(self.state.subscriptions, {})

    def test_callback_ids(self):
        with self.assertRaises(RestateError) as caught:
            self.state.add_callback(repr, "c", replace=False)
        self.assertEqual(caught.exception.reason, "CALLBACK_EXISTS")
        self.assertEqual(self.state.id_of(print), "c")
        self.state.add_callback(repr, "c", replace=True)
        self.assertIsNone(self.state.id_of(print))
        self.assertEqual(self.state.id_of(repr), "c")
        self.subscribe(1)
        self.state.remove_callback("c")
        self.assertEqual(self.state.subscriptions, {})
        with self.assertRaises(RestateError) as caught:
            self.state.find_subscription("c", "/a")
        self.assertEqual(caught.exception.reason, "CALLBACK_NOT_FOUND")

    def test_dispatch_calls_who_still_wants_it(self):
        heard = []
        self.state.add_callback(heard.append, "d", replace=False)
        subscription = self.subscribe(1, callback_id="d")
        dispatch = Dispatch(self.state, lambda session_id, tracker: None)
        intercepted = event(11, "/a")
        intercepted.ack_token = "ack"
        first, second = self.received(
            "d", 1, batch(intercepted, event(12, "/a"))
        )
        dispatch.begin(first)()
        first.event.stop_bubbling()
        self.assertEqual(
            dispatch.finish(first),
            pb.Acknowledgement(ack_token="ack", stop_bubbling=True),
        )
        self.state.remove_subscription(subscription)
        self.assertIsNone(dispatch.begin(second))
        self.assertIsNone(dispatch.finish(second))
        self.assertEqual([e.revision for e in heard], [11])


if __name__ == "__main__":
    unittest.main()
