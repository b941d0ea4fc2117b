#include "CGcryptShims.h"

#include <gcrypt.h>
#include <string.h>

static gcry_md_hd_t unwrap(cgc_hmac *hmac) { return (gcry_md_hd_t)hmac; }

/* Some address for an empty piece: the C standard allows no arithmetic on NULL. */
static const uint8_t nothing[1] = {0};

cgc_code cgc_sha256(uint8_t *digest, const uint8_t *first, size_t first_count, const uint8_t *second,
                    size_t second_count) {
    gcry_buffer_t pieces[2] = {{0}};

    /* libgcrypt takes void *, and only reads. */
    pieces[0].data = (void *)(uintptr_t)(first_count > 0 ? first : nothing);
    pieces[0].len = first_count;
    pieces[1].data = (void *)(uintptr_t)(second_count > 0 ? second : nothing);
    pieces[1].len = second_count;
    return gcry_err_code(gcry_md_hash_buffers(GCRY_MD_SHA256, 0, digest, pieces, 2));
}

/* 2.7 us, as every gcry_md_open polls the random source: open once, set keys often. */
cgc_code cgc_hmac_open(cgc_hmac **hmac) {
    gcry_md_hd_t handle = NULL;
    gcry_error_t error = gcry_md_open(&handle, GCRY_MD_SHA256, GCRY_MD_FLAG_HMAC);

    *hmac = error == 0 ? (cgc_hmac *)handle : NULL;
    return gcry_err_code(error);
}

/* libgcrypt wipes the handle, secure memory or not. */
void cgc_hmac_close(cgc_hmac *hmac) { gcry_md_close(unwrap(hmac)); }

cgc_code cgc_hmac_set_key(cgc_hmac *hmac, const uint8_t *key, size_t count) {
    return gcry_err_code(gcry_md_setkey(unwrap(hmac), count > 0 ? key : nothing, count));
}

/* Setting a key computes both pads anew and resets, which overwrites the key, the state and the last partial block. */
cgc_code cgc_hmac_forget_key(cgc_hmac *hmac) { return cgc_hmac_set_key(hmac, nothing, 0); }

/* The MAC of what was written, in libgcrypt's own memory until the next reset; NULL on failure. */
static const uint8_t *finish(gcry_md_hd_t handle) { return gcry_md_read(handle, GCRY_MD_SHA256); }

static const uint8_t *mac(gcry_md_hd_t handle, const uint8_t *bytes, size_t count) {
    gcry_md_reset(handle);
    if (count > 0) gcry_md_write(handle, bytes, count);
    return finish(handle);
}

cgc_code cgc_hmac_compute(cgc_hmac *hmac, uint8_t *digest, const uint8_t *bytes, size_t count) {
    const uint8_t *value = mac(unwrap(hmac), bytes, count);

    if (value == NULL) return GPG_ERR_INTERNAL;
    memcpy(digest, value, CGC_DIGEST_SIZE);
    return GPG_ERR_NO_ERROR;
}

/* 0 if equal, else 1. Every byte is read; the barrier hides from the compiler that only "zero or not" is wanted. */
static uint32_t differs(const uint8_t *left, const uint8_t *right) {
    uint32_t accumulator = 0;

    for (size_t i = 0; i < CGC_DIGEST_SIZE; i++) accumulator |= (uint32_t)(left[i] ^ right[i]);
    __asm__ volatile("" : "+r"(accumulator));
    /* 0 - 1 has its top bit set; 1...255 less 1 has not. */
    return 1u ^ ((accumulator - 1u) >> 31);
}

cgc_code cgc_hmac_verify(cgc_hmac *hmac, const uint8_t *tag, const uint8_t *bytes, size_t count) {
    const uint8_t *value = mac(unwrap(hmac), bytes, count);

    if (value == NULL) return GPG_ERR_INTERNAL;
    return differs(value, tag) != 0 ? CGC_AUTHENTICATION_FAILED : GPG_ERR_NO_ERROR;
}

cgc_code cgc_hkdf_extract(cgc_hmac *hmac, uint8_t *output, const uint8_t *salt, size_t salt_count,
                          const uint8_t *material, size_t material_count) {
    cgc_code code = cgc_hmac_set_key(hmac, salt, salt_count);

    if (code == 0) code = cgc_hmac_compute(hmac, output, material, material_count);
    if (code != 0) cgc_wipe(output, CGC_DIGEST_SIZE);
    return code;
}

cgc_code cgc_hkdf_expand(cgc_hmac *hmac, uint8_t *output, size_t output_count, const uint8_t *key, size_t key_count,
                         const uint8_t *info, size_t info_count) {
    gcry_md_hd_t handle = unwrap(hmac);
    cgc_code code = CGC_INVALID_LENGTH;
    uint8_t counter = 0;
    size_t done = 0;

    if (output_count >= 1 && output_count <= CGC_HKDF_OUTPUT_LIMIT && key_count >= CGC_DIGEST_SIZE)
        code = cgc_hmac_set_key(hmac, key, key_count);

    /* T(n) = HMAC(key, T(n-1) || info || n). T(n-1) is read from the output, so no copy of it needs wiping. */
    while (code == 0 && done < output_count) {
        size_t rest = output_count - done;
        size_t take = rest < CGC_DIGEST_SIZE ? rest : CGC_DIGEST_SIZE;
        const uint8_t *block;

        counter++;
        gcry_md_reset(handle);
        if (done > 0) gcry_md_write(handle, output + done - CGC_DIGEST_SIZE, CGC_DIGEST_SIZE);
        if (info_count > 0) gcry_md_write(handle, info, info_count);
        gcry_md_write(handle, &counter, 1);
        block = finish(handle);
        if (block == NULL) {
            code = GPG_ERR_INTERNAL;
        } else {
            memcpy(output + done, block, take);
            done += take;
        }
    }
    if (code != 0) cgc_wipe(output, output_count);
    return code;
}
