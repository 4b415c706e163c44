// Random batches against the naive model, with hand-made object files, crashes
// in between, and reopening: the files always read what the tree does. A
// failure prints its seed; RESTATE_SEED runs one again.
#include <cmath>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/backend/conformance/model.h"
#include "engine/backend/filesystem/directory_fixture.h"
#include "engine/backend/filesystem/serializer/file_serializer.h"
#include "engine/error/error.h"
#include "engine/tree/testing/random_tree.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

// Names as files have them, and such as they cannot have.
RandomTree::Shape NamesThatFilesHold() {
  RandomTree::Shape shape;
  shape.names = {"a",  "b",      "c", "a\x01", "a/b",
                 ".x", "a.json", "%", "%2F",   "\xc3\xa9"};
  shape.leaves.push_back(Value::Double(std::nan("1")));
  return shape;
}

std::string Show(const Tree& tree) {
  return tree.has_value() ? tree->DebugString() : "absent";
}

// Fails the n-th operation, and all after it, as a crash does.
class DyingDirectory : public StateDirectory {
 public:
  DyingDirectory(std::string path, FileDescriptor root, int* left)
      : StateDirectory(std::move(path), std::move(root)), left_(left) {}

  absl::StatusOr<FileIdentity> Write(const std::string& name,
                                     std::string_view text) override {
    if (Dead()) return Died();
    return StateDirectory::Write(name, text);
  }
  absl::Status Remove(const std::string& name) override {
    return Dead() ? Died() : StateDirectory::Remove(name);
  }
  absl::Status SetAside(const std::string& name, int64_t revision,
                        std::string_view suffix) override {
    return Dead() ? Died() : StateDirectory::SetAside(name, revision, suffix);
  }
  absl::Status SyncDirectories() override {
    return Dead() ? Died() : StateDirectory::SyncDirectories();
  }
  absl::Status Append(const std::string& name,
                      std::string_view text) override {
    // Half of a line is what a crash leaves of an append.
    if (Dead()) {
      if (*left_ > -2) {
        StateDirectory::Append(name, text.substr(0, text.size() / 2))
            .IgnoreError();
      }
      return Died();
    }
    return StateDirectory::Append(name, text);
  }

 private:
  bool Dead() { return --*left_ < 0; }
  static absl::Status Died() {
    return MakeError(Reason::kMountUnavailable, "dead");
  }

  int* const left_;
};

class FilesystemRandomTest : public testing::TestWithParam<FileFormat> {
 protected:
  FilesystemRandomTest() : random_(seed_, NamesThatFilesHold()) {
    directory_.options().format = GetParam();
  }
  FilesystemBackend::MakeDirectory Dying() {
    return [this](std::string path, FileDescriptor root) {
      return std::make_unique<DyingDirectory>(std::move(path),
                                              std::move(root), &left_);
    };
  }
  std::vector<Write> RandomBatch() {
    std::vector<Write> batch;
    for (int i = 1 + random_.Below(5); i > 0; --i) {
      Write write;
      write.path = random_.SomePath();
      std::vector<Write> clears;
      if (random_.OneIn(4)) {
        write.scope = Write::Scope::kOwnValue;
        if (!random_.OneIn(3)) write.value = random_.Leaf();
        model_.ReplaceOwn(write.path, write.value, &clears);
      } else {
        if (!random_.OneIn(4)) write.value = random_.Subtree(3);
        model_.Replace(write.path, write.value, &clears);
      }
      batch.push_back(std::move(write));
      for (Write& clear : clears) batch.push_back(std::move(clear));
    }
    return batch;
  }
  // Puts a part of the tree into one file, or adds to it, as a person does.
  void TypeAnObject() {
    const Path path = random_.SomePath();
    const Value object = random_.Subtree(2);
    if (!object.is_map()) return;
    const auto serializer = MakeFileSerializer(GetParam());
    directory_.Type(FileNames(serializer->extension()).FileOf(path),
                    serializer->Serialize(object));
    directory_.Edits();
    ASSERT_EQ(directory_.Commit(), absl::OkStatus());
    const Tree now = directory_.Read();
    std::vector<Write> clears;
    model_.Replace(Path(), now, &clears);
  }
  void ExpectSame() {
    const Tree tree = directory_.Read();
    ASSERT_TRUE(SameTree(tree, model_.Read(Path())))
        << "reads " << Show(tree) << "\nand should read "
        << Show(model_.Read(Path()));
  }

  const uint64_t seed_ = TestSeed();
  RandomTree random_;
  DirectoryFixture directory_;
  Model model_;
  int left_ = 1'000'000;
};

TEST_P(FilesystemRandomTest, ReadsLikeTheModelAlsoWhenOpenedAgain) {
  SCOPED_TRACE("RESTATE_SEED=" + std::to_string(seed_));
  ASSERT_EQ(directory_.Open(), absl::OkStatus());
  directory_.Listen();
  for (int round = 0; round < 60; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    if (random_.OneIn(6)) TypeAnObject();
    if (HasFatalFailure()) return;
    const std::vector<Write> batch = RandomBatch();
    for (const Write& write : batch) {
      ASSERT_EQ(directory_.backend().CanStore(write), absl::OkStatus());
    }
    ASSERT_EQ(directory_.Apply(batch), absl::OkStatus());
    ExpectSame();
    // What was written is no edit.
    ASSERT_THAT(directory_.Edits(), testing::IsEmpty());
    if (HasFatalFailure()) return;
    if (!random_.OneIn(5)) continue;
    ASSERT_EQ(directory_.Open(), absl::OkStatus());
    EXPECT_FALSE(directory_.backend().edited_while_closed());
    EXPECT_EQ(directory_.backend().applied_revision(), directory_.revision());
    directory_.Listen();
    ExpectSame();
    if (HasFatalFailure()) return;
  }
}

TEST_P(FilesystemRandomTest, ABatchIsWholeAfterAnyCrashAndReplay) {
  SCOPED_TRACE("RESTATE_SEED=" + std::to_string(seed_));
  ASSERT_EQ(directory_.Open(Dying()), absl::OkStatus());
  int crashes = 0;
  for (int round = 0; round < 80; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    const Tree before = model_.Read(Path());
    const std::vector<Write> batch = RandomBatch();
    left_ = random_.Below(12);
    const absl::Status status = directory_.Apply(batch);
    const bool died = left_ < 0;
    ASSERT_EQ(status.ok(), !died) << status;
    if (died) {
      ++crashes;
      // Nothing of it shows, and none of it is taken for an edit.
      ASSERT_TRUE(SameTree(directory_.Read(), before));
      directory_.Listen();
      ASSERT_THAT(directory_.Edits(), testing::IsEmpty());
      left_ = 1'000'000;
      if (random_.OneIn(2)) {
        ASSERT_EQ(directory_.Open(Dying()), absl::OkStatus());
        ASSERT_FALSE(directory_.backend().edited_while_closed());
      }
      ASSERT_EQ(directory_.Apply(batch), absl::OkStatus());
    }
    left_ = 1'000'000;
    ExpectSame();
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(crashes, 10);
  ASSERT_EQ(directory_.Open(Dying()), absl::OkStatus());
  ExpectSame();
  EXPECT_EQ(directory_.backend().applied_revision(), directory_.revision());
  EXPECT_EQ(directory_.HiddenFiles(), std::vector<std::string>{".restate"});
}

INSTANTIATE_TEST_SUITE_P(Formats, FilesystemRandomTest,
                         testing::Values(FileFormat::kJson, FileFormat::kYaml,
                                         FileFormat::kTextproto),
                         [](const auto& info) {
                           return std::string(
                               MakeFileSerializer(info.param)->extension());
                         });

}  // namespace
}  // namespace restate
