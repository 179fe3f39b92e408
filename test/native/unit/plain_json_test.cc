// PlainJson: examples of each rule. test/chronicle/canonical-json.test.ts compares it with that of
// TypeScript, and fuzz.cc gives it any bytes.
#include "event/plain_json.h"

#include <string>

#include "check.h"

namespace {

using holdfast::event::PlainJson;

std::string CanonicalOf(std::string_view json) {
  PlainJson plain_json;
  return std::string(plain_json.Canonical(json));
}

std::string Nested(int depth) {
  return R"({"a":)" + std::string(static_cast<size_t>(depth), '[') +
         std::string(static_cast<size_t>(depth), ']') + "}";
}

TEST("PlainJson: members are put in order, at every depth") {
  CHECK_EQ(CanonicalOf("{}"), "{}");
  CHECK_EQ(CanonicalOf(R"({"a":1,"b":{}})"), R"({"a":1,"b":{}})");
  CHECK_EQ(CanonicalOf(R"({"b":{"d":[],"c":null},"a":[{"z":true,"y":false},"x"]})"),
           R"({"a":[{"y":false,"z":true},"x"],"b":{"c":null,"d":[]}})");
  CHECK_EQ(CanonicalOf(R"({"ab":1,"a":2,"":3,"B":4})"), R"({"":3,"B":4,"a":2,"ab":1})");
  CHECK_EQ(CanonicalOf("{\"\xe2\x82\xac\":1,\"\xc3\xb6\":2}"), "{\"\xc3\xb6\":2,\"\xe2\x82\xac\":1}");
}

TEST("PlainJson: what it says does not stay behind for the next event") {
  PlainJson plain_json;
  CHECK_EQ(plain_json.Canonical(R"({"b":1,"a":[{"d":2,"c":)"), "");
  CHECK_EQ(plain_json.Canonical(R"({"y":1,"x":2})"), R"({"x":2,"y":1})");
  CHECK_EQ(plain_json.Canonical(R"({"a":1})"), R"({"a":1})");
}

TEST("PlainJson: numbers that are exact, as JavaScript writes them") {
  for (const std::string number : {"0", "1", "-1", "999999999999999", "0.5", "-0.5", "1.25", "0.000001",
                                   "0.00000123456789012345", "12345678.1234567", "100", "10.01"}) {
    CHECK_EQ(CanonicalOf("{\"a\":" + number + "}"), "{\"a\":" + number + "}");
  }
  for (const std::string number :
       {"-0", "-", "01", "1.", ".5", "1.50", "0.0", "1e5", "1E5", "1e+21", "0.0000001", "9999999999999999",
        "0.1234567890123456", "12345678.12345678", "--1", "+1", "1-"}) {
    CHECK_EQ(CanonicalOf("{\"a\":" + number + "}"), "");
  }
}

TEST("PlainJson: strings with the escapes of RFC 8785 alone, and what a line may have") {
  for (const std::string text :
       {R"(\"\\\b\f\n\r\t)", R"(\u0000\u000b\u001f)", "\xc3\xbc \xf0\x9f\x99\x82", "/",
        "\xc2\x84\xe2\x80\xa7\xef\xbf\xbc", "eight of them, and more than that"}) {
    const std::string json = "{\"a\":\"" + text + "\"}";
    CHECK_EQ(CanonicalOf(json), json);
  }
  for (const std::string text : {R"(\/)", R"(\u000a)", R"(\u001F)", R"(\u0041)", R"(\ud83d)", R"(\u00)",
                                 R"(\x)", "\n", "\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9",
                                 "eight of them, and then \xef\xbf\xbd", "eight of them \x1f and more"}) {
    CHECK_EQ(CanonicalOf("{\"a\":\"" + text + "\"}"), "");
  }
}

TEST("PlainJson: names without escapes, without what UTF-16 has two units for, and each once") {
  CHECK_EQ(CanonicalOf(R"({"a\n":1})"), "");
  CHECK_EQ(CanonicalOf("{\"\xf0\x9f\x99\x82\":1}"), "");
  CHECK_EQ(CanonicalOf(R"({"a":1,"a":1})"), "");
  CHECK_EQ(CanonicalOf(R"({"a":1,"b":2,"a":1})"), "");
  CHECK_EQ(CanonicalOf(R"({"a":{"a":1}})"), R"({"a":{"a":1}})");
}

TEST("PlainJson: nothing but one object, without white space, that is not too deep") {
  for (const std::string text : {"",
                                 "[]",
                                 "1",
                                 "\"a\"",
                                 "{",
                                 "}",
                                 "{\"a\"}",
                                 "{\"a\":}",
                                 "{\"a\":1,}",
                                 "{,}",
                                 "{\"a\":1",
                                 "{\"a\":[1}",
                                 "{\"a\":[1,]}",
                                 "{\"a\":1}}",
                                 " {}",
                                 "{} ",
                                 "{\"a\": 1}",
                                 "{\"a\":tru}",
                                 "{\"a\":undefined}",
                                 "{a:1}",
                                 "{\"a",
                                 "{\"a\\"}) {
    CHECK_EQ(CanonicalOf(text), "");
  }
  CHECK_EQ(CanonicalOf(Nested(63)), Nested(63));
  CHECK_EQ(CanonicalOf(Nested(64)), "");
  CHECK_EQ(CanonicalOf(Nested(1'000'000)), "");
}

}  // namespace
