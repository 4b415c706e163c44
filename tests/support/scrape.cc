#include "tests/support/scrape.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace restate::test {
namespace {

absl::Status Errno(absl::string_view what) {
  return absl::UnavailableError(absl::StrCat(what, ": ", strerror(errno)));
}

bool IsName(absl::string_view text, bool colons) {
  if (text.empty() || std::isdigit(static_cast<unsigned char>(text[0]))) {
    return false;
  }
  for (const unsigned char c : text) {
    if (!std::isalnum(c) && c != '_' && !(colons && c == ':')) return false;
  }
  return true;
}

absl::StatusOr<std::string> ReadAll(int fd) {
  std::string all;
  char buffer[4096];
  while (true) {
    const ssize_t n = read(fd, buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Errno("read");
    if (n == 0) return all;
    all.append(buffer, static_cast<size_t>(n));
  }
}

}  // namespace

absl::StatusOr<HttpAnswer> HttpGet(const std::string& address,
                                   const std::string& path) {
  const size_t colon = address.rfind(':');
  sockaddr_in to{};
  to.sin_family = AF_INET;
  int port = 0;
  if (colon == std::string::npos ||
      !absl::SimpleAtoi(address.substr(colon + 1), &port) ||
      inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr) != 1) {
    return absl::InvalidArgumentError(absl::StrCat("no address: ", address));
  }
  to.sin_port = htons(static_cast<uint16_t>(port));
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return Errno("socket");
  const std::string request =
      absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: ", address,
                   "\r\nConnection: close\r\n\r\n");
  absl::StatusOr<std::string> all = Errno("connect");
  if (connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) == 0) {
    all = send(fd, request.data(), request.size(), MSG_NOSIGNAL) ==
                  static_cast<ssize_t>(request.size())
              ? ReadAll(fd)
              : Errno("send");
  }
  close(fd);
  if (!all.ok()) return all.status();
  HttpAnswer answer;
  const size_t end = all->find("\r\n\r\n");
  if (!absl::StartsWith(*all, "HTTP/1.") || end == std::string::npos ||
      !absl::SimpleAtoi(all->substr(9, 3), &answer.code)) {
    return absl::InvalidArgumentError(absl::StrCat("no HTTP: ", *all));
  }
  answer.headers = all->substr(0, end);
  answer.body = all->substr(end + 4);
  return answer;
}

// Reads line by line.
class ScrapeParser {
 public:
  absl::StatusOr<Scrape> Parse(absl::string_view text) {
    if (!text.empty() && text.back() != '\n') return Error("no end of line");
    for (absl::string_view line : absl::StrSplit(text, '\n')) {
      ++line_;
      absl::Status status = ReadLine(line);
      if (!status.ok()) return status;
    }
    absl::Status status = CheckHistograms();
    if (!status.ok()) return status;
    return std::move(scrape_);
  }

 private:
  absl::Status Error(absl::string_view what) const {
    return absl::InvalidArgumentError(absl::StrCat("line ", line_, ": ", what));
  }

  absl::Status ReadLine(absl::string_view line) {
    if (line.empty()) return absl::OkStatus();
    if (absl::StartsWith(line, "# HELP ")) return ReadHelp(line.substr(7));
    if (absl::StartsWith(line, "# TYPE ")) return ReadType(line.substr(7));
    if (line[0] == '#') return absl::OkStatus();
    return ReadSample(line);
  }

  absl::Status ReadHelp(absl::string_view rest) {
    const size_t space = rest.find(' ');
    family_ = std::string(rest.substr(0, space));
    if (!IsName(family_, true)) return Error("HELP of what is no name");
    if (space == absl::string_view::npos || space + 1 == rest.size()) {
      return Error("no help");
    }
    if (!helped_.insert(family_).second) return Error("a second HELP");
    return absl::OkStatus();
  }

  absl::Status ReadType(absl::string_view rest) {
    const std::pair<std::string, std::string> parts =
        absl::StrSplit(rest, absl::MaxSplits(' ', 1));
    if (parts.first != family_) return Error("TYPE of another than HELP");
    static const std::set<std::string> kTypes = {"counter", "gauge",
                                                 "histogram", "summary"};
    if (!kTypes.contains(parts.second)) return Error("no type");
    if (!scrape_.types_.emplace(family_, parts.second).second) {
      return Error("a second TYPE");
    }
    if (parts.second == "counter" && !absl::EndsWith(family_, "_total")) {
      return Error("a counter that does not end with _total");
    }
    return absl::OkStatus();
  }

  absl::Status ReadLabels(absl::string_view* rest, Scrape::Labels* labels) {
    while (!rest->empty() && rest->front() != '}') {
      const size_t equals = rest->find("=\"");
      if (equals == absl::string_view::npos) return Error("no label");
      const std::string name(rest->substr(0, equals));
      if (!IsName(name, false)) return Error("a label that is no name");
      rest->remove_prefix(equals + 2);
      std::string value;
      while (!rest->empty() && rest->front() != '"') {
        char c = rest->front();
        if (c == '\\') {
          rest->remove_prefix(1);
          if (rest->empty()) return Error("an escape at the end");
          c = rest->front();
          if (c == 'n') {
            c = '\n';
          } else if (c != '\\' && c != '"') {
            return Error("an unknown escape");
          }
        }
        value.push_back(c);
        rest->remove_prefix(1);
      }
      if (rest->empty()) return Error("a label without an end");
      rest->remove_prefix(1);
      if (!labels->emplace(name, value).second) return Error("a label twice");
      if (!rest->empty() && rest->front() == ',') rest->remove_prefix(1);
    }
    if (rest->empty()) return Error("labels without an end");
    rest->remove_prefix(1);
    return absl::OkStatus();
  }

  bool BelongsToFamily(const std::string& name) const {
    const std::string type = scrape_.TypeOf(family_);
    if (type == "histogram") {
      return name == family_ + "_bucket" || name == family_ + "_sum" ||
             name == family_ + "_count";
    }
    if (type == "summary") {
      return name == family_ || name == family_ + "_sum" ||
             name == family_ + "_count";
    }
    return name == family_;
  }

  absl::Status ReadSample(absl::string_view line) {
    const size_t end = line.find_first_of("{ ");
    if (end == absl::string_view::npos) return Error("no value");
    const std::string name(line.substr(0, end));
    if (!IsName(name, true)) return Error("no name");
    if (scrape_.TypeOf(family_).empty() || !BelongsToFamily(name)) {
      return Error(absl::StrCat(name, " is not in the family ", family_));
    }
    line.remove_prefix(end);
    Scrape::Labels labels;
    if (line.front() == '{') {
      line.remove_prefix(1);
      absl::Status status = ReadLabels(&line, &labels);
      if (!status.ok()) return status;
    }
    if (line.empty() || line.front() != ' ') return Error("no value");
    line.remove_prefix(1);
    const std::string number(line);
    char* rest = nullptr;
    const double value = std::strtod(number.c_str(), &rest);
    if (number.empty() || *rest != '\0') return Error("no number");
    if (absl::EndsWith(name, "_total") && !(value >= 0)) {
      return Error("a counter below 0");
    }
    if (!scrape_.samples_[name].emplace(std::move(labels), value).second) {
      return Error("the same sample twice");
    }
    return absl::OkStatus();
  }

  absl::Status CheckHistograms() const {
    for (const auto& [family, type] : scrape_.types_) {
      if (type != "histogram") continue;
      const auto buckets = scrape_.samples_.find(family + "_bucket");
      if (buckets == scrape_.samples_.end()) {
        return Error(family + " has no buckets");
      }
      // By the other labels: counts by bound.
      std::map<Scrape::Labels, std::map<double, double>> histograms;
      for (const auto& [labels, count] : buckets->second) {
        Scrape::Labels others = labels;
        const auto bound = others.find("le");
        if (bound == others.end()) return Error(family + ": no le");
        const double le = std::strtod(bound->second.c_str(), nullptr);
        others.erase(bound);
        histograms[others][le] = count;
      }
      for (const auto& [labels, counts] : histograms) {
        double before = 0;
        for (const auto& [bound, count] : counts) {
          if (count < before) return Error(family + ": buckets descend");
          before = count;
        }
        if (!std::isinf(counts.rbegin()->first)) {
          return Error(family + ": no +Inf");
        }
        if (scrape_.Value(family + "_count", labels) != before) {
          return Error(family + ": the count is another than that of +Inf");
        }
        if (!scrape_.Value(family + "_sum", labels).has_value()) {
          return Error(family + ": no sum");
        }
      }
    }
    return absl::OkStatus();
  }

  Scrape scrape_;
  int line_ = 0;
  // The one at hand, and all that had a HELP.
  std::string family_;
  std::set<std::string> helped_;
};

absl::StatusOr<Scrape> Scrape::Parse(std::string_view text) {
  return ScrapeParser().Parse({text.data(), text.size()});
}

absl::StatusOr<Scrape> Scrape::Of(const std::string& address) {
  absl::StatusOr<HttpAnswer> answer = HttpGet(address, "/metrics");
  if (!answer.ok()) return answer.status();
  if (answer->code != 200) {
    return absl::UnavailableError(absl::StrCat("HTTP ", answer->code));
  }
  return Parse(answer->body);
}

std::optional<double> Scrape::Value(const std::string& name,
                                    const Labels& labels) const {
  const auto family = samples_.find(name);
  if (family == samples_.end()) return std::nullopt;
  const auto sample = family->second.find(labels);
  if (sample == family->second.end()) return std::nullopt;
  return sample->second;
}

std::string Scrape::TypeOf(const std::string& name) const {
  const auto found = types_.find(name);
  return found == types_.end() ? "" : found->second;
}

}  // namespace restate::test
