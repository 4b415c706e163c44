"""Derived paths: by functions of Python's, and on the server."""

import asyncio
import queue
import random
import subprocess
import sys
import threading
import unittest

from restate_client import (
    ABSENT,
    ControllerAsync,
    ControllerSync,
    Origin,
    RestateError,
    delete_operation,
    set_operation,
)
from server_process import ServerTest

# Seconds after which something that was waited for is not coming.
DEADLINE = 30


class DerivingTest(ServerTest):
    def setUp(self):
        super().setUp()
        self.controller = self.connect()

    def connect(self):
        controller = ControllerSync(self.server.address)
        self.addCleanup(controller.close)
        return controller

    def info(self, dest):
        for info in self.controller.list_derivations():
            if str(info.dest) == dest:
                return info
        self.fail(f"{dest} is not derived")

    def test_a_counter_with_its_square_and_cube(self):
        calls = {"squared": 0, "cubed": 0}

        def power(name, exponent):
            def transform(value):
                calls[name] += 1
                return value**exponent

            return transform

        self.controller.set_state("/counter", 2)
        heard = []
        self.controller.subscribe("/counter/squared", heard.append)
        self.controller.derive("/counter/squared", "/counter", power("squared", 2))
        self.controller.derive("/counter/cubed", "/counter", power("cubed", 3))
        self.assertEqual(calls, {"squared": 1, "cubed": 1})
        for number in range(3, 13):
            self.controller.set_state("/counter", number)
            read = self.controller.batch_get_state(
                ["/counter", "/counter/squared", "/counter/cubed"]
            )
            self.assertEqual(read.values, (number, number**2, number**3))
        # Once for each commit, and not because of themselves.
        self.assertEqual(calls, {"squared": 11, "cubed": 11})
        self.assertEqual(
            [event.new_value for event in heard],
            [number**2 for number in range(2, 13)],
        )
        self.assertEqual({event.origin for event in heard}, {Origin.DERIVATION})
        self.assertEqual(self.info("/counter/squared").runs, 11)

    def test_the_same_in_lua_at_one_revision(self):
        self.controller.derive_lua("/counter/squared", ["/counter"], ["x"], "x * x")
        self.controller.derive_lua(
            "/counter/cubed", ["/counter"], ["x"], "x * x * x"
        )
        revisions = []
        for dest in ("squared", "cubed"):
            self.controller.subscribe(
                f"/counter/{dest}",
                lambda event: revisions.append(event.revision),
            )
        for number in range(1, 11):
            written = self.controller.set_state("/counter", number)
            self.assertEqual(self.controller.get_state("/counter"), number)
            self.assertEqual(
                self.controller.get_state("/counter/squared"), number**2
            )
            self.assertEqual(
                self.controller.get_state("/counter/cubed"), number**3
            )
            self.assertEqual(revisions[-2:], [written.revision] * 2)
        self.assertEqual(len(revisions), 20)
        # Once when it was defined, while there was nothing, is no run.
        self.assertEqual(self.info("/counter/squared").runs, 10)

    def test_absence(self):
        calls = []

        def transform(value):
            calls.append(value)
            return ABSENT if value == 0 else value

        self.controller.derive("/to", "/from", transform)
        self.assertEqual(calls, [])
        self.controller.set_state("/from", 1)
        self.assertEqual(self.controller.get_state("/to"), 1)
        self.controller.set_state("/from", 0)
        self.assertEqual(self.controller.get_state("/to", ABSENT), ABSENT)
        self.controller.set_state("/from", None)
        self.assertIsNone(self.controller.get_state("/to", ABSENT))
        self.controller.delete_state("/from")
        self.assertEqual(self.controller.get_state("/to", ABSENT), ABSENT)
        self.assertEqual(calls, [1, 0, None])

    def test_called_when_absent(self):
        self.controller.derive_many(
            "/sum",
            ["/a", "/b"],
            lambda data: data.get("a", 0) + data.get("/b", 0),
            call_when_absent=True,
        )
        self.assertEqual(self.controller.get_state("/sum"), 0)
        self.controller.set_state("/a", 1)
        self.assertEqual(self.controller.get_state("/sum"), 1)
        self.controller.commit(
            [set_operation("/a", 2), set_operation("/b", 3)]
        )
        self.assertEqual(self.controller.get_state("/sum"), 5)

    def test_an_error_is_shown_and_the_next_call_goes_well(self):
        self.controller.derive("/inverse", "/number", lambda x: 1 / x)
        result = self.controller.set_state("/number", 0)
        self.assertEqual([str(path) for path in result.pending], ["/inverse"])
        self.assertEqual(self.controller.get_state("/inverse", ABSENT), ABSENT)
        info = self.info("/inverse")
        self.assertEqual(info.status, "error")
        self.assertIn("ZeroDivisionError", info.message)
        result = self.controller.set_state("/number", 2)
        self.assertEqual(result.pending, ())
        self.assertEqual(self.controller.get_state("/inverse"), 0.5)
        self.assertEqual(self.info("/inverse").status, "ok")

    def test_a_chain_through_python_and_lua(self):
        self.controller.derive("/b", "/a", lambda a: a + 1)
        self.controller.derive_lua("/c", ["/b"], ["b"], "b * 10")
        self.controller.derive("/d", "/c", lambda c: c + 1)
        result = self.controller.set_state("/a", 1)
        self.assertEqual(self.controller.get_state("/d"), 21)
        self.assertGreater(result.derived_revision, result.revision)
        upstream = {
            str(info.dest): [str(path) for path in info.upstream]
            for info in self.controller.list_derivations()
        }
        self.assertEqual(upstream, {"/b": [], "/c": ["/b"], "/d": ["/c"]})

    def test_payloads_go_with_the_events(self):
        heard = []
        self.controller.derive("/to", "/from", lambda x: x, payload={"by": "me"})
        self.controller.subscribe(
            "/to", lambda event: heard.append((event.new_value, event.payload))
        )
        self.controller.set_state("/from", 1, payload="another")
        self.assertEqual(heard, [(1, {"by": "me"})])

    def test_derived_paths_cannot_be_written(self):
        self.controller.derive("/to", "/from", lambda x: x)
        with self.assertRaises(RestateError) as caught:
            self.controller.set_state("/to", 1)
        self.assertEqual(caught.exception.reason, "DERIVED_PATH")
        self.controller.remove_derivation("/to")
        self.controller.set_state("/to", 1)
        with self.assertRaises(RestateError) as caught:
            self.controller.remove_derivation("/to")
        self.assertEqual(caught.exception.reason, "DERIVATION_NOT_FOUND")

    def test_cycles_are_named(self):
        self.controller.derive("/b", "/a", lambda x: x)
        with self.assertRaises(RestateError) as caught:
            self.controller.derive("/a", "/b", lambda x: x)
        self.assertEqual(caught.exception.reason, "CYCLE")

    def test_another_host_takes_over(self):
        def double(value):
            return value * 2

        self.controller.set_state("/from", 1)
        self.controller.derive("/to", "/from", double, name="double")
        other = self.connect()
        taken = threading.Event()

        def double_too(value):
            taken.set()
            return value * 2

        other.derive("/to", "/from", double_too, name="double")
        self.assertTrue(taken.is_set())
        self.assertEqual(len(self.info("/to").hosts), 2)
        taken.clear()
        self.controller.set_state("/from", 2)
        self.assertTrue(taken.is_set())
        other.close()
        self.controller.set_state("/from", 3)
        self.assertEqual(self.controller.get_state("/to"), 6)
        self.assertEqual(len(self.info("/to").hosts), 1)

    def test_without_a_host_the_value_stays(self):
        other = self.connect()
        other.set_state("/from", 1)
        other.derive("/to", "/from", lambda x: x, name="same")
        other.close()
        result = self.controller.set_state("/from", 2)
        self.assertEqual([str(path) for path in result.pending], ["/to"])
        self.assertEqual(self.controller.get_state("/to"), 1)
        self.assertEqual(self.info("/to").status, "stale")
        self.controller.derive("/to", "/from", lambda x: x, name="same")
        self.assertEqual(self.controller.get_state("/to"), 2)

    def test_progress_while_sources_change_fast(self):
        began, go_on = threading.Event(), threading.Event()
        calls = []

        def slowly(value):
            calls.append(value)
            began.set()
            go_on.wait(DEADLINE)
            return value

        go_on.set()
        self.controller.set_state("/from", 0)
        self.controller.derive("/to", "/from", slowly)
        go_on.clear()
        began.clear()
        self.controller.set_state("/from", 1, wait_derived=False)
        self.assertTrue(began.wait(DEADLINE))
        for value in range(2, 50):
            self.controller.set_state("/from", value, wait_derived=False)
        go_on.set()
        self.controller.set_state("/from", 50)
        self.assertEqual(self.controller.get_state("/to"), 50)
        # One at a time, and not one for each write.
        self.assertEqual(calls[:2], [0, 1])
        self.assertLessEqual(len(calls), 5)

    def test_a_callback_may_wait_for_what_is_derived(self):
        seen = queue.Queue()

        def on_change(event):
            event.set_state("/from", event.new_value)
            seen.put(event.get_state("/to"))

        self.controller.derive("/to", "/from", lambda x: x + 1)
        self.controller.subscribe("/start", on_change)
        self.controller.set_state("/start", 1)
        self.assertEqual(seen.get(timeout=DEADLINE), 2)

    def test_aggregates(self):
        self.controller.derive_aggregate(
            "/by_role", "/users", "count", group_by="value.role"
        )
        self.controller.set_state("/users/1", {"role": "admin"})
        self.controller.set_state("/users/2", {"role": "user"})
        self.controller.set_state("/users/3", {"role": "user"})
        self.assertEqual(
            self.controller.get_state("/by_role"), {"admin": 1, "user": 2}
        )
        self.controller.set_state("/users/3/role", "admin")
        self.assertEqual(
            self.controller.get_state("/by_role"), {"admin": 2, "user": 1}
        )

    def test_the_graph_for_graphviz(self):
        self.controller.derive_lua("/b", ["/a"], ["a"], "a")
        self.controller.derive_lua("/c", ["/b"], ["b"], "b")
        run = subprocess.run(
            [sys.executable, "-m", "restate_client.graph", self.server.address],
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=True,
        )
        self.assertEqual(
            run.stdout,
            "digraph derivations {\n"
            "  rankdir=LR;\n"
            '  "/a" [shape=plaintext];\n'
            '  "/b" [shape=box, label="/b\\nlua, ok"];\n'
            '  "/c" [shape=box, label="/c\\nlua, ok"];\n'
            '  "/a" -> "/b";\n'
            '  "/b" -> "/c";\n'
            "}\n",
        )


class RandomGraphTest(ServerTest):
    def test_each_write_leaves_what_a_recomputation_gives(self):
        seed = 20240607
        for round_number in range(5):
            with self.subTest(seed=seed + round_number):
                self.check(random.Random(seed + round_number))

    def check(self, dice):
        """Some destinations in Lua, some by hosts, each of two earlier ones."""
        top = f"/graph{dice.random()}"
        inputs = [f"{top}/in/{number}" for number in range(4)]
        sources_of = {}
        with ControllerSync(self.server.address) as controller:
            paths = list(inputs)
            for number in range(8):
                dest = f"{top}/out/{number}"
                sources = dice.sample(paths, 2)
                sources_of[dest] = sources
                paths.append(dest)
                if dice.random() < 0.5:
                    controller.derive_lua(
                        dest, sources, ["a", "b"], f"a * 3 + b + {number}"
                    )
                else:
                    controller.derive_many(dest, sources, add(sources, number))
            state = {}
            for _ in range(40):
                operations = []
                for path in dice.sample(inputs, dice.randint(1, 3)):
                    if dice.random() < 0.2:
                        state.pop(path, None)
                        operations.append(delete_operation(path))
                    else:
                        state[path] = dice.randint(-5, 5)
                        operations.append(set_operation(path, state[path]))
                result = controller.commit(operations)
                self.assertEqual(result.pending, ())
                expected = dict(state)
                for number, (dest, (a, b)) in enumerate(sources_of.items()):
                    if a in expected and b in expected:
                        expected[dest] = expected[a] * 3 + expected[b] + number
                read = controller.batch_get_state(paths, ABSENT)
                self.assertEqual(
                    dict(zip(paths, read.values, strict=True)),
                    {path: expected.get(path, ABSENT) for path in paths},
                )
            for dest in sources_of:
                controller.remove_derivation(dest)


def add(sources, number):
    """Returns what the Lua functions of the random graphs do."""
    return lambda data: data[sources[0]] * 3 + data[sources[1]] + number


class EqualityTest(ServerTest):
    def test_a_function_on_the_server(self):
        with ControllerSync(self.server.address) as controller:
            same_id = "old ~= nil and old.id == new.id"
            write = controller.set_state(
                "/user", {"id": 1, "seen": "now"}, equal_lua=same_id
            )
            self.assertTrue(write.changed)
            write = controller.set_state(
                "/user", {"id": 1, "seen": "later"}, equal_lua=same_id
            )
            self.assertFalse(write.changed)
            self.assertEqual(controller.get_state("/user/seen"), "now")
            write = controller.set_state(
                "/user", {"id": 2, "seen": "later"}, equal_lua=same_id
            )
            self.assertTrue(write.changed)
            for source, reason in [
                ("(", "LUA_SYNTAX"),
                ("1", "LUA_ERROR"),
                ("while true do end return true", "LUA_BUDGET"),
            ]:
                with self.assertRaises(RestateError) as caught:
                    controller.set_state("/user", 1, equal_lua=source)
                self.assertEqual(caught.exception.reason, reason)
            self.assertEqual(controller.get_state("/user/id"), 2)


class AwayTest(ServerTest):
    durable = True

    def test_after_a_restart_of_the_server(self):
        controller = ControllerSync(self.server.address)
        self.addCleanup(controller.close)
        told = queue.Queue()

        def transform(value):
            told.put(value)
            return value + 1

        controller.set_state("/from", 1)
        controller.derive("/to", "/from", transform)
        self.assertEqual(told.get(timeout=DEADLINE), 1)
        self.server.kill()
        self.server.start()
        self.assertEqual(told.get(timeout=DEADLINE), 1)
        self.assertEqual(controller.get_state("/to"), 2)
        controller.set_state("/from", 2)
        self.assertEqual(controller.get_state("/to"), 3)


class AsyncDerivingTest(ServerTest):
    def test_deriving_with_an_event_loop(self):
        asyncio.run(self.derive())

    async def derive(self):
        async with ControllerAsync(self.server.address) as controller:
            await controller.set_state("/counter", 2)
            await controller.derive(
                dest="/counter/squared",
                source="/counter",
                transform=lambda x: x**2,
            )

            async def cube(data):
                await asyncio.sleep(0)
                return data["counter"] ** 3

            await controller.derive_many("/counter/cubed", ["/counter"], cube)
            await controller.set_state("/counter", 3)
            self.assertEqual(await controller.get_state("/counter/squared"), 9)
            self.assertEqual(await controller.get_state("/counter/cubed"), 27)
            dests = [
                str(info.dest) async for info in controller.list_derivations()
            ]
            self.assertEqual(dests, ["/counter/cubed", "/counter/squared"])
            await controller.remove_derivation("/counter/cubed")
            self.assertIsNone(await controller.get_state("/counter/cubed"))


if __name__ == "__main__":
    unittest.main()
