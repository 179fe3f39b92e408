// The numbers in the file of ids are little endian, and so are those that hashes and packed entries are made
// of. They are copied to and from memory as they are. On a big-endian machine (s390x, AIX) this does not
// compile, which is better than files that no other machine understands.
#ifndef HOLDFAST_DEDUPE_LITTLE_ENDIAN_H_
#define HOLDFAST_DEDUPE_LITTLE_ENDIAN_H_

// Visual C++ has no such macro, and no big-endian target.
#ifdef __BYTE_ORDER__
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "see native/dedupe/little_endian.h");
#endif

#endif  // HOLDFAST_DEDUPE_LITTLE_ENDIAN_H_
