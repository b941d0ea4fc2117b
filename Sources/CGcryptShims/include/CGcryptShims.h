/*
 * What Swift cannot say to libgcrypt: variadic gcry_control, one-time initialisation, wiping that no compiler removes,
 * and one call a frame instead of five. No libgcrypt type appears here, so Swift sees opaque handles only.
 *
 * Rules for every function: lengths are in bytes; a pointer may be NULL only where its length is 0 or where it is said;
 * a return type of cgc_code is 0 for success, else libgcrypt's error number without its source (gcry_err_code).
 * A handle is used by one thread at a time.
 */
#ifndef SCP_CGCRYPT_SHIMS_H
#define SCP_CGCRYPT_SHIMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CGC_KEY_SIZE 32
#define CGC_NONCE_SIZE 12
#define CGC_GCM_TAG_SIZE 16
#define CGC_DIGEST_SIZE 32
/* RFC 5869 2.3: at most 255 blocks. */
#define CGC_HKDF_OUTPUT_LIMIT (255 * CGC_DIGEST_SIZE)

/* 0 or a number of enum gpg_err_code_t. */
typedef uint32_t cgc_code;

/* The numbers that callers tell apart. */
extern const cgc_code CGC_AUTHENTICATION_FAILED;
extern const cgc_code CGC_INVALID_LENGTH;
extern const cgc_code CGC_ALL_ZERO;

/* ---- Set-up (setup.c) ---- */

typedef enum {
    CGC_SETUP_OK = 0,
    /* The library at run time is older than cgc_required_version(). */
    CGC_SETUP_OLD_VERSION = 1,
} cgc_setup_result;

/* Initialises libgcrypt once in the process, from any thread; later calls return the first one's result. */
cgc_setup_result cgc_setup(void);
/* Whether somebody else had begun with libgcrypt before cgc_setup: those choices then hold. After cgc_setup. */
bool cgc_host_initialised(void);

/* The version of the library at run time, such as "1.10.1". Static storage. */
const char *cgc_version(void);
const char *cgc_required_version(void);
/* Whether libgcrypt is in FIPS mode, where it refuses X25519 and GCM with a caller's IV. After cgc_setup. */
bool cgc_fips_mode(void);
/* The features in use, "hwflist:intel-aesni:...:" and a newline, or NULL. Released by cgc_free. After cgc_setup. */
char *cgc_hardware_features(void);
/* The generator in use, "rng-type:system:3:...:" and a newline, or NULL. Released by cgc_free. After cgc_setup. */
char *cgc_random_source(void);
void cgc_free(char *text);

/* Overwrites `count` bytes; never removed by the compiler. */
void cgc_wipe(void *bytes, size_t count);

/* Bytes fit for keys. libgcrypt ends the process when the system has no entropy: there is no failure to return. */
void cgc_random(uint8_t *bytes, size_t count);

/* ---- X25519 (agreement.c) ---- */

/*
 * RFC 7748 section 5: `result` = X25519(scalar, point), 32 bytes each; `point` NULL is the base point. The scalar is
 * clamped in a copy; every encoding of `point` is accepted. CGC_ALL_ZERO when the result is all zero. On any failure
 * `result` is zero.
 */
cgc_code cgc_x25519(uint8_t *result, const uint8_t *scalar, const uint8_t *point);

/* ---- AES-256-GCM (cipher.c) ---- */

typedef struct cgc_cipher cgc_cipher;

/* `key` has 32 bytes. On failure `*cipher` is NULL. */
cgc_code cgc_cipher_open(cgc_cipher **cipher, const uint8_t *key);
/* Wipes the key. NULL is allowed. */
void cgc_cipher_close(cgc_cipher *cipher);

/* Encrypts `data` in place and writes 16 bytes of tag. On failure `data` and `tag` are zero. */
cgc_code cgc_cipher_seal(cgc_cipher *cipher, const uint8_t *nonce, const uint8_t *header, size_t header_count,
                         uint8_t *data, size_t count, uint8_t *tag);
/* Decrypts `data` in place if `tag` is its 16-byte tag; else zeroes `data`. */
cgc_code cgc_cipher_unseal(cgc_cipher *cipher, const uint8_t *nonce, const uint8_t *header, size_t header_count,
                           uint8_t *data, size_t count, const uint8_t *tag);

/* ---- SHA-256, HMAC-SHA-256 and HKDF-SHA-256 (digest.c) ---- */

/* SHA-256 of two pieces. `digest` has 32 bytes. */
cgc_code cgc_sha256(uint8_t *digest, const uint8_t *first, size_t first_count, const uint8_t *second,
                    size_t second_count);

typedef struct cgc_hmac cgc_hmac;

/* `key` is of any length. On failure `*hmac` is NULL. */
cgc_code cgc_hmac_open(cgc_hmac **hmac, const uint8_t *key, size_t count);
/* Wipes the key. NULL is allowed. */
void cgc_hmac_close(cgc_hmac *hmac);
/* `digest` has 32 bytes. */
cgc_code cgc_hmac_compute(cgc_hmac *hmac, uint8_t *digest, const uint8_t *bytes, size_t count);
/* CGC_AUTHENTICATION_FAILED unless the 32 bytes of `tag` are the MAC; compared without an early exit. */
cgc_code cgc_hmac_verify(cgc_hmac *hmac, const uint8_t *tag, const uint8_t *bytes, size_t count);

/* RFC 5869 2.2. `output` has 32 bytes. On failure it is zero. */
cgc_code cgc_hkdf_extract(uint8_t *output, const uint8_t *salt, size_t salt_count, const uint8_t *material,
                          size_t material_count);
/*
 * RFC 5869 2.3: 1...8160 bytes of output from a pseudorandom key of at least 32 bytes; else CGC_INVALID_LENGTH.
 * On failure `output` is zero.
 */
cgc_code cgc_hkdf_expand(uint8_t *output, size_t output_count, const uint8_t *key, size_t key_count,
                         const uint8_t *info, size_t info_count);

#endif
