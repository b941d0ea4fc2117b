#include "CGcryptTestSupport.h"

#include <fcntl.h>
#include <gcrypt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void disable(const char *const *names) {
    /* Names of other architectures are unknown here; that is no matter. */
    for (; *names != NULL; names++) gcry_control(GCRYCTL_DISABLE_HWF, *names, NULL);
}

void cgt_disable_aes_instructions(void) {
    static const char *const names[] = {"intel-aesni", "arm-aes", NULL};
    disable(names);
}

void cgt_disable_multiplication_instructions(void) {
    static const char *const names[] = {"intel-pclmul", "arm-pmull", NULL};
    disable(names);
}

void cgt_force_fips_mode(void) { setenv("LIBGCRYPT_FORCE_FIPS_MODE", "1", 1); }

void cgt_initialise_as_host(void) {
    gcry_check_version(NULL);
    gcry_control(GCRYCTL_INIT_SECMEM, 65536, 0);
    gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
}

bool cgt_has_secure_memory(void) {
    void *memory = gcry_malloc_secure(16);
    bool is_secure = memory != NULL && gcry_is_secure(memory) != 0;
    gcry_free(memory);
    return is_secure;
}

void cgt_mask(uint8_t *output, const uint8_t *input, size_t count) {
    for (size_t i = 0; i < count; i++) output[i] = (uint8_t)(input[i] ^ 0xff);
}

void cgt_clear_stack(void) {
    volatile uint8_t frame[1 << 16];
    for (size_t i = 0; i < sizeof frame; i++) frame[i] = 0;
}

enum { chunk_size = 1 << 20 };

static bool occurs_at(const uint8_t *place, const uint8_t *masked, size_t count) {
    for (size_t i = 0; i < count; i++)
        if ((place[i] ^ masked[i]) != 0xff) return false;
    return true;
}

/* Read through the kernel, not through pointers: freed memory may be looked at this way, and sanitizers do not mind. */
static int occurrences_between(int memory, unsigned long start, unsigned long end, uint8_t *chunk,
                               const uint8_t *masked, size_t count) {
    int found = 0;

    /* Chunks overlap by count - 1 bytes, so that nothing hides across a boundary and nothing counts twice. */
    for (unsigned long at = start; at + count <= end; at += chunk_size - (count - 1)) {
        size_t wanted = end - at < chunk_size ? end - at : chunk_size;
        ssize_t got = pread(memory, chunk, wanted, (off_t)at);
        if (got < (ssize_t)count) continue;
        const uint8_t *end_of_starts = chunk + (size_t)got - count + 1;
        for (const uint8_t *place = chunk; place < end_of_starts; place++) {
            place = memchr(place, masked[0] ^ 0xff, (size_t)(end_of_starts - place));
            if (place == NULL) break;
            if (occurs_at(place, masked, count)) found++;
        }
    }
    return found;
}

int cgt_occurrences(const uint8_t *masked, size_t count) {
    int memory = open("/proc/self/mem", O_RDONLY);
    FILE *maps = fopen("/proc/self/maps", "r");
    uint8_t *chunk = mmap(NULL, chunk_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned long start = 0, end = 0;
    char permissions[5] = "", line[512];
    int found = -1;

    if (memory >= 0 && maps != NULL && chunk != MAP_FAILED) {
        found = 0;
        while (fgets(line, sizeof line, maps) != NULL) {
            if (sscanf(line, "%lx-%lx %4s", &start, &end, permissions) != 3 || permissions[1] != 'w') continue;
            /* A sanitizer's shadow spans terabytes. What is found is copied into the chunk: do not find it there. */
            if (end - start > 1UL << 31) continue;
            unsigned long own = (unsigned long)(uintptr_t)chunk;
            if (own >= start && own < end) {
                found += occurrences_between(memory, start, own, chunk, masked, count);
                start = own + chunk_size;
            }
            found += occurrences_between(memory, start, end, chunk, masked, count);
        }
    }
    if (chunk != MAP_FAILED) munmap(chunk, chunk_size);
    if (maps != NULL) fclose(maps);
    if (memory >= 0) close(memory);
    return found;
}
