#include "service/mounts/mount_adapter.h"

#include <string>

#include "engine/error/error.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

v1::MountSpec FromJson(const std::string& json) {
  v1::MountSpec spec;
  EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(json, &spec).ok())
      << json;
  return spec;
}

// "REASON: message" of the refusal; empty if it is taken.
std::string RefusalOf(const std::string& json) {
  const absl::StatusOr<MountConfig> mount = DecodeMountSpec(FromJson(json));
  if (mount.ok()) return "";
  return ErrorReason(mount.status()) + ": " +
         std::string(mount.status().message());
}

TEST(MountAdapter, FillsInDefaults) {
  const absl::StatusOr<MountConfig> files = DecodeMountSpec(FromJson(
      R"({"path": {"text": "a/b"}, "filesystem": {"directory": "/x/./y//"},
          "cache": {}})"));
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_EQ(files->at.ToText(), "/a/b");
  EXPECT_EQ(files->backend, BackendKind::kFilesystem);
  EXPECT_EQ(files->directory, "/x/y");
  EXPECT_EQ(files->serializer, "json");
  EXPECT_FALSE(files->read_only);
  EXPECT_EQ(files->cache, CachePolicy());

  const absl::StatusOr<MountConfig> remote = DecodeMountSpec(FromJson(
      R"({"path": {"text": "/r"}, "remote": {"address": "store:1"}})"));
  ASSERT_TRUE(remote.ok()) << remote.status();
  EXPECT_EQ(remote->deadline, absl::Seconds(5));
  EXPECT_TRUE(remote->export_path.is_root());
  EXPECT_FALSE(remote->cache.has_value());
}

TEST(MountAdapter, WhatIsEncodedDecodesToTheSame) {
  for (const char* json :
       {R"({"path": {"text": "/a"}, "memory": {}})",
        R"({"path": {"text": "/a"}, "rocksdb": {},
            "cache": {"flushInterval": "0.250s", "flushOnRead": true,
                      "flushOnWrite": false, "flushOnDelete": false}})",
        R"({"path": {"text": "/a"}, "filesystem": {"directory": "/d",
            "serializer": "FILE_SERIALIZER_TEXTPROTO", "readOnly": true}})",
        R"({"path": {"text": "/a"}, "remote": {"address": "h:1",
            "exportPath": {"text": "/e"}, "deadline": "1.5s"}})"}) {
    const v1::MountSpec spec = FromJson(json);
    const absl::StatusOr<MountConfig> mount = DecodeMountSpec(spec);
    ASSERT_TRUE(mount.ok()) << mount.status();
    EXPECT_EQ(EncodeMountSpec(*mount).SerializeAsString(),
              spec.SerializeAsString())
        << json;
  }
}

TEST(MountAdapter, RefusesWhatCannotBeMounted) {
  EXPECT_EQ(RefusalOf(R"({"memory": {}})"),
            "INVALID_REQUEST: the mount names no path");
  EXPECT_EQ(RefusalOf(R"({"path": {"text": "/a"}})"),
            "INVALID_REQUEST: the mount names no backend: set memory, rocksdb, "
            "filesystem or remote");
  EXPECT_EQ(RefusalOf(R"({"path": {"text": "/a"}, "filesystem": {}})"),
            "INVALID_REQUEST: the filesystem mount at /a needs a directory");
  EXPECT_EQ(RefusalOf(R"({"path": {"text": "/a"},
                          "filesystem": {"directory": "d"}})"),
            "INVALID_REQUEST: the filesystem mount at /a needs an absolute "
            "directory, not \"d\"");
  EXPECT_EQ(RefusalOf(R"({"path": {"text": "/a"}, "filesystem":
                          {"directory": "/d", "serializer": 9}})"),
            "INVALID_REQUEST: serializer 9 is not one that this server knows");
  EXPECT_EQ(RefusalOf(R"({"path": {"text": "/a"}, "remote": {}})"),
            "INVALID_REQUEST: the remote mount at /a needs the address of its "
            "store, such as store.example.com:7500");
  EXPECT_EQ(RefusalOf(R"({"path": {"text": "/a"}, "remote":
                          {"address": "h:1", "deadline": "0s"}})"),
            "INVALID_REQUEST: the remote mount at /a needs a deadline above 0 "
            "s and of at most 1 h");
  EXPECT_EQ(RefusalOf(R"({"path": {"text": "/a"}, "memory": {},
                          "cache": {"flushInterval": "-1s"}})"),
            "INVALID_REQUEST: the memory mount at /a needs a flush_interval "
            "from 0 s to 24 h");
  EXPECT_TRUE(RefusalOf(R"({"path": {"text": "/a/*"}, "memory": {}})")
                  .starts_with("INVALID_PATH: "));
}

TEST(MountAdapter, ADifferentBackendIsADifferentIdentity) {
  MountConfig mount;
  mount.backend = BackendKind::kFilesystem;
  mount.directory = "/d";
  EXPECT_EQ(IdentityOf(mount), "filesystem /d json");
  mount.serializer = "yaml";
  mount.cache.emplace();
  EXPECT_EQ(IdentityOf(mount), "caching filesystem /d yaml");
  mount.cache->flush_interval = absl::Seconds(1);
  EXPECT_EQ(IdentityOf(mount), "caching filesystem /d yaml");
  mount = MountConfig();
  EXPECT_EQ(IdentityOf(mount), "memory");
  mount.backend = BackendKind::kRemote;
  mount.address = "h:1";
  EXPECT_EQ(IdentityOf(mount), "remote h:1 /");
}

TEST(MountAdapter, FailedWinsOverDown) {
  MountStatus status;
  EXPECT_EQ(EncodeMountState(status), v1::MOUNT_STATE_UP);
  status.health.state = BackendHealth::State::kDegraded;
  EXPECT_EQ(EncodeMountState(status), v1::MOUNT_STATE_DEGRADED);
  status.health.state = BackendHealth::State::kDown;
  EXPECT_EQ(EncodeMountState(status), v1::MOUNT_STATE_DOWN);
  status.applier.emplace().failed = true;
  EXPECT_EQ(EncodeMountState(status), v1::MOUNT_STATE_FAILED);
}

}  // namespace
}  // namespace restate
