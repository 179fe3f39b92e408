#include "append/id_search.h"

#include <algorithm>
#include <unordered_set>

namespace holdfast::append {

bool MayContainAny(std::string_view lines, std::string_view ids) {
  if (ids.empty() || lines.empty()) return false;
  std::unordered_set<std::string_view> wanted;
  size_t shortest = ids.size();
  size_t longest = 0;
  while (!ids.empty()) {
    const std::string_view id = ids.substr(0, ids.find('\n'));
    wanted.insert(id);
    shortest = std::min(shortest, id.size());
    longest = std::max(longest, id.size());
    ids.remove_prefix(std::min(id.size() + 1, ids.size()));
  }

  if (lines.find("\\u") != std::string_view::npos) return true;
  size_t quote = lines.find('"');
  while (quote != std::string_view::npos) {
    const size_t next = lines.find('"', quote + 1);
    if (next == std::string_view::npos) return false;
    const size_t length = next - quote + 1;
    if (length >= shortest && length <= longest && wanted.count(lines.substr(quote, length)) != 0)
      return true;
    quote = next;
  }
  return false;
}

}  // namespace holdfast::append
