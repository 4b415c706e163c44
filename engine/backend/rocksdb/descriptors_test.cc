// Connections had used up all file descriptors, the store could not begin a new
// log, and the process ended while it was to be opened again. Here others take
// every descriptor that they can get; the store goes on with its reserve, then
// refuses, and goes on by itself when there are some again.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/backend/rocksdb/descriptor_reserve.h"
#include "engine/backend/rocksdb/rocksdb_store.h"
#include "engine/error/error.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

constexpr rlim_t kLimit = 256;

// Takes every descriptor that is left.
class Hog {
 public:
  ~Hog() { LetGo(); }
  void TakeAll() {
    int fd;
    while ((fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0) {
      taken_.push_back(fd);
    }
  }
  void LetGo() {
    for (int fd : taken_) close(fd);
    taken_.clear();
  }
  size_t taken() const { return taken_.size(); }

 private:
  std::vector<int> taken_;
};

class DescriptorsTest : public testing::Test {
 protected:
  DescriptorsTest() : directory_(testing::TempDir() + "/descriptors") {
    std::filesystem::remove_all(directory_);
    getrlimit(RLIMIT_NOFILE, &before_);
    rlimit lowered = before_;
    lowered.rlim_cur = kLimit;
    setrlimit(RLIMIT_NOFILE, &lowered);
  }
  ~DescriptorsTest() override {
    hog_.LetGo();
    mount_ = nullptr;
    store_ = nullptr;
    setrlimit(RLIMIT_NOFILE, &before_);
    std::filesystem::remove_all(directory_);
  }

  void Open() {
    RocksDbOptions options;
    options.directory = directory_;
    options.write_buffer_bytes = size_t{64} << 10;
    auto store = RocksDbStore::Open(options);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    mount_ = *store_->OpenMount(Path());
  }
  // A tree and a history that are full at the same time.
  absl::Status Commit(Revision revision) {
    const std::string bytes(20'000, 'x');
    CommitBatch batch{revision, revision, {}};
    batch.mounts.push_back(
        {*mount_->commit_store_mount(),
         {Write{Path().Child(std::to_string(revision)), Write::Scope::kSubtree,
                Value::String(bytes), revision, {}}}});
    batch.history.commits = {{revision, bytes}};
    return store_->Commit(batch);
  }
  std::shared_ptr<const Snapshot> Look() {
    auto snapshot = mount_->TakeSnapshot();
    EXPECT_TRUE(snapshot.ok()) << snapshot.status();
    return snapshot.ok() ? *snapshot : nullptr;
  }
  static size_t ChildrenIn(const Snapshot& snapshot) {
    auto read = snapshot.Read(Path(), ReadLimits());
    EXPECT_TRUE(read.ok()) << read.status();
    return read.ok() ? read->tree->as_map().size() : 0;
  }

  const std::string directory_;
  rlimit before_;
  Hog hog_;
  std::unique_ptr<RocksDbStore> store_;
  std::unique_ptr<Backend> mount_;
};

TEST_F(DescriptorsTest, AReserveIsSpentAndTakenBack) {
  DescriptorReserve reserve(8);
  EXPECT_EQ(reserve.left(), 8u);
  hog_.TakeAll();
  EXPECT_LT(open("/dev/null", O_RDONLY | O_CLOEXEC), 0);
  for (size_t left = 8; left-- > 4;) {
    ASSERT_TRUE(reserve.Spend());
    hog_.TakeAll();
    EXPECT_EQ(reserve.left(), left);
    EXPECT_EQ(reserve.Check(), absl::OkStatus());
  }
  ASSERT_TRUE(reserve.Spend());
  hog_.TakeAll();
  const absl::Status few = reserve.Check();
  EXPECT_EQ(few.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ErrorReason(few), "MOUNT_UNAVAILABLE");
  while (reserve.Spend()) {
  }
  hog_.LetGo();
  EXPECT_EQ(reserve.Check(), absl::OkStatus());
  EXPECT_EQ(reserve.left(), 8u);
}

TEST_F(DescriptorsTest, TheStoreGoesOnThenRefusesThenComesBack) {
  Open();
  hog_.TakeAll();
  ASSERT_GT(hog_.taken(), 100u);
  Revision last = 0;
  absl::Status status;
  std::shared_ptr<const Snapshot> seen;
  while (last < 2'000 && (status = Commit(last + 1)).ok()) {
    ++last;
    seen = Look();
    // Whatever the store lets go of is not there for it next time.
    hog_.TakeAll();
  }
  // A log has been begun and files were written meanwhile.
  EXPECT_GT(last, 5);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_EQ(ErrorReason(status), "MOUNT_UNAVAILABLE");
  EXPECT_EQ(store_->CanReopen().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ChildrenIn(*seen), static_cast<size_t>(last)) << "reads go on";
  seen = nullptr;
  hog_.LetGo();
  ASSERT_EQ(store_->CanReopen(), absl::OkStatus());
  ASSERT_EQ(store_->Reopen(), absl::OkStatus());
  EXPECT_EQ(store_->state().last_committed, last);
  EXPECT_EQ(ChildrenIn(*Look()), static_cast<size_t>(last));
  EXPECT_EQ(Commit(last + 1), absl::OkStatus());
}

// What it cannot look at is neither damaged nor gone.
TEST_F(DescriptorsTest, AStoreThatCannotBeOpenedSaysSo) {
  Open();
  ASSERT_EQ(Commit(1), absl::OkStatus());
  mount_ = nullptr;
  store_ = nullptr;
  hog_.TakeAll();
  RocksDbOptions options;
  options.directory = directory_;
  EXPECT_EQ(ErrorReason(RocksDbStore::Open(options).status()),
            "MOUNT_UNAVAILABLE");
  // Also without a reserve to begin with.
  options.descriptors = std::make_shared<DescriptorReserve>(0);
  EXPECT_EQ(ErrorReason(RocksDbStore::Open(options).status()),
            "MOUNT_UNAVAILABLE");
  hog_.LetGo();
  Open();
  EXPECT_EQ(ChildrenIn(*Look()), 1u);
}

}  // namespace
}  // namespace restate
