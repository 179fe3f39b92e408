// Runs the tests and prints the results as TAP; with `find <key>`, says what native code finds in the lines
// of standard input.
#include <cstdio>
#include <cstring>
#include <exception>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "dedupe/id_finder.h"
#include "read/line_grammar.h"

namespace holdfast::test {
namespace {

std::vector<std::pair<const char*, void (*)()>>& Tests() {
  static std::vector<std::pair<const char*, void (*)()>> tests;
  return tests;
}

int RunTests() {
  std::printf("1..%zu\n", Tests().size());
  int number = 0, failures = 0;
  for (const auto& [name, run] : Tests()) {
    std::string failure;
    try {
      run();
    } catch (const std::exception& exception) {
      failure = exception.what();
    }
    std::printf("%sok %d - %s\n", failure.empty() ? "" : "not ", ++number, name);
    if (!failure.empty()) std::printf("# %s\n", failure.c_str());
    std::fflush(stdout);
    failures += failure.empty() ? 0 : 1;
  }
  return failures == 0 ? 0 : 1;
}

// For each line: 1 if it looks like an event, 1 if it is blank, the fingerprint of its id, and the id as it
// is written, in hexadecimal digits, because it may hold any byte.
int FindIds(const char* key) {
  const dedupe::IdFinder finder(key);
  for (std::string line; std::getline(std::cin, line);) {
    const std::string_view id = finder.Find(line);
    std::printf("%d %d %llu ", read::IsEvent(line) ? 1 : 0, read::IsBlank(line) ? 1 : 0,
                static_cast<unsigned long long>(dedupe::IdFinder::FingerprintOf({}, id)));
    for (const char byte : id) std::printf("%02x", static_cast<unsigned char>(byte));
    std::printf("\n");
  }
  return 0;
}

}  // namespace

Registration::Registration(const char* name, void (*run)()) {
  Tests().emplace_back(name, run);
}

}  // namespace holdfast::test

int main(int count, char** arguments) {
  if (count == 3 && std::strcmp(arguments[1], "find") == 0) return holdfast::test::FindIds(arguments[2]);
  return holdfast::test::RunTests();
}
