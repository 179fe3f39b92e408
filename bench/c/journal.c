// A model of where a durable append could go, before anybody builds it: is there a layout that an ext4 with a
// journal syncs faster than a file that grows?
//
//   journal LAYOUT FILE LENGTH BATCH BEGIN END
//
// Appends lines of LENGTH bytes, BATCH of them at a time, and prints how many were durable from BEGIN to END
// (CLOCK_MONOTONIC, nanoseconds). LAYOUT is one of these:
//
// - growing: written at the end, fdatasync. The size changes, so the file system writes its journal too.
// - allocated: the same, with space allocated ahead of the end.
// - overwritten: a file that was filled with zeros and synced before. Nothing but data changes.
// - side: the file grows and is not synced; the same lines overwrite a small side journal, which is synced.
//   Each time that this one is full, the file is synced (a checkpoint).
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

enum { kAhead = 16 << 20, kJournal = 4 << 20 };

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

static void write_all(int file, const char* data, size_t size, off_t offset) {
  if (pwrite(file, data, size, offset) != (ssize_t)size) check(-1, "pwrite");
}

// A file of `size` bytes whose blocks are all written, so that overwriting one changes nothing but its data.
static int filled(const char* path, size_t size) {
  const int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  check(file, "open");
  char* zeros = calloc(1, size);
  write_all(file, zeros, size, 0);
  free(zeros);
  check(fsync(file), "fsync");
  return file;
}

int main(int count, char** arguments) {
  if (count != 7) {
    fprintf(stderr, "usage: journal growing|allocated|overwritten|side FILE LENGTH BATCH BEGIN END\n");
    return 2;
  }
  const char* layout = arguments[1];
  const int allocated = strcmp(layout, "allocated") == 0, side = strcmp(layout, "side") == 0;
  const int overwritten = strcmp(layout, "overwritten") == 0;
  const size_t length = (size_t)atol(arguments[3]);
  const long batch = atol(arguments[4]);
  const int64_t begin = atoll(arguments[5]), end = atoll(arguments[6]);
  const size_t size = length * (size_t)batch;
  char* data = malloc(size);
  memset(data, 'x', size);
  for (long i = 1; i <= batch; i++) data[length * (size_t)i - 1] = '\n';

  const int file =
      overwritten ? filled(arguments[2], kAhead) : open(arguments[2], O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  check(file, "open");
  char journal_path[4096];
  snprintf(journal_path, sizeof journal_path, "%s.journal", arguments[2]);
  const int journal = side ? filled(journal_path, kJournal) : -1;
  off_t in_file = 0, in_journal = 0, allocated_to = 0;
  long written = 0;
  for (int64_t time = 0; time < end;) {
    struct stat status;
    check(flock(file, LOCK_EX), "flock");
    check(fstat(file, &status), "fstat");
    if (overwritten && in_file + (off_t)size > kAhead) in_file = 0;
    if (allocated && in_file + (off_t)size > allocated_to) {
      check(fallocate(file, FALLOC_FL_KEEP_SIZE, allocated_to, kAhead), "fallocate");
      allocated_to += kAhead;
    }
    write_all(file, data, size, in_file);
    in_file += (off_t)size;
    if (side && in_journal + (off_t)size > kJournal) {
      check(fdatasync(file), "fdatasync");
      in_journal = 0;
    }
    if (side) write_all(journal, data, size, in_journal);
    in_journal += (off_t)size;
    check(flock(file, LOCK_UN), "flock");
    check(fdatasync(side ? journal : file), "fdatasync");
    time = now();
    if (time >= begin && time < end) written += batch;
  }
  if (side) unlink(journal_path);
  printf("%ld\n", written);
  return 0;
}
