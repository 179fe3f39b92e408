// SHA-256, and the links that are made with it. The hashes are the examples of NIST for FIPS 180-4; of a
// link, test/chronicle/chain.test.ts compares many with those of TypeScript.
#include <algorithm>
#include <string>

#include "chain/link.h"
#include "chain/sha256.h"
#include "check.h"

namespace holdfast::chain {
namespace {

std::string HexOf(std::string_view text, size_t piece, AddBlocks add_blocks = AddBlocksPortably) {
  Sha256 hash(add_blocks);
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) hash.Add(text.substr(0, piece));
  return hash.Hex();
}

const std::string kLine = R"({"a":1,"eventId":"x","chainLink":")" + std::string(64, 'a') + "\"}";

TEST("SHA-256: the examples of NIST, in pieces of every size") {
  for (const size_t piece : {1, 3, 63, 64, 65, 1000}) {
    CHECK_EQ(HexOf("", piece), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK_EQ(HexOf("abc", piece), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK_EQ(HexOf("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", piece),
             "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    CHECK_EQ(HexOf(std::string(1'000'000, 'a'), piece * 100),
             "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  }
}

TEST("SHA-256: by instructions of the processor it is the same, whatever the length") {
  const AddBlocks by_instructions = AddBlocksByInstructions();
  if (!by_instructions) return;  // this processor has none
  std::string text;
  for (int i = 0; i < 700; i++) {
    CHECK_EQ(HexOf(text, 1000, by_instructions), HexOf(text, 1000));
    CHECK_EQ(HexOf(text, 129, by_instructions), HexOf(text, 1000));
    text += static_cast<char>(i * 7 + i / 3);
  }
}

TEST("a link is the last property of a line, with 64 lowercase digits, and nothing else is") {
  CHECK_EQ(LinkIn(kLine), std::string(64, 'a'));
  CHECK_EQ(LinkIn(kLine + " "), "");
  CHECK_EQ(LinkIn(R"({"chainLink":")" + std::string(64, 'a') + "\"}"), "");
  CHECK_EQ(LinkIn(R"({"a":1,"chainLink":")" + std::string(64, 'A') + "\"}"), "");
  CHECK_EQ(LinkIn(R"({"a":1,"chainLink":")" + std::string(63, 'a') + "\"}"), "");
  CHECK_EQ(LinkIn(R"({"a":1,"chainLink":")" + std::string(64, 'a') + "\",\"b\":2}"), "");
  CHECK_EQ(LinkIn(""), "");
}

TEST("a link is the hash of the one before and of the line without its own") {
  const std::string before(64, '0');
  CHECK_EQ(LinkAfter(before, kLine), HexOf(before + R"({"a":1,"eventId":"x"})", 1000));
}

}  // namespace
}  // namespace holdfast::chain
