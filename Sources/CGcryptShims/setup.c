/* glibc declares explicit_bzero under this; Apple declares memset_s under the next. */
#define _DEFAULT_SOURCE
#define __STDC_WANT_LIB_EXT1__ 1

#include "CGcryptShims.h"

#include <gcrypt.h>
#include <pthread.h>
#include <string.h>

const cgc_code CGC_AUTHENTICATION_FAILED = GPG_ERR_CHECKSUM;
const cgc_code CGC_INVALID_LENGTH = GPG_ERR_INV_LENGTH;
const cgc_code CGC_ALL_ZERO = GPG_ERR_BROKEN_PUBKEY;

/* The first series with this FIPS interface, and the one that everything here was run against. */
static const char required_version[] = "1.10.0";

static pthread_once_t once = PTHREAD_ONCE_INIT;
static cgc_setup_result result;
static bool host_initialised;

/*
 * gcry_check_version comes before anything else (libgcrypt manual 2.4), then the choices, then INITIALIZATION_FINISHED.
 *
 * A host program that has finished already keeps its choices: a second INIT_SECMEM would say success and do nothing.
 * Otherwise secure memory is off. It would guard little, since this package's own secrets live in ordinary memory that
 * is wiped; libgcrypt wipes key schedules and big integers on release either way; and its pool (16 KiB unless asked
 * otherwise) is one lock for all threads and can run out under many half-open sessions. A host that wants locked pages
 * initialises libgcrypt itself first.
 */
static void initialise(void) {
    if (gcry_check_version(required_version) == NULL) {
        result = CGC_SETUP_OLD_VERSION;
        return;
    }
    host_initialised = gcry_control(GCRYCTL_INITIALIZATION_FINISHED_P) != 0;
    if (!host_initialised) {
        gcry_control(GCRYCTL_DISABLE_SECMEM, 0);
        gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
    }
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

/*
 * STRONG: libgcrypt's generator, seeded by getrandom and reseeded after a fork; 8 us for 32 bytes. VERY_STRONG asks the
 * kernel afresh for every pool (2.7 ms), which on a seeded kernel generator adds nothing. gcry_create_nonce is faster
 * and not meant for keys.
 */
void cgc_random(uint8_t *bytes, size_t count) {
    if (count > 0) gcry_randomize(bytes, count, GCRY_STRONG_RANDOM);
}
