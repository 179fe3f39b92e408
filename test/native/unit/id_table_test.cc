// IdTable against std::unordered_multimap.
#include "dedupe/id_table.h"

#include <algorithm>
#include <random>
#include <unordered_map>
#include <vector>

#include "check.h"

namespace {

using holdfast::dedupe::Fingerprint;
using holdfast::dedupe::IdTable;

using Model = std::unordered_multimap<Fingerprint, uint64_t>;

std::vector<uint64_t> ValuesOf(const IdTable& table, Fingerprint id) {
  std::vector<uint64_t> values;
  table.ForEach(id, [&](uint64_t value) { values.push_back(value); });
  std::sort(values.begin(), values.end());
  return values;
}

std::vector<uint64_t> ValuesOf(const Model& model, Fingerprint id) {
  std::vector<uint64_t> values;
  const auto [begin, end] = model.equal_range(id);
  for (auto found = begin; found != end; ++found) values.push_back(found->second);
  std::sort(values.begin(), values.end());
  return values;
}

// The same operations on both, of ids out of `ids`.
void Compare(const std::vector<Fingerprint>& ids, unsigned seed, int operations) {
  std::mt19937_64 random(seed);
  IdTable table;
  Model model;
  for (int i = 0; i < operations; i++) {
    const Fingerprint id = ids[random() % ids.size()];
    // Phases that mostly put and phases that mostly erase, so that it fills and empties.
    const bool erase = random() % 8 < (i / 1000 % 2 == 0 ? 2 : 6);
    // Few values, so that there are some that are erased, and some that are there twice; but large ones too.
    const uint64_t value = random() % 4 == 0 ? IdTable::kMaxValue - random() % 3 : random() % 3;
    if (erase) {
      table.Erase(id, value);
      const auto [begin, end] = model.equal_range(id);
      const auto found = std::find_if(begin, end, [&](const auto& pair) { return pair.second == value; });
      if (found != end) model.erase(found);
    } else {
      table.Add(id, value);
      model.emplace(id, value);
    }
    if (random() % 1000 == 0) table.Reserve(random() % 300);
    CHECK_EQ(table.size(), model.size());
    const Fingerprint other = ids[random() % ids.size()];
    CHECK(ValuesOf(table, other) == ValuesOf(model, other));
  }
  for (const Fingerprint id : ids) CHECK(ValuesOf(table, id) == ValuesOf(model, id));
  table.Clear();
  CHECK_EQ(table.size(), 0u);
  for (const Fingerprint id : ids) CHECK(ValuesOf(table, id).empty());
}

TEST("IdTable: the same as a map, of random ids") {
  std::mt19937_64 random(1);
  std::vector<Fingerprint> ids(2000);
  for (Fingerprint& id : ids) id = random() | 1;
  Compare(ids, 2, 30'000);
}

TEST("IdTable: the same as a map, of ids that all want the same few slots") {
  // In one part, homes at its beginning, in its middle and at its end, from where probing goes on at the
  // beginning; and many with the same home.
  std::vector<Fingerprint> ids;
  for (const uint64_t home : {0x00'0000'0000u, 0x00'8000'0000u, 0x00'ffff'fffeu, 0x00'ffff'ffffu}) {
    for (uint64_t low = 1; low <= 12; low++) ids.push_back(uint64_t{0x5a} << 56 | home << 24 | low);
  }
  for (unsigned seed = 0; seed < 20; seed++) Compare(ids, seed, 2000);
}

TEST("IdTable: keeps all bits of the largest value, and of the largest and smallest id") {
  IdTable table;
  for (const Fingerprint id : {Fingerprint{1}, ~Fingerprint{0}, Fingerprint{1} << 63}) {
    table.Add(id, IdTable::kMaxValue);
    CHECK(ValuesOf(table, id) == std::vector<uint64_t>{IdTable::kMaxValue});
    table.Add(id, 0);
    CHECK((ValuesOf(table, id) == std::vector<uint64_t>{0, IdTable::kMaxValue}));
  }
  CHECK_EQ(table.size(), 6u);
}

// While there are few ids, the smallest parts take more than 24 bytes for each; it is a constant.
constexpr size_t kMinimum = 16'384 + sizeof(IdTable);

TEST("IdTable: at most 24 bytes for each id, at every size while it grows") {
  std::mt19937_64 random(3);
  IdTable table;
  while (table.size() < 200'000) {
    table.Add(random() | 1, 0);
    if (table.size() >= 2500) CHECK(table.memory() <= 24 * table.size() + kMinimum);
  }
}

TEST("IdTable: at most 24 bytes for each id that room was made for") {
  for (const size_t count : {10'000u, 100'000u, 300'000u}) {
    std::mt19937_64 random(4);
    IdTable table;
    table.Reserve(count);
    CHECK(table.memory() <= 24 * count + kMinimum);
    while (table.size() < count) table.Add(random() | 1, 0);
    CHECK(table.memory() <= 24 * count + kMinimum);
  }
}

}  // namespace
