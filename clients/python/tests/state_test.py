"""Reading and writing."""

import asyncio
import threading
import unittest

import grpc

from restate_client import (
    ABSENT,
    ControllerAsync,
    ControllerSync,
    Mode,
    RestateError,
    View,
    delete_operation,
    equals,
    exists,
    ping_operation,
    set_operation,
    unchanged_since,
)
from server_process import ServerTest


def same_id(old, new):
    return bool(old) and old["id"] == new["id"]


class StateTest(ServerTest):
    def setUp(self):
        super().setUp()
        self.controller = ControllerSync(self.server.address)
        self.addCleanup(self.controller.close)

    def test_a_hierarchy(self):
        self.controller.set_state("/config/theme", "dark")
        self.controller.set_state("config/colors/primary", "#FF0000")
        self.controller.set_state("/config/colors/secondary", "#00FF00")
        self.assertEqual(
            self.controller.get_state("/config"),
            {
                "theme": "dark",
                "colors": {"primary": "#FF0000", "secondary": "#00FF00"},
            },
        )
        self.assertEqual(
            self.controller.get_state("/config", depth=1),
            {"theme": "dark", "colors": {}},
        )

    def test_defaults(self):
        self.assertIsNone(self.controller.get_state("/volume"))
        self.assertEqual(self.controller.get_state("/volume", default=50), 50)
        self.assertIs(self.controller.get_state("/volume", ABSENT), ABSENT)
        self.assertEqual(
            self.controller.get_state("/volume", 50, write_default=True), 50
        )
        self.assertEqual(
            self.controller.get_state("/volume", 60, write_default=True), 50
        )
        self.controller.set_state("/nothing", None)
        self.assertIsNone(self.controller.get_state("/nothing", 1))

    def test_an_unchanged_write(self):
        first = self.controller.set_state("/a", 1)
        again = self.controller.set_state("/a", 1.0)
        self.assertTrue(first.changed)
        self.assertFalse(again.changed)
        self.assertEqual(again.revision, first.revision)
        self.assertTrue(
            self.controller.set_state("/a", 1, always_write=True).changed
        )

    def test_equality_on_fields(self):
        self.controller.set_state("/user", {"id": 1, "seen": "now"})
        result = self.controller.set_state(
            "/user", {"id": 1, "seen": "later"}, equal_fields=["id"]
        )
        self.assertFalse(result.changed)

    def test_modes(self):
        set_state = self.controller.set_state
        self.assertEqual(set_state("/n", 2, mode=Mode.ADD).value, 2)
        self.assertEqual(set_state("/n", 3, mode="add").value, 5)
        self.assertEqual(set_state("/l", [1], mode=Mode.APPEND).value, [1])
        self.assertEqual(set_state("/l", [2], mode=Mode.APPEND).value, [1, 2])
        self.assertEqual(set_state("/n", 9, mode=Mode.IF_ABSENT).value, 5)
        set_state("/m", {"a": 1, "b": 2})
        set_state("/m", {"a": None, "c": 3}, mode=Mode.MERGE)
        self.assertEqual(self.controller.get_state("/m"), {"b": 2, "c": 3})
        set_state("/m", 7, mode=Mode.VALUE)
        self.assertEqual(
            self.controller.get_state("/m"), {"/": 7, "b": 2, "c": 3}
        )
        self.assertEqual(
            self.controller.get_state("/m", view=View.OWN_VALUE), 7
        )
        with self.assertRaises(ValueError):
            set_state("/m", 1, mode="multiply")

    def test_eq_func(self):
        set_state = self.controller.set_state
        self.assertTrue(
            set_state("/u", {"id": 1, "n": 1}, eq_func=same_id).changed
        )
        self.assertFalse(
            set_state("/u", {"id": 1, "n": 2}, eq_func=same_id).changed
        )
        self.assertTrue(
            set_state("/u", {"id": 2, "n": 3}, eq_func=same_id).changed
        )
        self.assertEqual(self.controller.get_state("/u"), {"id": 2, "n": 3})
        # What eq_func calls different is written and told, equal or not.
        self.assertTrue(
            set_state("/u", {"id": 2, "n": 3}, lambda old, new: False).changed
        )
        with self.assertRaises(ValueError):
            set_state("/u", 1, eq_func=same_id, mode=Mode.ADD)

    def test_eq_func_is_asked_again_when_overtaken(self):
        seen = []

        def overtaken_once(old, new):
            seen.append(old)
            if len(seen) == 1:
                self.controller.set_state("/v", "between")
            return False

        self.controller.set_state("/v", "first")
        self.controller.set_state("/v", "last", eq_func=overtaken_once)
        self.assertEqual(seen, ["first", "between"])
        self.assertEqual(self.controller.get_state("/v"), "last")

    def test_delete(self):
        self.controller.set_state("/users/1", {"name": "Alice"})
        self.assertTrue(self.controller.backend.delete("/users/1").changed)
        self.assertFalse(self.controller.delete_state("/users/1").changed)
        self.assertIsNone(self.controller.get_state("/users"))

    def test_a_transaction(self):
        self.controller.set_state("/stock", 3)
        result = self.controller.commit(
            [
                set_operation("/stock", -1, mode=Mode.ADD),
                delete_operation("/cart"),
                set_operation("/order", {"of": 1}, payload="web"),
                ping_operation("/shop"),
            ],
            [exists("/stock"), equals("/stock", 3), exists("/order", False)],
        )
        self.assertEqual(
            [r.changed for r in result.results], [True, False, True, True]
        )
        self.assertEqual(result.results[0].value, 2)
        with self.assertRaises(RestateError) as caught:
            self.controller.commit(
                [set_operation("/a", 1)], [equals("/stock", 3)]
            )
        self.assertEqual(caught.exception.code, grpc.StatusCode.ABORTED)
        self.assertEqual(caught.exception.reason, "PRECONDITION_FAILED")
        self.assertEqual(caught.exception.metadata["path"], "/stock")
        self.assertIs(self.controller.get_state("/a", ABSENT), ABSENT)

    def test_serializable_reads_and_writes(self):
        self.controller.set_state("/a", 1)
        read = self.controller.batch_get_state(["/a", "/b"], default=0)
        self.assertEqual(read.values, (1, 0))
        self.controller.set_state("/b", 5)
        with self.assertRaises(RestateError) as caught:
            self.controller.set_state(
                "/sum",
                sum(read.values),
                preconditions=[unchanged_since("/b", read.revision)],
                epoch=read.epoch,
            )
        self.assertEqual(caught.exception.reason, "PRECONDITION_FAILED")

    def test_children(self):
        # What is answered before it is durable cannot be read at once.
        for index in range(1200):
            self.controller.set_state(
                f"/list/{index:04}", index, relaxed=index < 1199
            )
        children = list(self.controller.list_children("/list"))
        self.assertEqual(
            [c.name for c in children], [f"{i:04}" for i in range(1200)]
        )
        self.assertEqual(str(children[7].path), "/list/0007")
        self.assertTrue(children[7].has_value)
        self.assertFalse(children[7].has_children)

    def test_errors(self):
        with self.assertRaises(RestateError) as caught:
            self.controller.set_state("/users/*", 1)
        error = caught.exception
        self.assertEqual(error.code, grpc.StatusCode.INVALID_ARGUMENT)
        self.assertEqual(error.reason, "INVALID_PATH")
        self.assertIn('segment "*"', str(error))
        with self.assertRaises(OverflowError):
            self.controller.set_state("/a", 2**63)
        with self.assertRaises(TypeError):
            self.controller.set_state("/a", 1, no_such_option=True)

    def test_many_threads(self):
        def count():
            for _ in range(50):
                self.controller.set_state("/count", 1, mode=Mode.ADD)

        threads = [threading.Thread(target=count) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(self.controller.get_state("/count"), 200)

    def test_nobody_there(self):
        self.server.kill()
        with ControllerSync(self.server.address, timeout=0.2) as controller:
            with self.assertRaises(RestateError) as caught:
                controller.get_state("/a")
        self.assertEqual(
            caught.exception.code, grpc.StatusCode.DEADLINE_EXCEEDED
        )


class AsyncStateTest(ServerTest):
    def test_the_same_calls(self):
        # As in programs, made before there is a loop.
        controller = ControllerAsync(self.server.address)

        async def run():
            async with controller:
                await controller.set_state("/counter", 0)
                self.assertEqual(await controller.get_state("/counter"), 0)
                self.assertEqual(await controller.get_state("/volume", 50), 50)
                self.assertEqual(
                    await controller.get_state("/volume", 50, True), 50
                )
                self.assertEqual(await controller.get_state("/volume", 60), 50)
                self.assertTrue((await controller.ping("/counter")).changed)
                written = await controller.set_state(
                    "/u", {"id": 1}, eq_func=same_id
                )
                self.assertTrue(written.changed)
                unwritten = await controller.set_state(
                    "/u", {"id": 1, "n": 1}, eq_func=same_id
                )
                self.assertFalse(unwritten.changed)
                read = await controller.batch_get_state(["/counter", "/none"])
                self.assertEqual(read.values, (0, None))
                names = [c.name async for c in controller.list_children("/")]
                self.assertEqual(names, ["counter", "u", "volume"])
                self.assertTrue((await controller.backend.delete("/u")).changed)
                result = await controller.commit(
                    [set_operation("/a", 1)], [exists("/u", False)]
                )
                self.assertTrue(result.changed)
                with self.assertRaises(RestateError) as caught:
                    await controller.commit([], [exists("/u")])
                self.assertEqual(caught.exception.reason, "PRECONDITION_FAILED")

        asyncio.run(run())


if __name__ == "__main__":
    unittest.main()
