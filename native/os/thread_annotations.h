// Which mutex guards what, in words that clang checks (-Wthread-safety; `npm run lint:cc`). Other compilers
// see nothing. The names are those of https://clang.llvm.org/docs/ThreadSafetyAnalysis.html.
#ifndef HOLDFAST_OS_THREAD_ANNOTATIONS_H_
#define HOLDFAST_OS_THREAD_ANNOTATIONS_H_

#ifdef __clang__
#define HOLDFAST_ANNOTATION(x) __attribute__((x))
#else
#define HOLDFAST_ANNOTATION(x)
#endif

// Of a member: read and written only while the mutex is held.
#define GUARDED_BY(mutex) HOLDFAST_ANNOTATION(guarded_by(mutex))

// Of a function: the caller holds the mutex; or must not hold it, because the function takes it.
#define REQUIRES(...) HOLDFAST_ANNOTATION(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) HOLDFAST_ANNOTATION(locks_excluded(__VA_ARGS__))

// For mutex.h, which tells clang what a mutex is.
#define CAPABILITY(name) HOLDFAST_ANNOTATION(capability(name))
#define SCOPED_CAPABILITY HOLDFAST_ANNOTATION(scoped_lockable)
#define ACQUIRE(...) HOLDFAST_ANNOTATION(acquire_capability(__VA_ARGS__))
#define RELEASE(...) HOLDFAST_ANNOTATION(release_capability(__VA_ARGS__))

#endif  // HOLDFAST_OS_THREAD_ANNOTATIONS_H_
