#include "service/config/config.h"

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "service/config/command_line.h"
#include "service/config/config_file.h"

namespace restate {
namespace {

// The message that reading `text` ends with; empty if it is good.
std::string ErrorOf(const std::string& text) {
  Config config;
  const absl::Status status = ReadConfigText(text, "restate.yaml", &config);
  if (!status.ok()) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  }
  return std::string(status.message());
}

absl::StatusOr<CommandLine> Parse(std::vector<const char*> flags) {
  flags.insert(flags.begin(), "restated");
  return ParseCommandLine(static_cast<int>(flags.size()), flags.data());
}

TEST(ConfigFile, ReadsEverySetting) {
  Config config;
  ASSERT_TRUE(ReadConfigText(R"(
listen: 127.0.0.1:1234
http_listen: 127.0.0.1:1235
data_dir: data
log_level: debug
mounts:
  - {path: /, backend: rocksdb}
  - path: /a~1b/c
    backend: memory
limits:
  leaf_bytes: 1
  message_bytes: 65536
  nodes: 3
  operations: 4
  paths: 5
  patterns: 6
  queue_bytes: 65537
  commit_queue_length: 8
  commit_queue_bytes: 65538
  last_changes_bytes: 65539
  history_bytes: 65540
  history_age: 1h30m
  block_cache_bytes: 65542
  write_buffer_bytes: 65543
  request_ids_bytes: 65541
  sessions: 9
  session_subscriptions: 10
  session_grace: 11s
  acknowledge_timeout: 1500ms
  derivation_instructions: 1001
  derivation_memory_bytes: 65543
  derivation_nodes: 12
  derivation_cpu_time: 13ms
  derivation_commit_instructions: 1002
  derivation_source_bytes: 1025
  derivation_runs: 14
  derivations: 18
  derivations_per_client: 17
  derivation_wait: 15ms
)",
                             "restate.yaml", &config)
                  .ok());
  EXPECT_EQ(config.listen, "127.0.0.1:1234");
  EXPECT_EQ(config.http_listen, "127.0.0.1:1235");
  EXPECT_EQ(config.data_dir, "data");
  EXPECT_EQ(config.log_level, "debug");
  ASSERT_EQ(config.mounts.size(), 2u);
  EXPECT_EQ(config.mounts[0].at, Path());
  EXPECT_EQ(config.mounts[0].backend, BackendKind::kRocksDb);
  EXPECT_EQ(config.mounts[1].at, Path().Child("a/b").Child("c"));
  EXPECT_EQ(config.mounts[1].backend, BackendKind::kMemory);
  EXPECT_EQ(config.limits.request.write.max_leaf_bytes, 1u);
  EXPECT_EQ(config.limits.request.max_message_bytes, 65536u);
  EXPECT_EQ(config.limits.request.write.max_nodes, 3u);
  EXPECT_EQ(config.limits.request.max_operations, 4u);
  EXPECT_EQ(config.limits.request.max_batch_paths, 5u);
  EXPECT_EQ(config.limits.request.max_patterns, 6u);
  EXPECT_EQ(config.limits.queue_bytes, 65537u);
  EXPECT_EQ(config.limits.commit_queue_length, 8u);
  EXPECT_EQ(config.limits.commit_queue_bytes, 65538u);
  EXPECT_EQ(config.limits.last_changes_bytes, 65539u);
  EXPECT_EQ(config.limits.history_bytes, 65540u);
  EXPECT_EQ(config.limits.history_age, absl::Minutes(90));
  EXPECT_EQ(config.limits.block_cache_bytes, 65542u);
  EXPECT_EQ(config.limits.write_buffer_bytes, 65543u);
  EXPECT_EQ(config.limits.request_ids_bytes, 65541u);
  EXPECT_EQ(config.limits.clients[Holding::kSessions].in_all, 9u);
  EXPECT_EQ(config.limits.session_subscriptions, 10u);
  EXPECT_EQ(config.limits.session_grace, absl::Seconds(11));
  EXPECT_EQ(config.limits.acknowledge_timeout, absl::Milliseconds(1500));
  const DerivationLimits& derivations = config.limits.derivations;
  EXPECT_EQ(derivations.call.instructions, 1001);
  EXPECT_EQ(derivations.call.memory_bytes, 65543u);
  EXPECT_EQ(derivations.call.nodes, 12);
  EXPECT_EQ(derivations.call.cpu_time, absl::Milliseconds(13));
  EXPECT_EQ(derivations.longest_wait, absl::Milliseconds(15));
  EXPECT_EQ(derivations.commit_instructions, 1002);
  EXPECT_EQ(derivations.max_source_bytes, 1025u);
  EXPECT_EQ(derivations.max_runs, 14);
  EXPECT_EQ(derivations.max_definitions, 18u);
  EXPECT_EQ(derivations.max_definitions_per_definer, 17u);
}

TEST(ConfigFile, TheLimitsOfDerivationsHaveBounds) {
  EXPECT_EQ(ErrorOf("limits:\n  derivation_instructions: 999\n"),
            "restate.yaml:2: derivation_instructions: \"999\" must be a whole "
            "number from 1000 to 1000000000");
  EXPECT_EQ(ErrorOf("limits:\n  derivation_memory_bytes: 1\n"),
            "restate.yaml:2: derivation_memory_bytes: \"1\" must be a whole "
            "number from 65536 to 1073741824");
  EXPECT_EQ(ErrorOf("limits:\n  derivation_cpu_time: 0s\n"),
            "restate.yaml:2: derivation_cpu_time: \"0s\" must be a time such "
            "as 90s, 30m or 24h, from 1ms to 1h");
  EXPECT_EQ(ErrorOf("limits:\n  derivation_runs: 0\n"),
            "restate.yaml:2: derivation_runs: \"0\" must be a whole number "
            "from 1 to 1000");
}

TEST(ConfigFile, MetricsCanBeTurnedOff) {
  Config config;
  EXPECT_EQ(config.http_listen, "");
  ASSERT_TRUE(ReadConfigText("http_listen: off\n", "c", &config).ok());
  EXPECT_EQ(config.http_listen, kNoHttp);
  EXPECT_EQ(ErrorOf("http_listen: none\n"),
            "restate.yaml:1: http_listen: \"none\" is neither HOST:PORT of "
            "IPv4, such as 127.0.0.1:7421 (port 0 picks a free one), nor "
            "\"off\", which serves no metrics");
}

TEST(ConfigFile, AnEmptyOneChangesNothing) {
  EXPECT_EQ(ErrorOf(""), "");
  EXPECT_EQ(ErrorOf("# nothing yet\n"), "");
}

TEST(ConfigFile, NamesLineKeyAndWhatIsAllowed) {
  EXPECT_EQ(ErrorOf("listen: localhost:0\nlimit: 1\n"),
            "restate.yaml:2: unknown key \"limit\" in the file; allowed: "
            "data_dir, exports, http_listen, limits, listen, log_level, "
            "mounts, mounts_by_rpc, trusted_proxies");
  EXPECT_EQ(ErrorOf("limits:\n  nodes: 1\n  node: 2\n"),
            "restate.yaml:3: unknown key \"node\" in limits; allowed: "
            "acknowledge_timeout, block_cache_bytes, commit_queue_bytes, "
            "commit_queue_bytes_per_client, commit_queue_length, "
            "commit_queue_length_per_client, derivation_commit_instructions, "
            "derivation_cpu_time, derivation_instructions, "
            "derivation_memory_bytes, derivation_nodes, derivation_runs, "
            "derivation_source_bytes, derivation_wait, derivations, "
            "derivations_per_client, history_age, history_bytes, "
            "interceptions, interceptions_per_client, "
            "last_changes_bytes, leaf_bytes, message_bytes, nodes, operations, "
            "paths, patterns, per_client, queue_bytes, queued_bytes, "
            "queued_bytes_per_client, request_ids_bytes, session_grace, "
            "session_subscriptions, sessions, sessions_per_client, snapshots, "
            "snapshots_per_client, streams, streams_per_client, "
            "subscribed_patterns, subscribed_patterns_per_client, "
            "subscriptions, subscriptions_per_client, trackers, "
            "trackers_per_client, waits, waits_per_client, write_buffer_bytes");
  EXPECT_EQ(ErrorOf("mounts:\n- {path: /, backend: memory, size: 1}\n"),
            "restate.yaml:2: unknown key \"size\" in a mount; allowed: "
            "address, backend, cache, deadline, directory, export, path, "
            "read_only, serializer");
  EXPECT_EQ(ErrorOf("listen: a:1\n\nlisten: b:2\n"),
            "restate.yaml:3: key \"listen\" was already given on line 1");
}

TEST(ConfigFile, RefusesBadValues) {
  EXPECT_EQ(ErrorOf("- 1\n"),
            "restate.yaml:1: the file must be a map; its keys are data_dir, "
            "exports, http_listen, limits, listen, log_level, mounts, "
            "mounts_by_rpc, trusted_proxies");
  EXPECT_EQ(ErrorOf("listen: here\n"),
            "restate.yaml:1: listen: \"here\" is not HOST:PORT, such as "
            "127.0.0.1:7420 or [::1]:7420");
  EXPECT_EQ(ErrorOf("listen: [a]\n"),
            "restate.yaml:1: listen: must be a text");
  EXPECT_EQ(ErrorOf("data_dir: \"\"\n"),
            "restate.yaml:1: data_dir: must not be empty");
  EXPECT_EQ(ErrorOf("log_level: loud\n"),
            "restate.yaml:1: log_level: \"loud\" is not a log level: use one "
            "of trace, debug, info, warn, error, off");
  EXPECT_EQ(ErrorOf("limits:\n  nodes: many\n"),
            "restate.yaml:2: nodes: \"many\" must be a whole number from 1 to "
            "100000000");
  EXPECT_EQ(ErrorOf("limits:\n  message_bytes: 65535\n"),
            "restate.yaml:2: message_bytes: \"65535\" must be a whole number "
            "from 65536 to 1073741824");
  EXPECT_EQ(ErrorOf("limits:\n  history_age: a day\n"),
            "restate.yaml:2: history_age: \"a day\" must be a time such as "
            "90s, 30m or 24h, from 1s to 87600h");
  EXPECT_EQ(ErrorOf("limits:\n  history_age: 999ms\n"),
            "restate.yaml:2: history_age: \"999ms\" must be a time such as "
            "90s, 30m or 24h, from 1s to 87600h");
  EXPECT_EQ(ErrorOf("limits:\n  nodes: -1\n"),
            "restate.yaml:2: nodes: \"-1\" must be a whole number from 1 to "
            "100000000");
}

TEST(ConfigFile, RefusesBadMounts) {
  EXPECT_EQ(ErrorOf("mounts: /\n"),
            "restate.yaml:1: mounts: must be a list of {path: PATH, backend: "
            "rocksdb, memory, filesystem or remote}");
  EXPECT_EQ(ErrorOf("mounts:\n- path: /\n  backend: disk\n"),
            "restate.yaml:3: backend: \"disk\" is not a backend: use "
            "rocksdb, memory, filesystem or remote");
  EXPECT_EQ(ErrorOf("mounts:\n- {path: /}\n"),
            "restate.yaml:2: a mount needs a backend");
  EXPECT_EQ(ErrorOf("mounts:\n- {backend: memory}\n"),
            "restate.yaml:2: a mount needs a path");
  EXPECT_EQ(ErrorOf("mounts:\n- {path: /, backend: memory}\n"
                    "- {path: /a, backend: memory}\n"
                    "- {path: a/, backend: rocksdb}\n"),
            "restate.yaml:4: a mount at /a was already given on line 3");
  EXPECT_EQ(ErrorOf("mounts:\n- {path: /, backend: memory, directory: /d}\n"),
            "restate.yaml:2: directory is only for filesystem mounts");
  EXPECT_EQ(ErrorOf("mounts:\n- {path: /a, backend: filesystem}\n"),
            "restate.yaml:2: the filesystem mount at /a needs a directory");
  EXPECT_EQ(ErrorOf("mounts:\n- {path: /a, backend: filesystem, "
                    "directory: d}\n"),
            "restate.yaml:2: the filesystem mount at /a needs an absolute "
            "directory, not \"d\"");
  EXPECT_EQ(ErrorOf("mounts:\n- path: /a\n  backend: filesystem\n"
                    "  directory: /d\n  serializer: xml\n"),
            "restate.yaml:2: the filesystem mount at /a has the serializer "
            "\"xml\": use json, yaml or textproto");
  EXPECT_EQ(ErrorOf("mounts:\n- {path: /a, backend: remote}\n"),
            "restate.yaml:2: the remote mount at /a needs the address of its "
            "store, such as store.example.com:7500");
  EXPECT_EQ(ErrorOf("mounts:\n- path: /a\n  backend: memory\n"
                    "  cache:\n    flush_interval: soon\n"),
            "restate.yaml:5: flush_interval: \"soon\" must be a time such as "
            "90s, 30m or 24h, from 0 to 24h");
  EXPECT_EQ(ErrorOf("mounts:\n- path: /a\n  backend: memory\n"
                    "  cache: {flush_on_read: 1}\n"),
            "restate.yaml:4: flush_on_read: must be true or false");
  // The rest of the message is the path's own.
  EXPECT_TRUE(ErrorOf("mounts:\n- {path: /a/*, backend: memory}\n")
                  .starts_with("restate.yaml:2: path: "));
}

TEST(ConfigFile, ReadsExports) {
  Config config;
  ASSERT_TRUE(ReadConfigText("exports: [{path: /b}, {path: a/x}]\n",
                             "restate.yaml", &config)
                  .ok());
  const auto complete = Complete(config);
  ASSERT_TRUE(complete.ok()) << complete.status();
  ASSERT_EQ(complete->exports.size(), 2u);
  EXPECT_EQ(complete->exports[0].ToText(), "/a/x");
  EXPECT_EQ(complete->exports[1].ToText(), "/b");
}

TEST(ConfigFile, ReadsForWhomBoundsPerClientHold) {
  Config config;
  EXPECT_TRUE(config.limits.per_client);
  ASSERT_TRUE(ReadConfigText("trusted_proxies: [10.0.0.0/8, '2001:db8::7']\n"
                             "limits: {per_client: off}\n",
                             "restate.yaml", &config)
                  .ok());
  EXPECT_FALSE(config.limits.per_client);
  ASSERT_EQ(config.trusted_proxies.size(), 2u);
  EXPECT_TRUE(config.trusted_proxies[0].Contains(*IpAddress::Parse("10.9.8.7")));
  EXPECT_FALSE(config.trusted_proxies[1].Contains(*IpAddress::Parse("10.9.8.7")));

  EXPECT_EQ(ErrorOf("trusted_proxies: [10.0.0.0/8,\n  proxy]\n"),
            "restate.yaml:2: \"proxy\" must be an address such as 10.0.0.7 or "
            "2001:db8::1, or a network such as 10.0.0.0/8");
  EXPECT_EQ(ErrorOf("trusted_proxies: 10.0.0.0/8\n"),
            "restate.yaml:1: trusted_proxies: must be a list of addresses and "
            "networks, such as [10.0.0.0/8]");
  EXPECT_EQ(ErrorOf("limits: {per_client: no}\n"),
            "restate.yaml:1: per_client: must be on or off");
}

TEST(ConfigFile, ReadsWhatCallsMayMount) {
  Config config;
  EXPECT_TRUE(config.mounts_by_rpc.directories.empty());
  EXPECT_TRUE(config.mounts_by_rpc.addresses.empty());
  EXPECT_EQ(config.mounts_by_rpc.at_most, 100u);
  ASSERT_TRUE(ReadConfigText("mounts_by_rpc:\n"
                             "  directories: [/srv/./app/, /etc//app]\n"
                             "  addresses: ['store:7', \"b:8\"]\n"
                             "  at_most: 0\n",
                             "restate.yaml", &config)
                  .ok());
  EXPECT_EQ(config.mounts_by_rpc.directories,
            (std::vector<std::string>{"/srv/app", "/etc/app"}));
  EXPECT_EQ(config.mounts_by_rpc.addresses,
            (std::vector<std::string>{"store:7", "b:8"}));
  EXPECT_EQ(config.mounts_by_rpc.at_most, 0u);
}

TEST(ConfigFile, RefusesBadMountsByRpc) {
  EXPECT_EQ(ErrorOf("mounts_by_rpc:\n  directories: /srv\n"),
            "restate.yaml:2: directories: must be a list of texts");
  EXPECT_EQ(ErrorOf("mounts_by_rpc:\n  directories:\n  - /a\n  - b\n"),
            "restate.yaml:4: \"b\" is not an absolute directory, such as "
            "/srv/app");
  EXPECT_EQ(ErrorOf("mounts_by_rpc:\n  addresses: [[a]]\n"),
            "restate.yaml:2: must be a text");
  EXPECT_EQ(ErrorOf("mounts_by_rpc:\n  addresses: [\"\"]\n"),
            "restate.yaml:2: an address must not be empty: name it as clients "
            "do, such as store.example.com:7420");
  EXPECT_EQ(ErrorOf("mounts_by_rpc:\n  at_most: many\n"),
            "restate.yaml:2: at_most: \"many\" must be a whole number from 0 "
            "to 10000");
  EXPECT_EQ(ErrorOf("mounts_by_rpc:\n  dirs: []\n"),
            "restate.yaml:2: unknown key \"dirs\" in mounts_by_rpc; allowed: "
            "addresses, at_most, directories");
}

TEST(ConfigFile, RefusesBadExports) {
  EXPECT_EQ(ErrorOf("exports: /a\n"),
            "restate.yaml:1: exports: must be a list of {path: PATH}");
  EXPECT_EQ(ErrorOf("exports:\n- {}\n"),
            "restate.yaml:2: an export needs a path");
  EXPECT_EQ(ErrorOf("exports:\n- {path: [a]}\n"),
            "restate.yaml:2: path: must be a path such as /shared");
  Config config;
  config.exports = {*Path::Parse("/a/b"), *Path::Parse("/a")};
  EXPECT_EQ(Complete(config).status().message(),
            "exports: /a/b is at or below /a, which is exported");
  config.exports = {Path()};
  EXPECT_EQ(Complete(config).status().code(),
            absl::StatusCode::kInvalidArgument);
}

// What Complete finds, of a file.
std::string LateErrorOf(const std::string& text) {
  Config config;
  const absl::Status read = ReadConfigText(text, "restate.yaml", &config);
  EXPECT_TRUE(read.ok()) << read;
  return std::string(Complete(config).status().message());
}

// What was seen: exports that lie in one another, a directory of two mounts, and
// limits that contradict each other were refused without a word of where.
TEST(ConfigFile, NamesTheLineOfWhatShowsLate) {
  EXPECT_EQ(LateErrorOf("exports:\n- {path: /a/b}\n- {path: /a}\n"),
            "restate.yaml:2: exports: /a/b is at or below /a, which is "
            "exported");
  EXPECT_EQ(LateErrorOf("exports:\n- {path: /a}\n- {path: a}\n"),
            "restate.yaml:3: exports: /a is at or below /a, which is exported");
  EXPECT_EQ(LateErrorOf("listen: a:1\nexports: [{path: /}]\n"),
            "restate.yaml:2: exports: / cannot be exported, for nobody here "
            "could write any more; export a path below it");
  EXPECT_EQ(LateErrorOf("mounts:\n- {path: /, backend: memory}\n"
                        "- {path: /a, backend: filesystem, directory: /d}\n"
                        "- {path: /b, backend: filesystem, directory: /d/}\n"),
            "restate.yaml:4: the filesystem mounts at /a and /b are in one "
            "directory, /d");
  EXPECT_EQ(LateErrorOf("\nmounts: [{path: /a, backend: memory}]\n"),
            "restate.yaml:2: nothing is mounted at /: add a mount with path: "
            "/");
  EXPECT_EQ(LateErrorOf("mounts:\n\n- {path: /, backend: rocksdb}\n"),
            "restate.yaml:3: the rocksdb mount at / needs a data directory: "
            "give --data-dir DIR, or data_dir in the configuration file");
  EXPECT_EQ(LateErrorOf("limits:\n  nodes: 3\n  message_bytes: 65536\n"),
            "restate.yaml:3: limits: leaf_bytes, 1048576, may be at most a "
            "quarter of message_bytes, 65536");
  EXPECT_EQ(LateErrorOf("limits: {derivation_commit_instructions: 1000}\n"),
            "restate.yaml:1: limits: derivation_instructions, 1000000, may be "
            "at most derivation_commit_instructions, 1000");
}

TEST(ConfigFile, LeavesNothingOutSilently) {
  EXPECT_EQ(ErrorOf("listen: a:1\n---\nlisten: b:1\n"),
            "restate.yaml:2: there are several documents: leave one, without a "
            "line ---");
  EXPECT_EQ(ErrorOf("listen: a:1\ndata_dir: !secret x\n"),
            "restate.yaml:2: the tag \"!secret\" is not known: leave it out");
  EXPECT_EQ(ErrorOf(std::string("listen: a:1\n\0limits: x\n", 23)),
            "restate.yaml:2: there is a NUL byte: remove it, or save the file "
            "as UTF-8");
  EXPECT_TRUE(ErrorOf("\"dark\",\n").starts_with(
      "restate.yaml:1: this is not YAML: "));
  EXPECT_TRUE(ErrorOf(std::string(1'000'000, '[')).starts_with(
      "restate.yaml:1: lists and maps nest too deep"));
  EXPECT_EQ(ErrorOf("data_dir:\n"), "restate.yaml:1: data_dir: must be a text");
  EXPECT_EQ(ErrorOf("# only comments\n"), "");
}

// A device, or a file that somebody has named by mistake.
TEST(ConfigFile, RefusesAFileWithoutEnd) {
  Config config;
  const absl::Status status = ReadConfigFile("/dev/zero", &config);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
}

TEST(ConfigFile, ReadsEverySettingOfMounts) {
  Config config;
  ASSERT_TRUE(ReadConfigText(R"(
mounts:
  - {path: /, backend: memory, cache: {}}
  - path: /etc
    backend: filesystem
    directory: /srv/./etc/
    serializer: yaml
    read_only: true
    cache:
      flush_interval: 250ms
      flush_on_read: true
      flush_on_write: false
      flush_on_delete: false
  - path: /far
    backend: remote
    address: store:7500
    export: /shared
    deadline: 500ms
)",
                             "restate.yaml", &config)
                  .ok());
  absl::StatusOr<Config> complete = Complete(config);
  ASSERT_TRUE(complete.ok()) << complete.status();
  const std::vector<MountConfig>& mounts = complete->mounts;
  ASSERT_EQ(mounts.size(), 3u);
  EXPECT_EQ(mounts[0].cache, CachePolicy());
  EXPECT_EQ(mounts[1].backend, BackendKind::kFilesystem);
  EXPECT_EQ(mounts[1].directory, "/srv/etc");
  EXPECT_EQ(mounts[1].serializer, "yaml");
  EXPECT_TRUE(mounts[1].read_only);
  EXPECT_EQ(mounts[1].cache,
            (CachePolicy{absl::Milliseconds(250), true, false, false}));
  EXPECT_EQ(mounts[2].backend, BackendKind::kRemote);
  EXPECT_EQ(mounts[2].address, "store:7500");
  EXPECT_EQ(mounts[2].export_path.ToText(), "/shared");
  EXPECT_EQ(mounts[2].deadline, absl::Milliseconds(500));

  MountConfig again = mounts[1];
  again.at = Path().Child("again");
  again.directory = "/srv/etc//.";
  complete->mounts.push_back(again);
  EXPECT_EQ(Complete(*complete).status().message(),
            "the filesystem mounts at /etc and /again are in one directory, "
            "/srv/etc");
}

TEST(ConfigFile, TellsWhereYamlIsBroken) {
  EXPECT_TRUE(ErrorOf("listen: a:1\nlimits: {nodes: 1\n")
                  .starts_with("restate.yaml:3: "));
}

TEST(ConfigFile, OneThatIsNotThere) {
  Config config;
  const absl::Status status = ReadConfigFile("/no/such/file", &config);
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(),
            "cannot read the configuration file /no/such/file: No such file or "
            "directory");
}

TEST(ListenAddress, HostAndPort) {
  EXPECT_TRUE(CheckListenAddress("0.0.0.0:7420").ok());
  EXPECT_TRUE(CheckListenAddress("localhost:0").ok());
  EXPECT_TRUE(CheckListenAddress("[::1]:65535").ok());
  for (const char* bad : {"", "7420", ":7420", "::1:7420", "localhost"}) {
    EXPECT_FALSE(CheckListenAddress(bad).ok()) << bad;
  }
  EXPECT_EQ(CheckListenAddress("localhost:65536").message(),
            "\"65536\" in \"localhost:65536\" is not a port: use 0 to 65535 (0 "
            "picks a free one)");
  EXPECT_FALSE(CheckListenAddress("localhost:").ok());
  EXPECT_FALSE(CheckListenAddress("localhost:-1").ok());
  EXPECT_FALSE(CheckListenAddress("localhost: 1").ok());
}

TEST(CheckHttpListenAddress, TakesAddressesOfIpv4AndOff) {
  for (const char* good : {"127.0.0.1:7421", "localhost:0", "off"}) {
    EXPECT_TRUE(CheckHttpListenAddress(good).ok()) << good;
  }
  for (const char* bad : {"", "[::1]:7421", "localhost", "a:65536", "Off"}) {
    EXPECT_EQ(CheckHttpListenAddress(bad).code(),
              absl::StatusCode::kInvalidArgument)
        << bad;
  }
}

TEST(Complete, WhatADestinationHoldsIsBoundedAsWhatClientsWrite) {
  Config config;
  config.limits.request.write.max_leaf_bytes = 1000;
  config.limits.request.write.max_nodes = 10;
  const auto complete = Complete(config);
  ASSERT_TRUE(complete.ok());
  EXPECT_EQ(complete->limits.derivations.result.max_leaf_bytes, 1000u);
  EXPECT_EQ(complete->limits.derivations.result.max_nodes, 10u);
}

TEST(Complete, DefaultMounts) {
  absl::StatusOr<Config> in_memory = Complete({});
  ASSERT_TRUE(in_memory.ok());
  ASSERT_EQ(in_memory->mounts.size(), 1u);
  EXPECT_EQ(in_memory->mounts[0].at, Path());
  EXPECT_EQ(in_memory->mounts[0].backend, BackendKind::kMemory);

  Config durable;
  durable.data_dir = "data";
  absl::StatusOr<Config> on_disk = Complete(durable);
  ASSERT_TRUE(on_disk.ok());
  ASSERT_EQ(on_disk->mounts.size(), 2u);
  EXPECT_EQ(on_disk->mounts[0].at, Path());
  EXPECT_EQ(on_disk->mounts[0].backend, BackendKind::kRocksDb);
  EXPECT_EQ(on_disk->mounts[1].at, Path().Child("tmp"));
  EXPECT_EQ(on_disk->mounts[1].backend, BackendKind::kMemory);
}

TEST(Complete, AHistoryOnDiskIsLargerThanOneInMemory) {
  Config config;
  EXPECT_EQ(Complete(config)->limits.history_bytes, size_t{64} << 20);
  config.data_dir = "data";
  EXPECT_EQ(Complete(config)->limits.history_bytes, size_t{4} << 30);
  config.limits.history_bytes = 100'000;
  EXPECT_EQ(Complete(config)->limits.history_bytes, 100'000u);
}

TEST(Complete, RefusesWhatCannotWork) {
  Config config;
  config.mounts = {{Path(), BackendKind::kRocksDb}};
  EXPECT_EQ(Complete(config).status().message(),
            "the rocksdb mount at / needs a data directory: give --data-dir "
            "DIR, or data_dir in the configuration file");
  config.mounts = {{Path().Child("a"), BackendKind::kMemory}};
  EXPECT_EQ(Complete(config).status().message(),
            "nothing is mounted at /: add a mount with path: /");
  config.mounts = {{Path(), BackendKind::kMemory},
                   {Path(), BackendKind::kMemory}};
  EXPECT_EQ(Complete(config).status().message(), "two mounts are at /");
  config.mounts.clear();
  config.limits.request.write.max_leaf_bytes = 20000;
  config.limits.request.max_message_bytes = 65536;
  EXPECT_EQ(Complete(config).status().message(),
            "limits: leaf_bytes, 20000, may be at most a quarter of "
            "message_bytes, 65536");
  config = {};
  config.limits.derivations.commit_instructions = 999'999;
  EXPECT_EQ(Complete(config).status().message(),
            "limits: derivation_instructions, 1000000, may be at most "
            "derivation_commit_instructions, 999999");
}

TEST(CommandLine, ReadsFlags) {
  absl::StatusOr<CommandLine> given =
      Parse({"--data-dir", "d", "--listen=localhost:1", "--config", "c",
             "--log-level", "warn", "--http-listen", "off"});
  ASSERT_TRUE(given.ok());
  EXPECT_FALSE(given->print.has_value());
  EXPECT_EQ(given->data_dir, "d");
  EXPECT_EQ(given->listen, "localhost:1");
  EXPECT_EQ(given->http_listen, "off");
  EXPECT_EQ(given->config_file, "c");
  EXPECT_EQ(given->log_level, "warn");
}

TEST(CommandLine, HelpAndVersion) {
  EXPECT_EQ(Parse({"--version"})->print, "restated 0.1.0\n");
  EXPECT_NE(Parse({"--help"})->print->find("--data-dir DIR"),
            std::string::npos);
}

TEST(CommandLine, RefusesWhatItDoesNotKnow) {
  const auto message = [](std::vector<const char*> flags) {
    return std::string(Parse(std::move(flags)).status().message());
  };
  EXPECT_EQ(message({"--lissten", "a:1"}),
            "The following arguments were not expected: a:1 --lissten\n"
            "restated --help lists the flags.");
  EXPECT_EQ(message({"--listen", "nowhere"}),
            "--listen: \"nowhere\" is not HOST:PORT, such as 127.0.0.1:7420 or "
            "[::1]:7420\nrestated --help lists the flags.");
  EXPECT_EQ(message({"--log-level", "loud"}),
            "--log-level: \"loud\" is not a log level: use one of trace, "
            "debug, info, warn, error, off\nrestated --help lists the flags.");
}

// `--data-dir "$DIR"` with DIR not set: the server ran, with nothing on disk.
TEST(CommandLine, AnEmptyDirectoryIsNoDirectory) {
  for (const char* flag : {"--data-dir", "--config"}) {
    EXPECT_EQ(Parse({flag, ""}).status().message(),
              std::string(flag) +
                  ": must not be empty (is a variable not set?); leave the flag "
                  "out to do without\nrestated --help lists the flags.");
    EXPECT_FALSE(Parse({(std::string(flag) + "=").c_str()}).ok());
  }
}

TEST(LoadConfig, FlagsWinOverTheFile) {
  const std::string file = testing::TempDir() + "/restate_config_test.yaml";
  std::ofstream(file) << "listen: localhost:1\nlog_level: warn\n"
                         "data_dir: from_file\n";
  CommandLine given;
  given.config_file = file;
  given.listen = "localhost:2";
  given.http_listen = "localhost:3";
  absl::StatusOr<Config> config = LoadConfig(given);
  std::remove(file.c_str());
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->listen, "localhost:2");
  EXPECT_EQ(config->http_listen, "localhost:3");
  EXPECT_EQ(config->log_level, "warn");
  EXPECT_EQ(config->data_dir, "from_file");
  EXPECT_EQ(config->mounts.size(), 2u);
}

}  // namespace
}  // namespace restate
