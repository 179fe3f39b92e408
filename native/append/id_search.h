// Answers whether lines that other processes wrote may hold one of our event ids, without parsing JSON.
//
// This lets a batch be written under the lock without asking JavaScript, in all but the rare case. It errs
// only to one side: "no" is certain, "maybe" sends the lines to the parser.
#ifndef HOLDFAST_APPEND_ID_SEARCH_H_
#define HOLDFAST_APPEND_ID_SEARCH_H_

#include <string_view>

namespace holdfast::append {

// `ids` are JSON strings with their quotes, one per line. They hold only letters, digits and a few signs that
// JSON writes as they are, or else as \uXXXX. So an id can stand in `lines` only as those bytes between two
// quotes that follow one another; and where `lines` holds any \u, the answer is "maybe".
bool MayContainAny(std::string_view lines, std::string_view ids);

}  // namespace holdfast::append

#endif  // HOLDFAST_APPEND_ID_SEARCH_H_
