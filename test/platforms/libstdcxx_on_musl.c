// What Debian's libstdc++ and libgcc take from glibc and musl lacks, so that programs for Alpine run where its own C++
// library is not to be had (musl.mjs).
#include <link.h>
#include <locale.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/random.h>
#include <time.h>

char __libc_single_threaded = 0;

// The objects of a thread are not destroyed at its end.
int __cxa_thread_atexit_impl(void (*run)(void *), void *object, void *library) {
  (void)run, (void)object, (void)library;
  return 0;
}

size_t __strftime_l(char *restrict to, size_t size, const char *restrict format, const struct tm *restrict time,
                    locale_t locale) {
  return strftime_l(to, size, format, time, locale);
}

uint32_t arc4random(void) {
  uint32_t number = 0;
  while (getrandom(&number, sizeof number, 0) != sizeof number) {
  }
  return number;
}

// For programs that were linked with an old libgcc.
unsigned __cpu_model[4];
int __cpu_indicator_init(void) {
  return 0;
}

// How libgcc finds the unwind table of a function (glibc 2.35, bits/dl_find_object.h).
struct dl_find_object {
  unsigned long long flags;
  void *start;
  void *end;
  void *link_map;
  void *eh_frame;
  unsigned long long reserved[7];
};

struct search {
  uintptr_t address;
  struct dl_find_object *found;
};

static int visit(struct dl_phdr_info *info, size_t size, void *data) {
  struct search *search = data;
  void *eh_frame = NULL;
  int is_inside = 0;
  (void)size;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *header = &info->dlpi_phdr[i];
    const uintptr_t start = info->dlpi_addr + header->p_vaddr;
    if (header->p_type == PT_GNU_EH_FRAME) eh_frame = (void *)start;
    if (header->p_type != PT_LOAD || search->address - start >= header->p_memsz) continue;
    is_inside = 1;
    search->found->start = (void *)start;
    search->found->end = (void *)(start + header->p_memsz);
  }
  if (!is_inside || eh_frame == NULL) return 0;
  search->found->eh_frame = eh_frame;
  return 1;
}

int _dl_find_object(void *address, struct dl_find_object *found) {
  struct search search = {(uintptr_t)address, found};
  return dl_iterate_phdr(visit, &search) == 1 ? 0 : -1;
}
