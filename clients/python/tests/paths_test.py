"""Paths as text and as PurePosixPath."""

import unittest
from pathlib import PurePosixPath as Path

from restate_client import ROOT_PATH, escape, unescape
from restate_client.paths import from_wire, to_text, to_wire


class PathsTest(unittest.TestCase):
    def test_equal_spellings_are_one_path(self):
        for path in (
            "/users/1",
            "users/1",
            "//users//1/",
            ROOT_PATH / "users" / "1",
            Path("/") / "users" / "1",
            Path("users") / "1",
            Path("//users/1"),
        ):
            with self.subTest(path=path):
                self.assertEqual(to_text(path), "/users/1")

    def test_root(self):
        for path in ("", "/", "//", ROOT_PATH, Path(""), Path("//")):
            with self.subTest(path=path):
                self.assertEqual(to_text(path), "/")

    def test_there_and_back(self):
        self.assertEqual(from_wire(to_wire("a/b~1c")), Path("/a/b~1c"))
        self.assertEqual(from_wire(to_wire(ROOT_PATH)), ROOT_PATH)

    def test_names_are_escaped(self):
        for name, segment in (
            ("a/b", "a~1b"),
            ("~", "~0"),
            ("~1", "~01"),
            ("x", "x"),
        ):
            with self.subTest(name=name):
                self.assertEqual(escape(name), segment)
                self.assertEqual(unescape(segment), name)


if __name__ == "__main__":
    unittest.main()
