#include "CBenchmarkSupport.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

/*
 * The program's own malloc goes before the C library's, for every library in the process; what it does beside counting
 * is the C library's. No tool has to be installed for it, and a count costs a nanosecond.
 */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static _Thread_local uint64_t of_thread;
static uint64_t of_process;

static void count(void) {
    of_thread++;
    __atomic_fetch_add(&of_process, 1, __ATOMIC_RELAXED);
}

uint64_t cbs_thread_allocations(void) { return of_thread; }
uint64_t cbs_allocations(void) { return __atomic_load_n(&of_process, __ATOMIC_RELAXED); }

void *malloc(size_t size) {
    count();
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
    count();
    return __libc_calloc(number, size);
}

void *realloc(void *block, size_t size) {
    count();
    return __libc_realloc(block, size);
}

void *memalign(size_t alignment, size_t size) {
    count();
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    count();
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **block, size_t alignment, size_t size) {
    void *made;

    count();
    made = __libc_memalign(alignment, size);
    if (made == NULL) return ENOMEM;
    *block = made;
    return 0;
}
