// A minimal test library: C++ tests that need neither Node nor a package.
//
//   TEST("adds numbers") { CHECK_EQ(1 + 1, 2); }
//
// The program runs every test and prints the results as TAP (testanything.org). test/native/unit.test.ts
// builds and runs it, and reports each of them as a test of its own. A check that fails ends its test.
#ifndef HOLDFAST_TEST_NATIVE_UNIT_CHECK_H_
#define HOLDFAST_TEST_NATIVE_UNIT_CHECK_H_

#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace holdfast::test {

struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Adds a test to those that main runs.
struct Registration {
  Registration(const char* name, void (*run)());
};

template <typename T>
void Print(std::ostream& out, const T& value) {
  if constexpr (std::is_enum_v<T>) {
    out << static_cast<long long>(value);
  } else {
    out << value;
  }
}

inline void Print(std::ostream& out, std::nullopt_t) {
  out << "nothing";
}

inline void Print(std::ostream& out, bool value) {
  out << (value ? "true" : "false");
}

template <typename T>
void Print(std::ostream& out, const std::optional<T>& value) {
  if (value) {
    Print(out, *value);
  } else {
    out << "nothing";
  }
}

[[noreturn]] inline void Fail(const char* file, int line, const std::string& what) {
  throw Failure(std::string(file) + ':' + std::to_string(line) + ": " + what);
}

template <typename A, typename B>
void CheckEqual(const char* file, int line, const char* expression, const A& actual, const B& expected) {
  if (actual == expected) return;
  std::ostringstream what;
  what << expression << ": ";
  Print(what, actual);
  what << " is not ";
  Print(what, expected);
  Fail(file, line, what.str());
}

}  // namespace holdfast::test

#define HOLDFAST_JOIN_(a, b) a##b
#define HOLDFAST_JOIN(a, b) HOLDFAST_JOIN_(a, b)

#define TEST(name)                                                                                           \
  static void HOLDFAST_JOIN(Test, __LINE__)();                                                               \
  static const ::holdfast::test::Registration HOLDFAST_JOIN(kTest, __LINE__)(name,                           \
                                                                             HOLDFAST_JOIN(Test, __LINE__)); \
  static void HOLDFAST_JOIN(Test, __LINE__)()

#define CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::holdfast::test::Fail(__FILE__, __LINE__, #condition " is false"))

#define CHECK_EQ(actual, expected) \
  ::holdfast::test::CheckEqual(__FILE__, __LINE__, "CHECK_EQ(" #actual ", " #expected ")", actual, expected)

#endif  // HOLDFAST_TEST_NATIVE_UNIT_CHECK_H_
