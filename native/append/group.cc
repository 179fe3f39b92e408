#include "append/group.h"

#include <cassert>
#include <utility>

namespace holdfast::append {

void TakeGroup(std::deque<Batch>* queue, size_t max_bytes, Group* group) {
  assert(!queue->empty() && group->batches == 0);
  while (!queue->empty()) {
    Batch& batch = queue->front();
    if (group->batches > 0 && group->data.size() + batch.data.size() > max_bytes) break;
    if (group->batches > 0 && !(batch.fence == group->fence)) break;
    group->Add(&batch);
    queue->pop_front();
  }
}

void Group::Add(Batch* batch) {
  if (batches == 0) {
    conditions = std::move(batch->conditions);
    fence = std::move(batch->fence);
    data = std::move(batch->data);
  } else {
    for (Condition condition : batch->conditions) {
      condition.first += line_count;
      conditions.push_back(condition);
    }
    data += batch->data;
  }
  line_count += batch->lines;
  batches++;
}

Batch Group::TakeBack() {
  assert(batches == 1);
  lines.clear();
  return {std::move(data), line_count, std::move(conditions), std::move(fence)};
}

void Group::CutLines(const dedupe::IdFinder* ids) {
  assert(data.empty() || data.back() == '\n');
  lines.reserve(line_count);
  for (std::string_view rest = data; !rest.empty();) {
    const size_t length = rest.find('\n');
    Line line;
    line.text = rest.substr(0, length);
    if (ids != nullptr) line.id = ids->Find(line.text);
    lines.push_back(line);
    rest.remove_prefix(length + 1);
  }
  assert(lines.size() == line_count);
}

void Group::HashIds(const dedupe::HashKey& key) {
  for (Line& line : lines) line.fingerprint = dedupe::IdFinder::FingerprintOf(key, line.id);
}

}  // namespace holdfast::append
