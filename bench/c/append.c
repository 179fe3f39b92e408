// What the kernel alone costs, as the yardstick for appends.js: an append with the lock released before the sync.
//
//   append FILE LENGTH BATCH BEGIN END   appends lines of LENGTH bytes, BATCH of them at a time, and prints how many
//                                        were synced from BEGIN to END (CLOCK_MONOTONIC, nanoseconds). Works before
//                                        BEGIN too, as everybody does to warm up.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void check(long result, const char* what) {
  if (result >= 0) return;
  perror(what);
  exit(1);
}

int main(int count, char** arguments) {
  if (count != 6) {
    fprintf(stderr, "usage: append FILE LENGTH BATCH BEGIN END\n");
    return 2;
  }
  const size_t length = (size_t)atol(arguments[2]);
  const long batch = atol(arguments[3]);
  const int64_t begin = atoll(arguments[4]), end = atoll(arguments[5]);
  const size_t size = length * (size_t)batch;
  char* data = malloc(size);
  memset(data, 'x', size);
  for (long i = 1; i <= batch; i++) data[length * (size_t)i - 1] = '\n';

  const int file = open(arguments[1], O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  check(file, "open");
  long written = 0;
  for (int64_t time = 0; time < end;) {
    struct stat status;
    check(flock(file, LOCK_EX), "flock");
    check(fstat(file, &status), "fstat");
    if (write(file, data, size) != (ssize_t)size) check(-1, "write");
    check(flock(file, LOCK_UN), "flock");
    check(fdatasync(file), "fdatasync");
    time = now();
    if (time >= begin && time < end) written += batch;
  }
  printf("%ld\n", written);
  return 0;
}
