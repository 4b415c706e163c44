"""Saves everything that a server holds to a file, or restores it.

Usage: backup.py save FILE [HOST:PORT]
       backup.py restore FILE [HOST:PORT]
"""

import os
import sys
from collections.abc import Iterator

import grpc
from restate_client.wire import admin_service_pb2_grpc, backup_pb2

PIECE_BYTES = 1 << 20


def save(admin: admin_service_pb2_grpc.AdminServiceStub, file: str) -> None:
    # A file with the final name is a whole backup: the call ended well.
    partial = file + ".partial"
    entries = 0
    with open(partial, "wb") as out:
        for part in admin.Backup(backup_pb2.BackupRequest()):
            out.write(part.data)
            entries = part.progress.entries
        out.flush()
        os.fsync(out.fileno())
    os.replace(partial, file)
    print(f"saved {entries} values")


def pieces(file: str) -> Iterator[backup_pb2.RestoreRequest]:
    with open(file, "rb") as source:
        while data := source.read(PIECE_BYTES):
            yield backup_pb2.RestoreRequest(data=data)


def restore(admin: admin_service_pb2_grpc.AdminServiceStub, file: str) -> None:
    restored = admin.Restore(pieces(file))
    print(f"restored {restored.entries} values")


def main() -> None:
    if len(sys.argv) not in (3, 4) or sys.argv[1] not in ("save", "restore"):
        sys.exit(__doc__)
    address = sys.argv[3] if len(sys.argv) > 3 else "localhost:7420"
    with grpc.insecure_channel(address) as channel:
        admin = admin_service_pb2_grpc.AdminServiceStub(channel)
        try:
            (save if sys.argv[1] == "save" else restore)(admin, sys.argv[2])
        except grpc.RpcError as error:
            sys.exit(f"{error.code().name}: {error.details()}")


if __name__ == "__main__":
    main()
