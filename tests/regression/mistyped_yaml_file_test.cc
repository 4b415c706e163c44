// What was seen: somebody saved a YAML file with one line that was copied out of a
// JSON file, "dark", with its comma. The server took all memory there was and was
// killed; at each start it met the file again and was killed again, so that no
// mount was served any more.
//
// Why: yaml-cpp's parser grows without end over such a text (its bugs 1318 and
// 1319).
//
// Here: that file, and one that other programs met, appear while the server runs
// and are there when it starts. They are named, their old values count, and memory
// does not grow.

#include <cstdint>
#include <fstream>
#include <string>

#include "gtest/gtest.h"
#include "tests/support/client.h"
#include "tests/support/mount_client.h"
#include "tests/support/server_test.h"
#include "tests/support/temp_dir.h"

namespace restate::test {
namespace {

class MistypedYamlFileTest : public ServerTest {
 protected:
  std::string Config() const override {
    return "mounts:\n- {path: /, backend: rocksdb}\n"
           "- {path: /f, backend: filesystem, serializer: yaml, directory: " +
           directory_.path() + "}\n";
  }
  void Type(const std::string& name, const std::string& text) {
    std::ofstream(directory_.path() + "/" + name) << text;
  }
  // Until both files are named.
  void ExpectNamed(Client& client) {
    const v1::MountInfo mount =
        MountClient(client.channel())
            .WaitFor("/f", [](const v1::MountInfo& info) {
              return info.problems_size() == 2;
            });
    ASSERT_EQ(mount.problems_size(), 2);
    EXPECT_EQ(mount.state(), v1::MOUNT_STATE_DEGRADED);
    EXPECT_NE(mount.problems(0).find("\"rule.yaml\": line "),
              std::string::npos)
        << mount.problems(0);
    EXPECT_NE(mount.problems(1).find("\"theme.yaml\": line 1: this is not YAML"),
              std::string::npos)
        << mount.problems(1);
  }

 private:
  TempDir directory_;
};

TEST_F(MistypedYamlFileTest, IsNamedAndKeepsItsValue) {
  client().Set("/f/theme", "\"light\"");
  client().Set("/other", "1");
  ASSERT_TRUE(MountClient(client().channel()).Flush("/f").ok());
  const int64_t before = server().ResidentBytes();
  Type("theme.yaml", "\"dark\",\n");
  Type("rule.yaml",
       "- macro: m\n  condition:\n    (a = 1 and b in (\n\"/usr\",\n"
       "    \"-c\"\n    )  )\n    )\n");
  ExpectNamed(client());
  EXPECT_EQ(client().Get("/f/theme"), "\"light\"");
  EXPECT_LT(server().ResidentBytes() - before, int64_t{100} << 20);
  ASSERT_EQ(server().Terminate(), 0);
  ASSERT_TRUE(server().Restart().ok());
  const auto client = NewClient();
  ExpectNamed(*client);
  EXPECT_EQ(client->Get("/f/theme"), "\"light\"");
  EXPECT_EQ(client->Get("/other"), "1");
}

}  // namespace
}  // namespace restate::test
