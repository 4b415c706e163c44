"""Paths, as text or as PurePosixPath.

Both are the text form of the protocol: inside a segment "~1" stands for "/" and
"~0" for "~". `escape` and `unescape` go between a name and its segment.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Union

from restate_client.wire import path_pb2

ROOT_PATH = PurePosixPath("/")

PathLike = Union[str, PurePosixPath]


def to_text(path: PathLike) -> str:
    """Returns "/users/1" for "users/1", "/users//1/", Path("users") / "1"."""
    parts = path.parts if isinstance(path, PurePosixPath) else path.split("/")
    return "/" + "/".join(part for part in parts if part.strip("/"))


def to_wire(path: PathLike) -> path_pb2.Path:
    """Returns the path as a message."""
    return path_pb2.Path(text=to_text(path))


def to_pattern(pattern: PathLike) -> path_pb2.PathPattern:
    """Returns a pattern, such as "/users/*/name", as a message."""
    return path_pb2.PathPattern(text=to_text(pattern))


def from_wire(path: path_pb2.Path) -> PurePosixPath:
    """Returns a path of an answer."""
    return PurePosixPath(path.text or "/")


def escape(name: str) -> str:
    """Returns the segment that stands for a name: "a/b" is "a~1b"."""
    return name.replace("~", "~0").replace("/", "~1")


def unescape(segment: str) -> str:
    """Returns the name that a segment stands for: "a~1b" is "a/b"."""
    return segment.replace("~1", "/").replace("~0", "~")
