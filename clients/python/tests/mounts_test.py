"""Mounting, by both controllers."""

import asyncio
import os
import tempfile
import unittest

import grpc

from restate_client import (
    CachingBackend,
    ControllerAsync,
    ControllerSync,
    FileSystemBackend,
    InMemoryBackend,
    MountState,
    RestateError,
    RocksDbBackend,
    Serializer,
)
from server_process import ServerTest


class MountsTest(ServerTest):
    durable = True

    def setUp(self):
        super().setUp()
        directory = tempfile.TemporaryDirectory(
            dir=os.environ.get("TEST_TMPDIR")
        )
        self.addCleanup(directory.cleanup)
        self.files = FileSystemBackend(
            directory.name + "/state", Serializer.YAML
        )

    def test_what_was_mounted_is_listed_as_it_was_given(self):
        backends = {
            "/cache": CachingBackend(
                RocksDbBackend(), flush_interval=0.25, flush_on_read=True
            ),
            "/files": self.files,
            "/memory": InMemoryBackend(),
        }
        with ControllerSync(self.server.address) as controller:
            for path, backend in backends.items():
                mount = controller.mount(path, backend)
                self.assertEqual(str(mount.path), path)
            listed = {
                str(mount.path): mount.backend
                for mount in controller.list_mounts()
                if not mount.configured
            }
            self.assertEqual(listed, backends)
            controller.set_state("/files/a", 1)
            self.assertGreater(controller.flush(), 0)
            root, _, files, _, _ = controller.list_mounts()
            self.assertTrue(root.configured)
            self.assertEqual(files.state, MountState.UP)
            self.assertEqual((files.writes, files.pending_writes), (1, 0))
            self.assertEqual(files.problems, ())

    def test_refusals_are_errors(self):
        with ControllerSync(self.server.address) as controller:
            controller.mount("/a", InMemoryBackend())
            with self.assertRaises(RestateError) as caught:
                controller.mount("/a", InMemoryBackend())
            self.assertEqual(caught.exception.reason, "MOUNT_EXISTS")
            with self.assertRaises(RestateError) as caught:
                controller.unmount("/b")
            self.assertEqual(
                caught.exception.code, grpc.StatusCode.NOT_FOUND
            )
            with self.assertRaises(TypeError):
                controller.mount("/c", "memory")

    def test_with_an_event_loop(self):
        async def run():
            async with ControllerAsync(self.server.address) as controller:
                mount = await controller.mount("/files", self.files)
                self.assertEqual(mount.backend, self.files)
                await controller.set_state("/files/a", 1)
                await controller.flush("/files")
                paths = [
                    str(mount.path)
                    for mount in await controller.list_mounts()
                ]
                self.assertEqual(paths, ["/", "/files", "/tmp"])
                discarded = await controller.unmount(
                    "/files", discard_unapplied=True
                )
                self.assertEqual(discarded, 0)
                self.assertIsNone(await controller.get_state("/files"))

        asyncio.run(run())


if __name__ == "__main__":
    unittest.main()
