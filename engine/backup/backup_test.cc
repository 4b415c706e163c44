#include <cstdint>
#include <future>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/backend/memory/memory_backend.h"
#include "engine/backup/backup_writer.h"
#include "engine/backup/restorer.h"
#include "engine/clock/clock.h"
#include "engine/error/error.h"
#include "engine/tree/tree.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

Path P(std::string_view text) { return *Path::Parse(text); }

// An engine in memory, with a mount at /tmp.
class Engine {
 public:
  Engine() {
    ControllerOptions options;
    options.mounts.push_back({Path(), std::make_unique<MemoryBackend>()});
    options.mounts.push_back({P("/tmp"), std::make_unique<MemoryBackend>()});
    options.clock = &clock_;
    controller_ = *Controller::Start(std::move(options));
  }
  Controller& controller() { return *controller_; }

  absl::StatusOr<CommitResult> Commit(CommitRequest request) {
    std::promise<absl::StatusOr<CommitResult>> done;
    controller_->Commit(std::move(request),
                        [&](absl::StatusOr<CommitResult> result) {
                          done.set_value(std::move(result));
                        });
    return done.get_future().get();
  }
  Revision Set(const std::string& path, Value value,
               absl::Duration ttl = absl::ZeroDuration(),
               WriteMode mode = WriteMode::kSet) {
    SetOperation set;
    set.path = P(path);
    set.value = std::move(value);
    set.ttl = ttl;
    set.mode = mode;
    CommitRequest request;
    request.operations.push_back(std::move(set));
    return Commit(std::move(request))->revision;
  }
  void Derive(const std::string& dest, const std::string& source,
              const std::string& lua) {
    Definition definition;
    definition.dest = P(dest);
    definition.sources = {P(source)};
    definition.transform = LuaTransform{{"x"}, lua};
    CommitRequest request;
    request.derivation = DefineDerivation{std::move(definition), false};
    EXPECT_TRUE(Commit(std::move(request)).ok());
  }
  void Delete(const std::string& path) {
    CommitRequest request;
    request.operations.push_back(DeleteOperation{P(path), {}, false});
    EXPECT_TRUE(Commit(std::move(request)).ok());
  }
  std::string Read() const {
    return ReadOf(*controller_->Published());
  }
  static std::string ReadOf(const PublishedState& state) {
    auto read = state.tree().Read(Path(), ReadLimits());
    return read->tree.has_value() ? read->tree->DebugString() : "nothing";
  }

  BackupWriter NewBackup(size_t chunk_bytes = 40) {
    BackupOptions options;
    options.epoch = controller_->epoch();
    options.server_version = "1.2.3";
    options.time = absl::FromUnixSeconds(1);
    options.chunk_bytes = chunk_bytes;
    return BackupWriter(*controller_->TakeCheckpoint(BackupRecordPrefixes()),
                        std::move(options));
  }
  std::vector<std::string> Backup(size_t chunk_bytes = 40) {
    BackupWriter writer = NewBackup(chunk_bytes);
    return Rest(&writer);
  }
  static std::vector<std::string> Rest(BackupWriter* writer) {
    std::vector<std::string> chunks;
    while (true) {
      auto chunk = writer->Next();
      EXPECT_TRUE(chunk.ok()) << chunk.status();
      if (!chunk.ok() || !chunk->has_value()) return chunks;
      chunks.push_back(**chunk);
    }
  }

  absl::StatusOr<RestoreResult> Restore(
      const std::vector<std::string>& pieces) {
    RestoreProgress progress;
    RestoreOptions options;
    options.commit_entries = 3;
    Restorer restorer(controller_.get(), std::move(options), &progress);
    for (const std::string& piece : pieces) {
      if (absl::Status status = restorer.Feed(piece); !status.ok()) {
        // It stays so.
        EXPECT_EQ(restorer.Feed(""), status);
        return status;
      }
    }
    return restorer.Finish();
  }
  std::string Incomplete() const { return IncompleteRestore(*controller_); }

 private:
  SystemClock clock_;
  std::unique_ptr<Controller> controller_;
};

// Something of everything.
void Fill(Engine& engine) {
  engine.Set("/a", Value::Int(3));
  engine.Set("/a/b", Value::String("under a leaf"));
  engine.Set("/empty", Value::EmptyMap());
  engine.Set("/list", Value::MakeList({Value::Null(), Value::Bool(true)}));
  engine.Set("/~0~1", Value::Bytes(std::string("\0\xff", 2)));
  engine.Set("/tmp/x", Value::Double(0.5));
  engine.Set("/leased/leaf", Value::Null(), absl::Hours(1));
  engine.Set("/leased/map/in/it", Value::Int(1));
  engine.Set("/leased/map", Value::EmptyMap(), absl::Hours(2),
             WriteMode::kMerge);
}

std::string Joined(const std::vector<std::string>& chunks) {
  std::string bytes;
  for (const std::string& chunk : chunks) bytes += chunk;
  return bytes;
}

TEST(BackupTest, ComesBackWhole) {
  Engine from;
  Fill(from);
  CommitRequest records;
  records.records = {{"mount/x", "about x"}, {"other/y", "not copied"}};
  ASSERT_TRUE(from.Commit(std::move(records)).ok());
  const Revision revision = from.controller().Published()->revision();
  const std::vector<std::string> chunks = from.Backup();
  EXPECT_GT(chunks.size(), 6u);

  Engine to;
  auto result = to.Restore(chunks);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(to.Read(), from.Read());
  EXPECT_EQ(result->backup_revision, revision);
  EXPECT_EQ(result->backup_epoch, from.controller().epoch());
  EXPECT_EQ(result->entries, 8);
  EXPECT_EQ(result->leases, 2);
  EXPECT_EQ(result->records, 1);
  EXPECT_EQ(result->revision, to.controller().Published()->revision());
  EXPECT_EQ(to.Incomplete(), "");
  EXPECT_EQ(to.controller().RecordsWithPrefix(""),
            (RecordTable::Records{{"mount/x", "about x"}}));
  EXPECT_EQ(to.controller().LeaseOf(P("/leased/leaf"))->terms.ttl,
            absl::Hours(1));
  EXPECT_EQ(to.controller().LeaseOf(P("/leased/map"))->terms.ttl,
            absl::Hours(2));
  EXPECT_FALSE(to.controller().LeaseOf(P("/a")).has_value());

  // The same in one piece, and in pieces of one byte.
  Engine whole;
  EXPECT_TRUE(whole.Restore({Joined(chunks)}).ok());
  EXPECT_EQ(whole.Read(), from.Read());
  std::vector<std::string> bytes;
  for (char byte : Joined(chunks)) bytes.emplace_back(1, byte);
  Engine bytewise;
  EXPECT_TRUE(bytewise.Restore(bytes).ok());
  EXPECT_EQ(bytewise.Read(), from.Read());
}

TEST(BackupTest, AnEmptyServerIsABackupToo) {
  Engine from;
  Engine to;
  auto result = to.Restore(from.Backup());
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->entries, 0);
  EXPECT_EQ(to.Read(), from.Read());
  EXPECT_EQ(to.Incomplete(), "");
}

TEST(BackupTest, ShowsOneRevisionWhileWritesGoOn) {
  const uint32_t seed = std::random_device()();
  std::cout << "seed " << seed << "\n";
  std::mt19937 random(seed);
  Engine from;
  const auto write = [&from](std::mt19937& random) {
    std::string path;
    for (uint32_t depth = 1 + random() % 4; depth > 0; --depth) {
      path += absl::StrCat("/", random() % 4);
    }
    if (random() % 4 == 0) {
      from.Delete(path);
    } else {
      from.Set(path,
               random() % 5 == 0 ? Value::EmptyMap()
                                 : Value::Int(static_cast<int>(random())),
               absl::ZeroDuration(),
               random() % 2 == 0 ? WriteMode::kSet : WriteMode::kMerge);
    }
  };
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < 100; ++i) write(random);
    std::promise<void> begun;
    std::thread writer([&, seed = random()] {
      std::mt19937 own(static_cast<uint32_t>(seed));
      for (int i = 0; i < 200; ++i) {
        write(own);
        if (i == 20) begun.set_value();
      }
    });
    begun.get_future().wait();
    const Controller::Checkpoint checkpoint =
        *from.controller().TakeCheckpoint(BackupRecordPrefixes());
    const std::string expected = Engine::ReadOf(*checkpoint.state);
    BackupOptions options;
    options.chunk_bytes = 30;
    BackupWriter backup(checkpoint, options);
    const std::vector<std::string> chunks = Engine::Rest(&backup);
    writer.join();
    Engine to;
    auto result = to.Restore(chunks);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(to.Read(), expected);
    EXPECT_EQ(result->backup_revision, checkpoint.state->revision());
  }
}

TEST(BackupTest, WhatIsDerivedIsDerivedAgain) {
  Engine from;
  from.Set("/a", Value::Int(3));
  from.Derive("/a/squared", "/a", "x * x");
  // In the order of paths it comes before what it is derived from.
  from.Derive("/a/early", "/z", "x + 1");
  from.Derive("/z", "/a/squared", "x * 10");
  Engine to;
  const auto result = to.Restore(from.Backup());
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->entries, 1);
  EXPECT_EQ(to.Read(), from.Read());
  to.Set("/a", Value::Int(4));
  const auto state = to.controller().Published();
  EXPECT_EQ(state->tree().Read(P("/z"), ReadLimits())->tree,
            Tree(Value::Int(160)));
  EXPECT_EQ(state->tree().Read(P("/a/early"), ReadLimits())->tree,
            Tree(Value::Int(161)));
}

TEST(BackupTest, LeavesOutWhatIsBoundToASession) {
  Engine from;
  from.Set("/a", Value::Int(1));
  from.Set("/c", Value::Int(3));
  const auto session = from.controller().sessions().Open("s", false, [] {});
  ASSERT_TRUE(session.ok());
  for (const char* path : {"/b", "/d/e", "/z"}) {
    SetOperation set;
    set.path = P(path);
    set.value = Value::Int(2);
    set.session_id = "s";
    CommitRequest request;
    request.operations.push_back(std::move(set));
    ASSERT_TRUE(from.Commit(std::move(request)).ok());
  }
  from.Set("/b/below", Value::Int(4), absl::Hours(1));
  from.Set("/d/f", Value::Int(5));
  Engine to;
  auto result = to.Restore(from.Backup());
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->leases, 0);
  EXPECT_EQ(to.Read(), R"({"a": 1, "c": 3, "d": {"f": 5}})");
}

TEST(BackupTest, EveryDamagedByteIsFound) {
  Engine from;
  Fill(from);
  const std::string bytes = Joined(from.Backup(1 << 20));
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 + at % 255));
    Engine to;
    const absl::Status status = to.Restore({damaged}).status();
    EXPECT_EQ(ErrorReason(status), at < 4 ? "INVALID_REQUEST" : "CORRUPT")
        << at << ": " << status;
    // Either nothing was written, or the server says that it is incomplete.
    if (to.Incomplete().empty()) {
      EXPECT_EQ(to.Read(), "nothing");
    }
  }
}

TEST(BackupTest, EveryMissingByteAtTheEndIsFound) {
  Engine from;
  Fill(from);
  const std::string bytes = Joined(from.Backup());
  for (size_t size = 0; size < bytes.size(); size += 1 + size % 5) {
    Engine to;
    const absl::Status status = to.Restore({bytes.substr(0, size)}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << size;
    EXPECT_EQ(ErrorMetadata(status).count("chunk"), 1u) << status;
    if (to.Incomplete().empty()) {
      EXPECT_EQ(to.Read(), "nothing");
    }
  }
  Engine to;
  EXPECT_EQ(to.Restore({bytes, "R"}).status().code(),
            absl::StatusCode::kDataLoss);
  EXPECT_NE(to.Incomplete(), "");
}

TEST(BackupTest, ChunksInAnotherOrderAreFound) {
  Engine from;
  Fill(from);
  const std::vector<std::string> chunks = from.Backup();
  for (size_t i = 0; i + 1 < chunks.size(); ++i) {
    std::vector<std::string> swapped = chunks;
    std::swap(swapped[i], swapped[i + 1]);
    std::vector<std::string> missing = chunks;
    missing.erase(missing.begin() + static_cast<int>(i));
    std::vector<std::string> repeated = chunks;
    repeated.insert(repeated.begin() + static_cast<int>(i), chunks[i]);
    for (const auto& bad : {swapped, missing, repeated}) {
      Engine to;
      const absl::Status status = to.Restore(bad).status();
      EXPECT_EQ(ErrorReason(status), "CORRUPT") << i << ": " << status;
      if (to.Incomplete().empty()) {
        EXPECT_EQ(to.Read(), "nothing") << i;
      }
    }
  }
}

TEST(BackupTest, RefusesAServerThatIsNotEmpty) {
  Engine from;
  Fill(from);
  const std::vector<std::string> chunks = from.Backup();
  Engine to;
  to.Set("/tmp/own", Value::Int(1));
  absl::Status status = to.Restore(chunks).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ErrorReason(status), "NOT_EMPTY");
  EXPECT_TRUE(absl::StrContains(status.message(), "/tmp/own")) << status;
  EXPECT_EQ(to.Incomplete(), "");

  Engine mounted;
  CommitRequest records;
  records.records = {{"mount/x", "about x"}};
  ASSERT_TRUE(mounted.Commit(std::move(records)).ok());
  EXPECT_EQ(ErrorReason(mounted.Restore(chunks).status()), "NOT_EMPTY");
}

TEST(BackupTest, AnotherWriterEndsARestoreThatCanBeRepeated) {
  Engine from;
  Fill(from);
  const std::vector<std::string> chunks = from.Backup();
  Engine to;
  {
    RestoreProgress progress;
    Restorer restorer(&to.controller(), {}, &progress);
    ASSERT_EQ(restorer.Feed(chunks[0] + chunks[1] + chunks[2]),
              absl::OkStatus());
    EXPECT_GT(progress.entries, 0);
    EXPECT_TRUE(absl::StrContains(to.Incomplete(), "restore again"));
    to.Set("/mine", Value::Int(1));
    absl::Status status;
    for (size_t i = 3; i < chunks.size() && status.ok(); ++i) {
      status = restorer.Feed(chunks[i]);
    }
    EXPECT_EQ(ErrorReason(status), "NOT_EMPTY") << status;
    EXPECT_TRUE(absl::StrContains(status.message(), "incomplete")) << status;
    EXPECT_EQ(restorer.Finish().status(), status);
  }
  EXPECT_NE(to.Incomplete(), "");
  EXPECT_EQ(ErrorReason(to.Restore(chunks).status()), "NOT_EMPTY");
  to.Delete("/");
  auto result = to.Restore(chunks);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(to.Read(), from.Read());
  EXPECT_EQ(to.Incomplete(), "");
}

TEST(BackupTest, RecordsGoToWhoeverMounts) {
  Engine from;
  CommitRequest records;
  records.records = {{"mount/x", "1"}, {"mount/y", "2"}};
  ASSERT_TRUE(from.Commit(std::move(records)).ok());
  from.Set("/a", Value::Int(1));
  Engine to;
  RestoreProgress progress;
  std::map<std::string, std::string> got;
  RestoreOptions options;
  options.restore_records = [&](const auto& records) {
    got = records;
    return absl::OkStatus();
  };
  Restorer restorer(&to.controller(), std::move(options), &progress);
  ASSERT_EQ(restorer.Feed(Joined(from.Backup())), absl::OkStatus());
  ASSERT_TRUE(restorer.Finish().ok());
  EXPECT_EQ(got, (std::map<std::string, std::string>{{"mount/x", "1"},
                                                     {"mount/y", "2"}}));
}

}  // namespace
}  // namespace restate
