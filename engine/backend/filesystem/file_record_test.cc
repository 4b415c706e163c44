#include "engine/backend/filesystem/file_record.h"

#include <optional>
#include <string>

#include "gtest/gtest.h"

namespace restate {
namespace {

TEST(FileRecordTest, ReadsWhatItWrites) {
  FileRecord record = FileRecord::Make("json");
  std::string log = record.Compact();
  log += record.NotePlan("a b/c.json", "11");
  log += record.NoteFile("a b/c.json", "11");
  log += record.NoteFile("gone.json", "22");
  log += record.NoteGone("gone.json");
  log += record.NotePlan("planned.json", "33");
  log += record.NotePlan("deleted.json", "");
  log += record.NoteKept("kept.json", Value::Bytes("x"));
  log += record.NoteRevision(7);
  for (const std::string& text : {log, record.Compact()}) {
    std::optional<FileRecord> read = FileRecord::Parse(text);
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(read->id(), record.id());
    EXPECT_EQ(read->extension(), "json");
    EXPECT_EQ(read->revision(), 7);
    EXPECT_EQ(read->files().size(), 1u);
    EXPECT_TRUE(read->Knows("a b/c.json", "11"));
    EXPECT_FALSE(read->Knows("a b/c.json", "12"));
    EXPECT_FALSE(read->Knows("a b/c.json", ""));
    EXPECT_TRUE(read->Knows("gone.json", ""));
    EXPECT_FALSE(read->Knows("gone.json", "22"));
    EXPECT_TRUE(read->Knows("planned.json", "33"));
    EXPECT_TRUE(read->Knows("deleted.json", ""));
    EXPECT_EQ(read->Kept("kept.json"), Value::Bytes("x"));
    EXPECT_EQ(read->Kept("planned.json"), std::nullopt);
  }
}

TEST(FileRecordTest, SkipsLinesThatAreCutShortOrChanged) {
  FileRecord record = FileRecord::Make("yaml");
  const std::string head = record.Compact();
  const std::string five = record.NoteRevision(5);
  const std::string six = record.NoteRevision(6);
  for (size_t size = 0; size < six.size(); ++size) {
    std::optional<FileRecord> read =
        FileRecord::Parse(head + five + six.substr(0, size));
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(read->revision(), 5) << size;
  }
  std::string changed = six;
  changed[9] = '9';
  EXPECT_EQ(FileRecord::Parse(head + five + changed)->revision(), 5);
  EXPECT_FALSE(FileRecord::Parse(five).has_value());
  EXPECT_FALSE(FileRecord::Parse("").has_value());
}

}  // namespace
}  // namespace restate
