// LineWalker and its relatives against splitting a string, with lines around the size of what is read at
// once.
#include "dedupe/line_walker.h"

#include <random>
#include <string>
#include <vector>

#include "check.h"
#include "files.h"

namespace {

using namespace holdfast;
using dedupe::LineWalker;
using dedupe::Tail;

constexpr size_t kChunk = size_t{1} << 18;

struct Expected {
  uint64_t offset;
  std::string text;
};

// The lines of the range that are no longer than `max`; an unfinished one as `tail` says.
std::vector<Expected> Split(const std::string& content, dedupe::Range range, size_t max, Tail tail,
                            uint64_t* end) {
  std::vector<Expected> lines;
  *end = range.begin;
  while (*end < range.end) {
    const size_t newline = content.find('\n', *end);
    const bool complete = newline < range.end;
    if (!complete && tail == Tail::kLeaveUnfinished) break;
    const uint64_t stop = complete ? newline : range.end;
    if (stop - *end <= max) lines.push_back({*end, content.substr(*end, stop - *end)});
    *end = complete ? stop + 1 : stop;
  }
  return lines;
}

void Compare(const std::string& content, size_t max) {
  test::Directory directory;
  const os::File file = test::Opened(directory.Write("file", content));
  const size_t first = content.find('\n');
  std::string buffer;
  for (const uint64_t begin : {uint64_t{0}, first == std::string::npos ? 0 : uint64_t{first} + 1}) {
    for (const uint64_t end : {uint64_t{content.size()}, begin + (content.size() - begin) / 2}) {
      for (const Tail tail : {Tail::kLeaveUnfinished, Tail::kIncludeUnfinished}) {
        uint64_t expected_end = 0;
        const std::vector<Expected> expected = Split(content, {begin, end}, max, tail, &expected_end);
        LineWalker lines(file, {begin, end}, max, tail, &buffer);
        for (const Expected& line : expected) {
          CHECK(lines.Next());
          CHECK_EQ(lines.line().offset, line.offset);
          CHECK(lines.line().text == line.text);
        }
        CHECK(!lines.Next());
        CHECK(!lines.Next());
        CHECK_EQ(lines.error().number, 0);
        CHECK_EQ(lines.end(), expected_end);
      }
    }
  }
}

TEST("LineWalker: short lines, blank lines, and none") {
  for (const char* content : {"", "\n", "\n\n", "a", "a\n", "a\nb", "\na\n\nbc\n", "abc\nabcd\nabcde"}) {
    for (const size_t max : {size_t{0}, size_t{1}, size_t{4}, SIZE_MAX}) Compare(content, max);
  }
}

TEST("LineWalker: lines around the size of what is read at once") {
  for (const size_t length : {kChunk - 1, kChunk, kChunk + 1, 2 * kChunk - 1, 2 * kChunk + 1, 5 * kChunk}) {
    const std::string content = "{}\n" + std::string(length, 'x') + "\nshort\n" + std::string(length, 'y');
    for (const size_t max : {size_t{100}, length - 1, length, SIZE_MAX}) Compare(content, max);
  }
}

TEST("LineWalker: a line that is too long is not kept in memory") {
  test::Directory directory;
  const os::File file = test::Opened(directory.Write("file", std::string(20 * kChunk, 'x') + "\nshort\n"));
  std::string buffer;
  LineWalker lines(file, {0, 20 * kChunk + 7}, 100, Tail::kLeaveUnfinished, &buffer);
  CHECK(lines.Next());
  CHECK_EQ(lines.line().text, "short");
  CHECK(buffer.size() <= kChunk + 100);
}

TEST("LineWalker: random lines") {
  std::mt19937 random(1);
  for (int run = 0; run < 6; run++) {
    std::string content;
    while (content.size() < 3 * kChunk) {
      const size_t length = random() % 4 == 0 ? random() % (kChunk / 3) : random() % 300;
      content.append(length, static_cast<char>('a' + random() % 26)) += '\n';
    }
    Compare(content.substr(0, content.size() - run), run % 2 == 0 ? SIZE_MAX : 200);
  }
}

TEST("LineWalker: a file that is shorter than the range is an error") {
  test::Directory directory;
  const os::File file = test::Opened(directory.Write("file", "a\nb\n"));
  std::string buffer;
  LineWalker lines(file, {0, 5}, 100, Tail::kIncludeUnfinished, &buffer);
  CHECK(!lines.Next());
  CHECK(lines.error());
}

TEST("FindLastLines: where they begin, and how many there are") {
  test::Directory directory;
  const std::string x(kChunk, 'x');
  for (const std::string& content :
       {std::string(), std::string("a"), std::string("a\n"), std::string("\n\n\n"), std::string("a\nb\nc"),
        x + '\n' + x + "\nb\n", "a\n" + x, x + '\n'}) {
    const os::File file = test::Opened(directory.Write("file", content));
    uint64_t end = 0;
    const std::vector<Expected> all =
        Split(content, {0, content.size()}, SIZE_MAX, Tail::kIncludeUnfinished, &end);
    for (size_t max = 1; max < 6; max++) {
      dedupe::LastLines last;
      CHECK_EQ(dedupe::FindLastLines(file, content.size(), max, &last).number, 0);
      CHECK_EQ(last.count, std::min(max, all.size()));
      CHECK_EQ(last.begin, all.size() <= max ? 0 : all[all.size() - max].offset);
    }
  }
}

TEST("ReadLineAt: the line at an offset, if it is there and not too long") {
  test::Directory directory;
  const std::string content = "a\n\n" + std::string(10'000, 'x') + "\nend";
  const os::File file = test::Opened(directory.Write("file", content));
  const auto line_at = [&](uint64_t offset, uint64_t max) {
    std::string line = "left from before";
    CHECK_EQ(dedupe::ReadLineAt(file, offset, max, &line).number, 0);
    return line;
  };
  CHECK_EQ(line_at(0, 100), "a");
  CHECK_EQ(line_at(2, 100), "");
  CHECK_EQ(line_at(3, 10'000), std::string(10'000, 'x'));
  CHECK_EQ(line_at(3, 9999), "");
  CHECK_EQ(line_at(10'004, 100), "end");
  CHECK_EQ(line_at(10'004, 2), "");
  CHECK_EQ(line_at(content.size(), 100), "");
  CHECK_EQ(line_at(uint64_t{1} << 40, 100), "");
}

}  // namespace
