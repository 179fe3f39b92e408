// What the addon was built from.
#ifndef HOLDFAST_BINDING_SOURCES_H_
#define HOLDFAST_BINDING_SOURCES_H_

namespace holdfast {

// With the hash of scripts/native-hash.cjs. Tests look for it in the binary.
extern const char kSources[];

}  // namespace holdfast

#endif  // HOLDFAST_BINDING_SOURCES_H_
