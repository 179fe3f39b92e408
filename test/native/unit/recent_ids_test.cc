// RecentIds against a list of the last events.
#include "dedupe/recent_ids.h"

#include <algorithm>
#include <deque>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "check.h"

namespace {

using holdfast::dedupe::Fingerprint;
using holdfast::dedupe::Position;
using holdfast::dedupe::RecentIds;

std::vector<Position> PlacesOf(const RecentIds& recent, Fingerprint id, size_t ahead) {
  std::vector<Position> places;
  recent.Places(id, ahead, &places);
  return places;
}

// The last `window` events, each with its id and its place.
class Model {
 public:
  explicit Model(size_t window) : window_(window) {}

  void Add(Fingerprint id, Position place) {
    events_.push_back({id, place});
    if (events_.size() > window_) events_.pop_front();
  }

  std::vector<Position> Places(Fingerprint id, size_t ahead) const {
    std::vector<Position> places;
    const size_t last = ahead < window_ ? window_ - ahead : 0;
    for (size_t back = 1; id != 0 && back <= events_.size() && back <= last; back++) {
      const Event& event = events_[events_.size() - back];
      if (event.id == id) places.push_back(event.place);
    }
    std::sort(places.begin(), places.end());
    return places;
  }

  void Remove(Fingerprint id, Position place) {
    for (Event& event : events_) {
      if (event.id == id && event.place == place) event.id = 0;
    }
  }

  void Move(Fingerprint id, Position from, Position to) {
    for (Event& event : events_) {
      if (event.id == id && event.place == from) event.place = to;
    }
  }

 private:
  struct Event {
    Fingerprint id;
    Position place;
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
  for (Position place = 1; place < 1000; place++) {
    const Fingerprint id = any_id();
    recent.Add(id, place);
    model.Add(id, place);
    if (random() % 10 == 0) {
      const Fingerprint known = any_id();
      // Some that are not there too.
      const Position from = place - random() % (2 * window);
      if (random() % 2 == 0) {
        recent.Remove(known, from);
        model.Remove(known, from);
      } else {
        recent.Move(known, from, place + 10'000);
        model.Move(known, from, place + 10'000);
      }
    }
    for (size_t ahead = 0; ahead <= window + 1; ahead++) {
      const Fingerprint other = any_id();
      recent.Prefetch(other, ahead);
      CHECK(PlacesOf(recent, other, ahead) == model.Places(other, ahead));
    }
  }
  CHECK_EQ(recent.count(), 999u);
  recent.Clear();
  CHECK_EQ(recent.count(), 0u);
  CHECK_EQ(recent.places(), 0u);
  CHECK(PlacesOf(recent, any_id(), 0).empty());
}

TEST("RecentIds: the places of the last events, as a list has them, for any window") {
  for (const size_t window : {1u, 2u, 3u, 7u, 20u}) {
    for (unsigned seed = 0; seed < 8; seed++) Compare(window, seed);
  }
}

TEST("RecentIds: all ids with all of their places, if the window is without bound") {
  std::mt19937 random(1);
  RecentIds recent(RecentIds::kAll);
  std::map<Fingerprint, std::set<Position>> model;
  for (Position place = 1; place < 5000; place++) {
    const Fingerprint id = random() % 2000;
    recent.Add(id, place);
    if (id != 0) model[id].insert(place);
    const Fingerprint other = random() % 2000;
    const std::set<Position>& expected = model[other];
    CHECK(PlacesOf(recent, other, random() % 10) == std::vector<Position>(expected.begin(), expected.end()));
  }
  recent.Clear();
  recent.Add(5, 10);
  recent.Add(5, 20);
  CHECK_EQ(recent.places(), 2u);
  recent.Move(5, 10, 30);
  CHECK((PlacesOf(recent, 5, 0) == std::vector<Position>{20, 30}));
  recent.Remove(5, 20);
  CHECK((PlacesOf(recent, 5, 0) == std::vector<Position>{30}));
  recent.Remove(5, 20);
  recent.Remove(5, 30);
  CHECK(PlacesOf(recent, 5, 0).empty());
}

TEST("RecentIds: an event without id is never found, and takes a place in the window") {
  RecentIds recent(2);
  recent.Add(5, 10);
  recent.Add(0, 20);
  CHECK((PlacesOf(recent, 5, 0) == std::vector<Position>{10}));
  CHECK(PlacesOf(recent, 0, 0).empty());
  recent.Add(0, 30);
  CHECK(PlacesOf(recent, 5, 0).empty());
}

}  // namespace
