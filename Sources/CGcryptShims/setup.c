/* glibc declares explicit_bzero under this; Apple declares memset_s under the next. */
#define _DEFAULT_SOURCE
#define __STDC_WANT_LIB_EXT1__ 1

#include "CGcryptShims.h"

#include <gcrypt.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#if defined(__APPLE__)
#include <malloc/malloc.h>
#define usable_size malloc_size
#else
#include <malloc.h>
#define usable_size malloc_usable_size
#endif

const cgc_code CGC_AUTHENTICATION_FAILED = GPG_ERR_CHECKSUM;
const cgc_code CGC_INVALID_LENGTH = GPG_ERR_INV_LENGTH;
const cgc_code CGC_ALL_ZERO = GPG_ERR_BROKEN_PUBKEY;

/* The first series with this FIPS interface, and the one that everything here was run against. */
static const char required_version[] = "1.10.0";

static pthread_once_t once = PTHREAD_ONCE_INIT;
static cgc_setup_result result;
static bool host_initialised;

/* [SCP-SEC-2] */
/*
 * libgcrypt's multiplication leaves the whole scalar and half of the product in heap blocks that it frees (seen with
 * 1.10.1, with and without its secure memory). So every block is wiped before it is freed. What libgcrypt got from
 * malloc may still be given to free, and the other way round, as callers of libgcrypt sometimes do.
 */
static void release(void *block) {
    if (block == NULL) return;
    cgc_wipe(block, usable_size(block));
    free(block);
}

static void *reallocate(void *block, size_t size) {
    if (block == NULL) return malloc(size);
    size_t old_size = usable_size(block);
    void *moved = malloc(size);
    if (moved == NULL) return NULL;
    memcpy(moved, block, old_size < size ? old_size : size);
    release(block);
    return moved;
}

/*
 * The manual's order (2.4): the choice of generator, gcry_check_version, the other choices, INITIALIZATION_FINISHED.
 *
 * A host program that has begun already keeps its choices: blocks of its secure memory must not reach `release`, and an
 * INIT_SECMEM after the end would say success and do nothing. Otherwise:
 *
 * - Random bytes come from the kernel. libgcrypt's own generator has state that a cloned virtual machine shares with
 *   its twin, leaves some of its latest output in its pool, and is polled by every gcry_md_open (2.3 us, not 0.05).
 * - Blocks are wiped before they are freed.
 * - Secure memory is off. It would guard little more, since this package's own secrets live in ordinary memory that is
 *   wiped; and its pool (16 KiB unless asked otherwise) is one lock for all threads and can run out under many
 *   half-open sessions. A host that wants locked pages initialises libgcrypt itself first.
 */
static void initialise(void) {
    bool is_untouched = gcry_control(GCRYCTL_ANY_INITIALIZATION_P) == 0;

    if (is_untouched) gcry_control(GCRYCTL_SET_PREFERRED_RNG_TYPE, GCRY_RNG_TYPE_SYSTEM);
    if (gcry_check_version(required_version) == NULL) {
        result = CGC_SETUP_OLD_VERSION;
        return;
    }
    host_initialised = !is_untouched;
    if (is_untouched) {
        gcry_set_allocation_handler(malloc, NULL, NULL, reallocate, release);
        gcry_control(GCRYCTL_DISABLE_SECMEM, 0);
    }
    if (gcry_control(GCRYCTL_INITIALIZATION_FINISHED_P) == 0) gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
    result = CGC_SETUP_OK;
}

cgc_setup_result cgc_setup(void) {
    pthread_once(&once, initialise);
    return result;
}

bool cgc_host_initialised(void) { return host_initialised; }

const char *cgc_version(void) { return gcry_check_version(NULL); }

const char *cgc_required_version(void) { return required_version; }

bool cgc_fips_mode(void) { return gcry_fips_mode_active() != 0; }

char *cgc_random_source(void) { return gcry_get_config(0, "rng-type"); }

char *cgc_hardware_features(void) { return gcry_get_config(0, "hwflist"); }

void cgc_free(char *text) { gcry_free(text); }

void cgc_wipe(void *bytes, size_t count) {
    if (count == 0) return;
#if defined(__APPLE__)
    memset_s(bytes, count, 0, count);
#else
    explicit_bzero(bytes, count);
#endif
}

/* [SCP-SEC-1] */
/*
 * STRONG: from the kernel's generator at 0.4 us for 32 bytes, or from a host's choice at 8 us. VERY_STRONG takes 3 ms
 * and adds nothing to a generator that is seeded; gcry_create_nonce is not meant for keys.
 */
void cgc_random(uint8_t *bytes, size_t count) {
    uint8_t discarded;

    if (count == 0) return;
    gcry_randomize(bytes, count, GCRY_STRONG_RANDOM);
    /* A host's generator may keep up to 64 bytes of the latest output in its pool: let that be of no use. */
    if (host_initialised) gcry_randomize(&discarded, 1, GCRY_STRONG_RANDOM);
}
