// Each of several doctors may go home as long as another one is on duty. Two
// who read that two are on duty, and each write only themselves, must not both
// go: a transaction that names what it read is refused when it was changed,
// though it writes something else.

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/client.h"
#include "tests/support/error_info.h"
#include "tests/support/server_test.h"

namespace restate::test {
namespace {

constexpr int kDoctors = 4;
constexpr int kTurns = 300;

std::string DutyPath(int doctor) { return "/duty/" + std::to_string(doctor); }

v1::GetStateRequest ReadDuty() {
  v1::GetStateRequest request;
  request.mutable_path()->set_text("/duty");
  request.set_encoding(v1::VALUE_ENCODING_TYPED);
  return request;
}

int OnDuty(const v1::Value& duty) {
  int count = 0;
  for (const auto& [name, on] : duty.map_value().fields()) {
    if (on.bool_value()) ++count;
  }
  return count;
}

void AddUnchanged(const std::string& path, int64_t revision,
                  v1::SetStateRequest* request) {
  auto* unchanged = request->add_preconditions()->mutable_unchanged_since();
  unchanged->mutable_path()->set_text(path);
  unchanged->set_revision(revision);
}

class WriteSkewTest : public StorageTest {
 protected:
  void SetUp() override {
    StorageTest::SetUp();
    for (int i = 0; i < kDoctors; ++i) client().Set(DutyPath(i), "true");
  }

  // Goes home when it may, comes back when it is away.
  void Work(int doctor, bool names_parent) {
    const auto client = NewClient();
    for (int turn = 0; turn < kTurns; ++turn) {
      const auto read = client->GetState(ReadDuty());
      ASSERT_TRUE(read.ok()) << FailureOf(read.status);
      const v1::Value& duty = read.response.value();
      EXPECT_GE(OnDuty(duty), 1);
      const bool on =
          duty.map_value().fields().at(std::to_string(doctor)).bool_value();
      if (on && OnDuty(duty) < 2) continue;
      v1::SetStateRequest request;
      request.mutable_path()->set_text(DutyPath(doctor));
      request.mutable_value()->set_bool_value(!on);
      if (names_parent) {
        AddUnchanged("/duty", read.response.revision(), &request);
      } else {
        for (int i = 0; i < kDoctors; ++i) {
          AddUnchanged(DutyPath(i), read.response.revision(), &request);
        }
      }
      const auto written = client->SetState(request);
      if (written.ok()) {
        ++written_;
      } else {
        EXPECT_EQ(CodeAndReason(written.status),
                  "ABORTED / PRECONDITION_FAILED");
        ++refused_;
      }
    }
  }

  std::atomic<int> written_ = 0;
  std::atomic<int> refused_ = 0;
};

INSTANTIATE_OVER_STORAGES(WriteSkewTest);

TEST_P(WriteSkewTest, SomebodyIsAlwaysOnDuty) {
  const auto subscriber = Subscribe("/duty");
  std::vector<std::thread> doctors;
  for (int i = 0; i < kDoctors; ++i) {
    doctors.emplace_back([this, i] { Work(i, /*names_parent=*/i % 2 == 0); });
  }
  for (std::thread& doctor : doctors) doctor.join();
  EXPECT_GT(written_, 0);
  EXPECT_GT(refused_, 0);

  // At every revision: the events, one after the other.
  std::vector<bool> on(kDoctors, true);
  int count = kDoctors;
  for (const v1::Event& event :
       subscriber->WaitForEvents(static_cast<size_t>(written_))) {
    const std::string& path = event.emitting_path().text();
    const int doctor = path.back() - '0';
    on[doctor] = !on[doctor];
    count += on[doctor] ? 1 : -1;
    ASSERT_GE(count, 1) << "at revision " << event.revision();
  }
}

}  // namespace
}  // namespace restate::test
