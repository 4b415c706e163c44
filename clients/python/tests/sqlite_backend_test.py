"""The example of a custom store, as a process of its own."""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import unittest

import grpc

from restate_client import values
from restate_client.paths import to_wire
from restate_client.wire import backend_service_pb2 as wire
from restate_client.wire import backend_service_pb2_grpc

PROGRAM = (
    pathlib.Path(__file__).parent.parent
    / "examples"
    / "sqlite_backend"
    / "sqlite_backend.py"
)
DEADLINE = 30


def version(revision, writer="test"):
    return wire.StoreVersion(writer=writer, revision=revision)


def write(path, value=values.ABSENT, own=False):
    message = wire.StoreWrite(
        path=to_wire(path),
        scope=wire.WRITE_SCOPE_OWN_VALUE if own else wire.WRITE_SCOPE_SUBTREE,
    )
    if value is not values.ABSENT:
        message.value.CopyFrom(values.to_wire(value))
    return message


class SqliteBackendTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(
            dir=os.environ.get("TEST_TMPDIR")
        )
        self.addCleanup(directory.cleanup)
        self.database = os.path.join(directory.name, "state.db")
        self.process = None
        self.start()
        self.addCleanup(self.kill)

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, PROGRAM, self.database, "127.0.0.1:0"],
            stdout=subprocess.PIPE,
            text=True,
        )
        address = self.process.stdout.readline().split()[1]
        self.channel = grpc.insecure_channel(address)
        self.stub = backend_service_pb2_grpc.BackendServiceStub(self.channel)

    def kill(self):
        self.channel.close()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()

    def info(self):
        return self.stub.GetInfo(wire.GetInfoRequest(), timeout=DEADLINE)

    def apply(self, to, *writes, since=None, **fields):
        request = wire.ApplyRequest(
            to=to if isinstance(to, wire.StoreVersion) else version(to),
            writes=writes,
            **fields,
        )
        getattr(request, "from").CopyFrom(since or self.info().version)
        return self.stub.Apply(request, timeout=DEADLINE)

    def scan(self, path="/", start="/", max_entries=1000, **fields):
        response = self.stub.Scan(
            wire.ScanRequest(
                path=to_wire(path),
                start=to_wire(start),
                max_entries=max_entries,
                **{"max_bytes": 1 << 20, **fields},
            ),
            timeout=DEADLINE,
        )
        return response

    def tree(self, path="/", **fields):
        return [
            (entry.path.text, values.from_wire(entry.value))
            for entry in self.scan(path, **fields).entries
        ]

    def assert_refused(self, code, call, *args, **fields):
        with self.assertRaises(grpc.RpcError) as caught:
            call(*args, **fields)
        self.assertEqual(caught.exception.code(), code)
        return caught.exception.details()

    def test_starts_empty_with_an_id_that_stays(self):
        info = self.info()
        self.assertEqual(info.name, "sqlite")
        self.assertEqual(info.version, wire.StoreVersion())
        self.assertTrue(info.store_id)
        self.assertEqual(self.tree(), [])
        self.kill()
        self.start()
        self.assertEqual(self.info().store_id, info.store_id)

    def test_keeps_own_values_in_path_order(self):
        self.apply(1, write("/a", {"b": {"/": 3, "c": 9}, "b!": b"\0", "é": {}}))
        self.apply(2, write("/a~1b", [None, 1.5]), write("/a\x01", True))
        self.assertEqual(
            self.tree(),
            [
                ("/a/b", 3),
                ("/a/b/c", 9),
                ("/a/b!", b"\0"),
                ("/a/é", {}),
                ("/a\x01", True),
                ("/a~1b", [None, 1.5]),
            ],
        )
        self.assertEqual(self.tree("/a/b"), [("/a/b", 3), ("/a/b/c", 9)])
        self.assertEqual(self.tree("/a", start="/a/b/c")[0][0], "/a/b/c")
        self.assertEqual(
            self.tree("/a", start="/a/b/c", exclusive=True)[0][0], "/a/b!"
        )

    def test_pages_are_bounded(self):
        self.apply(1, write("/", {str(i): "x" * 100 for i in range(10)}))
        page = self.scan(max_entries=4)
        self.assertEqual(len(page.entries), 4)
        self.assertTrue(page.more)
        self.assertFalse(self.scan(max_entries=10).more)
        small = self.scan(max_bytes=1)
        self.assertEqual(len(small.entries), 1)
        self.assertTrue(small.more)

    def test_scopes(self):
        self.apply(1, write("/a", {"/": 1, "b": 2}))
        self.apply(2, write("/a", 5, own=True))
        self.assertEqual(self.tree(), [("/a", 5), ("/a/b", 2)])
        self.apply(3, write("/a", own=True))
        self.assertEqual(self.tree(), [("/a/b", 2)])
        self.apply(4, write("/a", 7))
        self.assertEqual(self.tree(), [("/a", 7)])
        self.apply(5, write("/a"))
        self.assertEqual(self.tree(), [])

    def test_a_call_that_comes_again_does_nothing(self):
        start = self.info().version
        self.apply(1, write("/a", 1))
        self.apply(2, write("/a", 2))
        self.apply(2, write("/a", 1), since=start)
        self.assertEqual(self.tree(), [("/a", 2)])

    def test_refuses_what_was_made_for_another_version(self):
        self.apply(1, write("/a", 1))
        details = self.assert_refused(
            grpc.StatusCode.FAILED_PRECONDITION,
            self.apply,
            version(1, "other"),
            write("/a", 2),
            since=wire.StoreVersion(),
        )
        self.assertIn("'test' at revision 1", details)
        self.assertEqual(self.tree(), [("/a", 1)])

    def test_refuses_calls_for_another_store(self):
        for call in (
            lambda: self.apply(1, write("/a", 1), store_id="other"),
            lambda: self.scan(store_id="other"),
        ):
            self.assert_refused(grpc.StatusCode.FAILED_PRECONDITION, call)
        self.assertEqual(self.tree(), [])

    def test_parts_move_the_version_with_the_last(self):
        start = self.info().version
        self.apply(9, write("/a", 1), since=start, more=True)
        self.assertEqual(self.info().version, start)
        self.apply(9, write("/b", 2), since=start)
        self.assertEqual(self.info().version, version(9))
        self.assertEqual(self.tree(), [("/a", 1), ("/b", 2)])

    def test_what_was_answered_survives_a_kill(self):
        for revision in range(1, 6):
            self.apply(revision, write("/n", revision))
            self.kill()
            self.start()
            self.assertEqual(self.info().version, version(revision))
            self.assertEqual(self.tree(), [("/n", revision)])


if __name__ == "__main__":
    unittest.main()
