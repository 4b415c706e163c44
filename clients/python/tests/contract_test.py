"""The scenarios that every client library runs, by the generated Python stubs.

tests/contract/README.md says what the steps are.
"""

import glob
import json
import os
import unittest

import grpc
from google.protobuf import json_format, message_factory

from restate_client.wire import event_pb2, state_service_pb2
from restate_client.wire import event_service_pb2 as events_pb
from restate_client.wire.google_rpc import error_details_pb2, status_pb2
from scenario_match import mismatch, substitute
from server_process import ServerTest

SCENARIOS = os.path.join(
    os.environ["TEST_SRCDIR"],
    os.environ["TEST_WORKSPACE"],
    "tests/contract/scenarios",
)
# Every subscription also listens here, where no scenario writes.
FENCE = "/contract-fence"
SERVICE = state_service_pb2.DESCRIPTOR.services_by_name["StateService"]
STREAMED_IN = {"Write"}
STREAMED_OUT = {"Write", "StreamState"}
# Nothing takes longer, or it does not come.
PATIENCE = 30


def class_of(descriptor):
    return message_factory.MessageFactory().GetPrototype(descriptor)


def to_json(message):
    return json_format.MessageToDict(message)


def error_info(status):
    """The ErrorInfo among the details of a google.rpc.Status."""
    for detail in status.details:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            return info
    return error_details_pb2.ErrorInfo()


class Subscription:
    """A Subscribe stream, read by a thread of gRPC's as it is asked."""

    def __init__(self, channel, request):
        self.request = request
        call = channel.unary_stream(
            "/restate.v1.EventService/Subscribe",
            request_serializer=events_pb.SubscribeRequest.SerializeToString,
            response_deserializer=events_pb.SubscribeResponse.FromString,
        )
        self.call = call(request, timeout=PATIENCE)
        self.waiting = []

    def read_until(self, done):
        """Takes batches until one for which `done` holds."""
        for response in self.call:
            self.waiting.extend(response.batch.events)
            if done(response.batch):
                return

    def take(self):
        taken, self.waiting = self.waiting, []
        return [e for e in taken if e.emitting_path.text != FENCE]


class ContractTest(ServerTest):
    def setUp(self):
        super().setUp()
        self.channel = grpc.insecure_channel(self.server.address)
        self.addCleanup(self.channel.close)

    def run_file(self, path):
        with open(path, encoding="utf-8") as file:
            scenarios = json.load(file)["scenarios"]
        self.assertTrue(scenarios)
        for scenario in scenarios:
            with self.subTest(scenario["name"]):
                self.run_scenario(scenario)

    def run_scenario(self, scenario):
        self.variables = {}
        self.subscriptions = {}
        self.invoke("DeleteState", [{"path": {"text": "/"}}])
        try:
            for number, step in enumerate(scenario["steps"], 1):
                with self.subTest(step=number):
                    self.run_step(step)
            for name in list(self.subscriptions):
                self.check_events(name, [])
        finally:
            for subscription in self.subscriptions.values():
                subscription.call.cancel()

    def run_step(self, step):
        if "call" in step:
            self.run_call(step)
        elif "subscribe" in step:
            self.run_subscribe(step)
        elif "events" in step:
            self.check_events(step["events"], step["expect"])
        else:
            self.subscriptions.pop(step["unsubscribe"]).call.cancel()

    def invoke(self, method, requests):
        """Returns the answers of a call."""
        descriptor = SERVICE.methods_by_name[method]
        request_class = class_of(descriptor.input_type)
        messages = [
            json_format.ParseDict(request, request_class())
            for request in requests
        ]
        kind = (
            ("stream" if method in STREAMED_IN else "unary")
            + "_"
            + ("stream" if method in STREAMED_OUT else "unary")
        )
        call = getattr(self.channel, kind)(
            f"/restate.v1.StateService/{method}",
            request_serializer=request_class.SerializeToString,
            response_deserializer=class_of(descriptor.output_type).FromString,
        )
        given = iter(messages) if method in STREAMED_IN else messages[0]
        answer = call(given, timeout=PATIENCE)
        return list(answer) if method in STREAMED_OUT else [answer]

    def run_call(self, step):
        requests = step.get("requests", [step.get("request")])
        requests = substitute(requests, self.variables)
        if "error" in step:
            with self.assertRaises(grpc.RpcError) as raised:
                self.invoke(step["call"], requests)
            self.check_call_error(step["error"], raised.exception)
            return
        answers = self.invoke(step["call"], requests)
        if "requests" in step:
            self.check_answers(step["responses"], answers)
            return
        merged = answers[0]
        for more in answers[1:]:
            merged.MergeFrom(more)
        answer = to_json(merged)
        if "response" in step:
            self.assertIsNone(
                mismatch(step["response"], answer, self.variables)
            )
        for variable, field in step.get("save", {}).items():
            self.variables[variable] = str(answer[field])

    def check_answers(self, expected, answers):
        # Answers may overtake one another; their numbers tell whose they are.
        by_sequence = {}
        for answer in answers:
            by_sequence.setdefault(str(answer.sequence), []).append(answer)
        self.assertEqual(len(answers), len(expected))
        for wanted in expected:
            answer = by_sequence[wanted.get("sequence", "0")].pop(0)
            if "error" in wanted:
                self.check_error(
                    wanted["error"], answer.status.code, answer.status
                )
            else:
                self.assertIsNone(
                    mismatch(wanted, to_json(answer), self.variables)
                )

    def check_call_error(self, expected, error):
        status = status_pb2.Status(message=error.details())
        for key, value in error.trailing_metadata() or ():
            if key == "grpc-status-details-bin":
                status.ParseFromString(value)
        self.check_error(expected, error.code().value[0], status)

    def check_error(self, expected, code, status):
        names = {c.value[0]: c.name for c in grpc.StatusCode}
        self.assertEqual(names[code], expected["code"], status)
        info = error_info(status)
        self.assertEqual(info.domain, "restate", status)
        if "reason" in expected:
            self.assertEqual(info.reason, expected["reason"], status)
        for part in expected.get("message", []):
            self.assertIn(part, status.message)

    def run_subscribe(self, step):
        request = json_format.ParseDict(
            substitute(step["request"], self.variables),
            events_pb.SubscribeRequest(),
        )
        if "error" in step:
            with self.assertRaises(grpc.RpcError) as raised:
                for response in Subscription(self.channel, request).call:
                    self.assertFalse(response.batch.events)
            self.check_call_error(step["error"], raised.exception)
            return
        request.patterns.add(text=FENCE)
        subscription = Subscription(self.channel, request)
        self.subscriptions[step["subscribe"]] = subscription
        subscription.read_until(lambda batch: batch.synced)

    def check_events(self, name, expected):
        subscription = self.subscriptions[name]
        revision = self.emit_fence(subscription.request)
        if revision is not None:
            subscription.read_until(
                lambda batch: batch.events
                and batch.events[-1].revision >= revision
            )
        events = [to_json(event) for event in subscription.take()]
        difference = mismatch(expected, events, self.variables)
        self.assertIsNone(difference, events)

    def emit_fence(self, request):
        """Makes an event that the subscription hears; returns its revision."""
        fence = {"path": {"text": FENCE}}
        asks = lambda *kinds: not request.kinds or set(kinds) & set(
            request.kinds
        )
        if asks(event_pb2.EVENT_KIND_PING):
            operations = [{"ping": fence}]
        elif asks(event_pb2.EVENT_KIND_SET, event_pb2.EVENT_KIND_DELETE):
            operations = [
                {"set": {**fence, "value": {"boolValue": True}}},
                {"delete": fence},
            ]
        else:
            return None
        return self.invoke("Commit", [{"operations": operations}])[0].revision


def _test_of(path):
    return lambda self: self.run_file(path)


for _path in sorted(glob.glob(os.path.join(SCENARIOS, "*.json"))):
    _name = os.path.basename(_path)[: -len(".json")].replace("-", "_")
    setattr(ContractTest, f"test_{_name}", _test_of(_path))


class DurableContractTest(ContractTest):
    durable = True


if __name__ == "__main__":
    unittest.main()
