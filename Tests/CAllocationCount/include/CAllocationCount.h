/* Counts what the test process gets from malloc. Only test targets use it. */
#ifndef SCP_CALLOCATIONCOUNT_H
#define SCP_CALLOCATIONCOUNT_H

#include <stdbool.h>
#include <stdint.h>

/* Whether blocks are counted here: on Linux with glibc, and without a sanitizer, which brings a malloc of its own. */
bool cac_counts(void);

/* Blocks that this thread has got from malloc and its relatives. Other threads do not disturb. */
uint64_t cac_allocations(void);

#endif
