#ifndef MEMCHECK_MARKS_H
#define MEMCHECK_MARKS_H

#include <stddef.h>

/* Whether the program runs under valgrind. */
int marks_are_watched(void);
/* From now on valgrind reports every branch and every address that depends on these bytes. */
void marks_make_secret(const void *bytes, size_t count);
/* These bytes may be known: they leave on the wire, or are the verdict that everybody sees. */
void marks_make_public(const void *bytes, size_t count);

#endif
