// IdFinder: examples of each rule. test/native/unit.test.ts compares it with JSON.parse.
#include "dedupe/id_finder.h"

#include <string>

#include "check.h"

namespace {

using holdfast::dedupe::IdFinder;

constexpr holdfast::dedupe::HashKey kKey{1, 2};

TEST("IdFinder: finds the id at the end, at the beginning and in the middle") {
  const IdFinder finder("eventId");
  CHECK_EQ(finder.Find(R"({"n":1,"eventId":"a"})"), "a");
  CHECK_EQ(finder.Find(R"({"eventId":"a","n":1})"), "a");
  CHECK_EQ(finder.Find("\xef\xbb\xbf { \"n\" : [1] , \"eventId\" : \"a\" , \"m\" : {} } \r"), "a");
  const std::string sha256(64, 'f');
  CHECK_EQ(finder.Find("{\"n\":1,\"eventId\":\"" + sha256 + "\"}"), sha256);
}

TEST("IdFinder: only the property of the object itself counts, and the last of two") {
  const IdFinder finder("eventId");
  CHECK_EQ(finder.Find(R"({"in":{"eventId":"a"}})"), "");
  CHECK_EQ(finder.Find(R"({"in":[{"eventId":"a"}],"n":"eventId"})"), "");
  CHECK_EQ(finder.Find(R"({"text":",\"eventId\":\"a\"}"})"), "");
  CHECK_EQ(finder.Find(R"({"eventId":"a","eventId":"b"})"), "b");
  CHECK_EQ(finder.Find(R"({"eventId":"a","eventId":5})"), "");
  CHECK_EQ(finder.Find(R"({"xeventId":"a"})"), "");
}

TEST("IdFinder: an id is the same however it is escaped") {
  const IdFinder finder("eventId");
  const auto id_of = [&](std::string_view line) { return IdFinder::FingerprintOf(kKey, finder.Find(line)); };
  CHECK_EQ(id_of(R"({"eventId":"\u0061\/"})"), id_of(R"({"eventId":"a/"})"));
  CHECK_EQ(id_of(R"({"event\u0049d":"\uD83D\uDE42"})"), id_of("{\"eventId\":\"\xf0\x9f\x99\x82\"}"));
  CHECK(IdFinder::Equal(R"(\u00fc\n)", "\xc3\xbc\\n"));
  CHECK(!IdFinder::Equal(R"(\n)", "n"));
  CHECK(id_of(R"({"eventId":"a"})") != id_of(R"({"eventId":"b"})"));
}

TEST("IdFinder: no id has no fingerprint, and an id has one") {
  const IdFinder finder("eventId");
  CHECK_EQ(IdFinder::FingerprintOf(kKey, finder.Find("{}")), 0u);
  CHECK_EQ(IdFinder::FingerprintOf(kKey, finder.Find(R"({"eventId":""})")), 0u);
  CHECK(IdFinder::FingerprintOf(kKey, "a") != 0);
}

TEST("IdFinder: a key that JSON must escape is found as well") {
  CHECK_EQ(IdFinder("\"").Find(R"({"\"":"a"})"), "a");
  CHECK_EQ(IdFinder("\\").Find(R"({"\u005c":"a"})"), "a");
  CHECK_EQ(IdFinder("\n").Find(R"({"n":"b","\n":"a"})"), "a");
}

TEST("IdFinder: a line that is cut anywhere does no harm") {
  const IdFinder finder("eventId");
  const std::string line = R"({"n":[1,{"x":"\\\""}],"event\u0049d":"\ud83d\ude42\","})";
  for (size_t from = 0; from <= line.size(); from++) {
    for (size_t length = 0; from + length <= line.size(); length++) {
      // A copy of its own, so that a sanitizer sees what is read after its end.
      const std::string part = line.substr(from, length);
      IdFinder::FingerprintOf(kKey, finder.Find(part));
    }
  }
}

}  // namespace
