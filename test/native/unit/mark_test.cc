// Marks: what they consist of, and that they show a file that was cut and has grown again.
#include "dedupe/mark.h"

#include <string>

#include "check.h"
#include "files.h"

namespace {

using namespace holdfast;
using namespace holdfast::dedupe;

const std::string kLong(200, 'x');

TEST("MarkIn: the last line, but no less than there must be and no more than there may be") {
  CHECK_EQ(MarkIn(""), "");
  CHECK_EQ(MarkIn("\n"), "\n");
  CHECK_EQ(MarkIn("a\nb\n"), "a\nb\n");
  CHECK_EQ(MarkIn("a\n" + kLong + '\n'), kLong + '\n');
  CHECK_EQ(MarkIn("a\n" + kLong), kLong);
  CHECK_EQ(MarkIn(kLong + "\nb\n"), std::string(93, 'x') + "\nb\n");
  CHECK_EQ(MarkIn(std::string(5000, 'y') + '\n'), std::string(4095, 'y') + '\n');
}

TEST("TailMark: shows every change of the bytes before it, and no growth") {
  test::Directory directory;
  const std::string content = "a\n" + kLong + "\n{\"eventId\":\"b\"}\n";
  const os::File file = test::Opened(directory.Write("file", content));
  TailMark mark;
  CHECK(mark.IsIn(file, 0));
  CHECK_EQ(mark.last_byte(), '\n');
  CHECK_EQ(mark.Move(file, content.size()).number, 0);
  CHECK(mark.IsIn(file, content.size()));
  CHECK(!mark.IsIn(file, content.size() - 1));
  directory.Write("file", content + "more");
  CHECK(mark.IsIn(file, content.size() + 4));
  for (size_t back = 1; back <= kMinMarkBytes; back++) {
    std::string changed = content + "more";
    changed[content.size() - back] ^= 1;
    directory.Write("file", changed);
    CHECK(!mark.IsIn(file, changed.size()));
  }
  directory.Write("file", "");
  CHECK(!mark.IsIn(file, content.size()));  // the size may be out of date
}

TEST("TailMark: of what was written it is the same as of what is read") {
  test::Directory directory;
  for (const std::string& written :
       {std::string("{}\n"), kLong + '\n', kLong + "\n{}\n", "{}\n" + kLong + '\n'}) {
    const std::string content = "before\n" + kLong + "\n" + written;
    const os::File file = test::Opened(directory.Write("file", content));
    TailMark mark;
    CHECK_EQ(mark.MoveAfter(written, file, content.size()).number, 0);
    CHECK_EQ(mark.end(), content.size());
    CHECK(mark.IsIn(file, content.size()));
    // Also if little was written, it is not that alone.
    std::string changed = content;
    changed[content.size() - kMinMarkBytes] ^= 1;
    directory.Write("file", changed);
    CHECK(!mark.IsIn(file, content.size()));
  }
}

TEST("HashMark: covers the beginning and the end, and nothing after it") {
  test::Directory directory;
  std::string content(10'000, 'x');
  const os::File file = test::Opened(directory.Write("file", content));
  uint64_t before = 0, after = 0;
  const auto changed_at = [&](size_t at) {
    std::string changed = content;
    changed[at] ^= 1;
    directory.Write("file", changed);
    CHECK(HashMark(file, {1, 2}, 9000, &after));
    return after != before;
  };
  CHECK(HashMark(file, {1, 2}, 9000, &before));
  CHECK(changed_at(0));
  CHECK(changed_at(255));
  CHECK(!changed_at(256));
  CHECK(!changed_at(9000 - 4097));
  CHECK(changed_at(9000 - 4096));
  CHECK(changed_at(8999));
  CHECK(!changed_at(9000));
  CHECK(!HashMark(file, {1, 2}, 10'001, &after));
}

}  // namespace
