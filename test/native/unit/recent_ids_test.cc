// RecentIds against a list of the last events.
#include "dedupe/recent_ids.h"

#include <deque>
#include <map>
#include <random>

#include "check.h"

namespace {

using holdfast::dedupe::Fingerprint;
using holdfast::dedupe::Position;
using holdfast::dedupe::RecentIds;

// The last `window` events, each with its id and the position that is known for that.
class Model {
 public:
  explicit Model(size_t window) : window_(window) {}

  bool Add(Fingerprint id, Position position) {
    const std::optional<Position> known = Find(id, 1);
    events_.push_back({id, known ? *known : position});
    if (events_.size() > window_) events_.pop_front();
    return id != 0 && !known;
  }

  std::optional<Position> Find(Fingerprint id, size_t ahead) const {
    if (id == 0) return std::nullopt;
    const size_t last = ahead < window_ ? window_ - ahead : 0;
    for (size_t back = 1; back <= events_.size() && back <= last; back++) {
      const Event& event = events_[events_.size() - back];
      if (event.id == id) return event.position;
    }
    return std::nullopt;
  }

  void Replace(Fingerprint id, std::optional<Position> position) {
    for (Event& event : events_) {
      if (event.id != id) continue;
      if (position) event.position = *position;
      if (!position) event.id = 0;
    }
  }

 private:
  struct Event {
    Fingerprint id;
    Position position;
  };
  const size_t window_;
  std::deque<Event> events_;
};

// The same events to both, of few ids, so that they leave the window, come again, and are there several
// times.
void Compare(size_t window, unsigned seed) {
  std::mt19937 random(seed);
  RecentIds recent(window);
  Model model(window);
  const auto any_id = [&] { return Fingerprint{random() % (window + window / 2 + 3)} * 0x9e3779b97f4a7c15u; };
  for (Position position = 1; position < 1000; position++) {
    const Fingerprint id = any_id();
    CHECK_EQ(recent.Add(id, position), model.Add(id, position));
    if (random() % 10 == 0) {
      const Fingerprint known = any_id();
      if (model.Find(known, 0)) {
        const std::optional<Position> replaced =
            random() % 2 == 0 ? std::nullopt : std::optional<Position>(position + 10'000);
        recent.Replace(known, replaced);
        model.Replace(known, replaced);
      }
    }
    for (size_t ahead = 0; ahead <= window + 1; ahead++) {
      const Fingerprint other = any_id();
      recent.Prefetch(other, ahead);
      CHECK_EQ(recent.Find(other, ahead), model.Find(other, ahead));
    }
  }
  CHECK_EQ(recent.count(), 999u);
  recent.Clear();
  CHECK_EQ(recent.count(), 0u);
  CHECK_EQ(recent.ids(), 0u);
  CHECK_EQ(recent.Find(any_id(), 0), std::nullopt);
}

TEST("RecentIds: the ids of the last events, as a list has them, for any window") {
  for (const size_t window : {1u, 2u, 3u, 7u, 20u}) {
    for (unsigned seed = 0; seed < 8; seed++) Compare(window, seed);
  }
}

TEST("RecentIds: all ids with their first positions, if the window is without bound") {
  std::mt19937 random(1);
  RecentIds recent(RecentIds::kAll);
  std::map<Fingerprint, Position> model;
  for (Position position = 1; position < 5000; position++) {
    const Fingerprint id = random() % 2000;
    CHECK_EQ(recent.Add(id, position), id != 0 && model.emplace(id, position).second);
    const Fingerprint other = random() % 2000;
    const auto found = model.find(other);
    CHECK_EQ(recent.Find(other, random() % 10),
             found == model.end() ? std::nullopt : std::optional<Position>(found->second));
  }
  CHECK_EQ(recent.ids(), model.size());
  const auto& [id, position] = *model.begin();
  recent.Replace(id, position + 1);
  CHECK_EQ(recent.Find(id, 0), std::optional<Position>(position + 1));
  recent.Replace(id, std::nullopt);
  CHECK_EQ(recent.Find(id, 0), std::nullopt);
  CHECK(recent.Add(id, 6000));
}

TEST("RecentIds: an event without id is never found, and takes a place in the window") {
  RecentIds recent(2);
  CHECK(recent.Add(5, 10));
  CHECK(!recent.Add(0, 20));
  CHECK_EQ(recent.Find(5, 0), std::optional<Position>(10));
  CHECK_EQ(recent.Find(0, 0), std::nullopt);
  CHECK(!recent.Add(0, 30));
  CHECK_EQ(recent.Find(5, 0), std::nullopt);
}

}  // namespace
