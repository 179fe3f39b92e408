// Hash: what it makes of these bytes is part of the format of the file of ids. The values are of another
// implementation of MurmurHash64A, in Python.
#include "dedupe/hash.h"

#include <string>

#include "check.h"

using holdfast::dedupe::Hash;

TEST("Hash: the fixed values of the format, for every kind of rest after whole words") {
  CHECK_EQ(Hash(""), 0x319aa320809398c7u);
  CHECK_EQ(Hash("a"), 0xb33b2a7f0eff7f58u);
  CHECK_EQ(Hash("1234567"), 0x496c5de77967fcc0u);
  CHECK_EQ(Hash("12345678"), 0x65bb304e97ec851du);
  CHECK_EQ(Hash("123456789"), 0xea91bccc247039a6u);
  CHECK_EQ(Hash("\xc3\xbc"), 0x5ad4721c1f252765u);
  CHECK_EQ(Hash("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"), 0x2834211cac946308u);
}

TEST("Hash: zeros count, and how many there are") {
  CHECK_EQ(Hash(std::string(1, '\0')), 0xdb037c4a55826e6eu);
  CHECK_EQ(Hash(std::string(8, '\0')), 0x75a95bfa76739009u);
}
