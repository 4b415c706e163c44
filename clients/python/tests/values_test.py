"""Values go to the server and come back as they were."""

import math
import unittest

from restate_client import ABSENT, ControllerSync
from restate_client.values import from_wire, to_wire
from restate_client.wire.value_pb2 import Value
from server_process import ServerTest

VALUES = [
    None,
    True,
    False,
    0,
    -(2**63),
    2**63 - 1,
    2**53 + 1,
    0.0,
    1.5,
    1e300,
    math.inf,
    "",
    "Grüße\n\N{SNOWMAN}",
    "NaN",
    b"",
    bytes(range(256)),
    [],
    [1, [2.0, [None, b"x"]], {"a/b": True, "": 1}],
    {},
    {"name": "Alice", "tags": ["a"], "address": {"city": "Oslo"}},
    {"/": 3, "squared": 9},
]


class ConversionTest(unittest.TestCase):
    def test_kinds_are_kept(self):
        for value in VALUES:
            with self.subTest(value=value):
                back = from_wire(to_wire(value))
                self.assertEqual(back, value)
                self.assertIs(type(back), type(value))

    def test_tuples_and_buffers(self):
        self.assertEqual(from_wire(to_wire((1, (2,)))), [1, [2]])
        self.assertEqual(from_wire(to_wire(bytearray(b"x"))), b"x")

    def test_nan(self):
        self.assertTrue(math.isnan(from_wire(to_wire(math.nan))))

    def test_nothing_is_absent(self):
        self.assertIs(from_wire(Value()), ABSENT)

    def test_what_does_not_fit_is_refused(self):
        for value in (2**63, -(2**63) - 1, [2**64]):
            with self.subTest(value=value), self.assertRaises(OverflowError):
                to_wire(value)
        for value in (object(), {1: 2}, {"a": {2}}):
            with self.subTest(value=value), self.assertRaises(TypeError):
                to_wire(value)


class RoundTripTest(ServerTest):
    def test_through_the_server(self):
        with ControllerSync(self.server.address) as controller:
            for value in VALUES:
                with self.subTest(value=value):
                    controller.set_state("/value", value)
                    back = controller.get_state("/value", ABSENT)
                    self.assertEqual(back, value)
                    self.assertIs(type(back), type(value))
                    controller.delete_state("/value")
                    self.assertIs(
                        controller.get_state("/value", ABSENT), ABSENT
                    )


if __name__ == "__main__":
    unittest.main()
