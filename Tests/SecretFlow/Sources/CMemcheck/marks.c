#include "memcheck_marks.h"

#include <valgrind/memcheck.h>

int marks_are_watched(void) { return RUNNING_ON_VALGRIND != 0; }

void marks_make_secret(const void *bytes, size_t count) { VALGRIND_MAKE_MEM_UNDEFINED(bytes, count); }

void marks_make_public(const void *bytes, size_t count) { VALGRIND_MAKE_MEM_DEFINED(bytes, count); }
