// What the kernel alone costs, as the yardstick for locks.js.
//
//   lock free FILE COUNT                  COUNT times open, flock, close; prints the nanoseconds of one
//   lock hand-over FILE BEGIN END HOLD    from BEGIN to END (CLOCK_MONOTONIC, nanoseconds) takes the lock and holds
//                                         it for HOLD nanoseconds; prints when each lock was asked for, taken and
//                                         given back
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void sleep_for(int64_t nanoseconds) {
  if (nanoseconds <= 0) return;
  struct timespec time = {nanoseconds / 1000000000, nanoseconds % 1000000000};
  while (nanosleep(&time, &time) != 0 && errno == EINTR) {
  }
}

static void fail(const char* what) {
  perror(what);
  exit(1);
}

static int lock(const char* path) {
  const int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file < 0) fail("open");
  if (flock(file, LOCK_EX) != 0) fail("flock");
  return file;
}

static void measure_free(const char* path, long count) {
  const int64_t began = now();
  for (long i = 0; i < count; i++) close(lock(path));
  printf("%.3f\n", (double)(now() - began) / (double)count);
}

static void measure_hand_over(const char* path, int64_t begin, int64_t end, int64_t hold) {
  enum { kMost = 1000000 };
  static int64_t times[kMost][3];
  long count = 0;
  sleep_for(begin - now());
  while (count < kMost && now() < end) {
    times[count][0] = now();
    const int file = lock(path);
    times[count][1] = now();
    sleep_for(hold);
    times[count][2] = now();
    close(file);
    count++;
    sleep_for(hold);
  }
  for (long i = 0; i < count; i++) {
    printf("%lld %lld %lld\n", (long long)times[i][0], (long long)times[i][1], (long long)times[i][2]);
  }
}

int main(int count, char** arguments) {
  if (count == 4 && strcmp(arguments[1], "free") == 0) {
    measure_free(arguments[2], atol(arguments[3]));
  } else if (count == 6 && strcmp(arguments[1], "hand-over") == 0) {
    measure_hand_over(arguments[2], atoll(arguments[3]), atoll(arguments[4]), atoll(arguments[5]));
  } else {
    fprintf(stderr, "usage: lock free FILE COUNT | lock hand-over FILE BEGIN END HOLD\n");
    return 2;
  }
  return 0;
}
