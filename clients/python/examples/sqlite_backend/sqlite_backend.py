"""A custom store for restate, over SQLite: restate.v1.BackendService, complete.

Usage: sqlite_backend.py DATABASE [HOST:PORT]

Mount it with the backend "remote". docs/custom-backends.md explains each step;
what every call promises is in protos/restate/v1/backend_service.proto.

A row for each own value. Its key is the path with every segment followed by a
zero byte: SQLite compares blobs byte by byte, so the rows are in path order,
and a subtree is one range of keys.
"""

import sqlite3
import sys
import threading
import uuid
from concurrent import futures

import grpc

from restate_client.paths import escape, unescape
from restate_client.wire import backend_service_pb2 as wire
from restate_client.wire import backend_service_pb2_grpc
from restate_client.wire.value_pb2 import Value

SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS own_values (
  key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS store (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  store_id TEXT NOT NULL, writer TEXT NOT NULL, revision INTEGER NOT NULL);
"""


def key_of(path):
    """Returns the key of a path: each segment and a zero byte."""
    segments = path.segments or map(unescape, filter(None, path.text.split("/")))
    return b"".join(segment.encode() + b"\0" for segment in segments)


def text_of(key):
    """Returns the text form of the path with this key."""
    return "/" + "/".join(escape(s.decode()) for s in key.split(b"\0")[:-1])


def end_of(key):
    """Returns the first key after the subtree of this one."""
    return key[:-1] + b"\1" if key else b"\xff"


def own_values(key, value):
    """Yields the rows that a value at a path consists of."""
    if value.WhichOneof("kind") == "map_value" and value.map_value.fields:
        for name, child in value.map_value.fields.items():
            below = b"" if name == "/" else name.encode() + b"\0"
            yield from own_values(key + below, child)
    else:
        yield key, value.SerializeToString()


class SqliteBackend(backend_service_pb2_grpc.BackendServiceServicer):
    """One database, one store; `root` of the requests is not looked at."""

    def __init__(self, database):
        self._lock = threading.Lock()
        self._db = sqlite3.connect(database, check_same_thread=False)
        with self._db:
            self._db.executescript(SCHEMA)
            self._db.execute(
                "INSERT OR IGNORE INTO store VALUES (1, ?, '', 0)",
                (str(uuid.uuid4()),),
            )

    def GetInfo(self, request, context):
        with self._lock:
            store_id, version = self._store()
        return wire.GetInfoResponse(
            name="sqlite", store_id=store_id, version=version
        )

    def Scan(self, request, context):
        within = key_of(request.path)
        start = key_of(request.start)
        if request.exclusive:
            start += b"\0"  # Sorts after the key itself, before all others.
        with self._lock:
            self._check_store_id(request, context)
            rows = self._db.execute(
                "SELECT key, value FROM own_values"
                " WHERE key >= ? AND key < ? ORDER BY key LIMIT ?",
                (max(start, within), end_of(within), request.max_entries + 1),
            ).fetchall()
        response = wire.ScanResponse()
        size = 0
        for key, value in rows:
            size += len(key) + len(value)
            full = len(response.entries) == request.max_entries or (
                response.entries and size > request.max_bytes
            )
            if full:
                response.more = True
                break
            entry = response.entries.add(value=Value.FromString(value))
            entry.path.text = text_of(key)
        return response

    def Apply(self, request, context):
        # One transaction, which an exception rolls back: context.abort raises.
        with self._lock, self._db as db:
            self._check_store_id(request, context)
            _, version = self._store()
            if version == request.to:
                return wire.ApplyResponse()  # The call came before.
            if version != getattr(request, "from"):
                context.abort(
                    grpc.StatusCode.FAILED_PRECONDITION,
                    f"the store was last written by {version.writer!r}"
                    f" at revision {version.revision}",
                )
            for write in request.writes:
                self._write(db, write)
            if not request.more:
                db.execute(
                    "UPDATE store SET writer = ?, revision = ?",
                    (request.to.writer, request.to.revision),
                )
        return wire.ApplyResponse()

    def _write(self, db, write):
        key = key_of(write.path)
        if write.scope == wire.WRITE_SCOPE_OWN_VALUE:
            db.execute("DELETE FROM own_values WHERE key = ?", (key,))
        else:
            db.execute(
                "DELETE FROM own_values WHERE key >= ? AND key < ?",
                (key, end_of(key)),
            )
        if write.HasField("value"):
            db.executemany(
                "INSERT INTO own_values VALUES (?, ?)",
                own_values(key, write.value),
            )

    def _store(self):
        store_id, writer, revision = self._db.execute(
            "SELECT store_id, writer, revision FROM store"
        ).fetchone()
        return store_id, wire.StoreVersion(writer=writer, revision=revision)

    def _check_store_id(self, request, context):
        store_id, _ = self._store()
        if request.store_id not in ("", store_id):
            context.abort(
                grpc.StatusCode.FAILED_PRECONDITION,
                f"this is store {store_id}, not {request.store_id}",
            )


def main():
    database = sys.argv[1]
    address = sys.argv[2] if len(sys.argv) > 2 else "127.0.0.1:7500"
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    backend_service_pb2_grpc.add_BackendServiceServicer_to_server(
        SqliteBackend(database), server
    )
    port = server.add_insecure_port(address)
    server.start()
    print(f"listening {address.rsplit(':', 1)[0]}:{port}", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
