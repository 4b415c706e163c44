#include "engine/backup/chunk_frame.h"

#include <string>
#include <vector>

#include "engine/error/error.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

using Payloads = std::vector<std::string>;

// Takes all payloads out of `bytes`, given in pieces of this size.
absl::Status Unframe(const std::string& bytes, size_t piece, Payloads* out) {
  ChunkUnframer unframer;
  for (size_t at = 0; at < bytes.size(); at += piece) {
    unframer.Append(std::string_view(bytes).substr(at, piece));
    while (true) {
      auto payload = unframer.Next();
      if (!payload.ok()) return payload.status();
      if (!payload->has_value()) break;
      out->push_back(**payload);
    }
  }
  return unframer.pending_bytes() == 0 ? absl::OkStatus()
                                       : DamagedChunk(out->size(), "is cut");
}

Payloads Some() { return {"first", "", std::string(1'000, 'x'), "last"}; }

TEST(ChunkFrameTest, ComesBackInPiecesOfAnySize) {
  ChunkFramer framer;
  std::string bytes;
  for (const std::string& payload : Some()) bytes += framer.Frame(payload);
  for (size_t piece : {1u, 7u, 20u, 10'000u}) {
    Payloads found;
    EXPECT_EQ(Unframe(bytes, piece, &found), absl::OkStatus());
    EXPECT_EQ(found, Some()) << piece;
  }
}

// The frame of "a", as docs/backup.md shows it.
TEST(ChunkFrameTest, LooksAsDescribed) {
  const std::string frame = ChunkFramer().Frame("a");
  EXPECT_EQ(frame.substr(0, 16),
            std::string("RSTB\0\0\0\1\0\0\0\0\0\0\0\0", 16));
  EXPECT_EQ(frame.substr(16), std::string("\xc7\x10\x69\x98"
                                          "a",
                                          5));
}

TEST(ChunkFrameTest, EveryDamagedByteIsFound) {
  ChunkFramer framer;
  std::string bytes;
  for (const std::string& payload : Payloads{"one", "two", "three"}) {
    bytes += framer.Frame(payload);
  }
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (int xored = 1; xored < 256; xored += 31) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ xored);
      Payloads found;
      const absl::Status status = Unframe(damaged, bytes.size(), &found);
      EXPECT_FALSE(status.ok()) << at;
      EXPECT_EQ(ErrorReason(status), at < 4 ? "INVALID_REQUEST" : "CORRUPT");
      EXPECT_LE(found.size(), at / 23) << at;
    }
  }
}

TEST(ChunkFrameTest, OtherChunksThanExpectedAreNamed) {
  ChunkFramer framer;
  std::vector<std::string> frames;
  for (const std::string& payload : Some()) {
    frames.push_back(framer.Frame(payload));
  }
  const auto message = [](const std::string& bytes) {
    Payloads found;
    const absl::Status status = Unframe(bytes, 50, &found);
    EXPECT_EQ(ErrorReason(status), "CORRUPT");
    return std::string(status.message());
  };
  // Missing, repeated, swapped.
  EXPECT_NE(message(frames[0] + frames[2]).find("chunk 1 is not there"),
            std::string::npos);
  EXPECT_NE(message(frames[0] + frames[0]).find("chunk 1 is not there"),
            std::string::npos);
  EXPECT_NE(message(frames[0] + frames[2] + frames[1] + frames[3])
                .find("chunk 1 is not there"),
            std::string::npos);
  // From another backup, at the same place.
  ChunkFramer other;
  other.Frame("other");
  EXPECT_NE(message(frames[0] + other.Frame("")).find("chunk 1 does not have"),
            std::string::npos);
}

TEST(ChunkFrameTest, WhatIsNoBackupIsSaidToBeNone) {
  Payloads found;
  const absl::Status status = Unframe("PK\x03\x04 and so on", 3, &found);
  EXPECT_EQ(ErrorReason(status), "INVALID_REQUEST");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace restate
