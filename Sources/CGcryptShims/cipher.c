#include "CGcryptShims.h"

#include <gcrypt.h>

/* A cgc_cipher is a gcry_cipher handle under another name, so that the header needs no libgcrypt. */
static gcry_cipher_hd_t unwrap(cgc_cipher *cipher) { return (gcry_cipher_hd_t)cipher; }

cgc_code cgc_cipher_open(cgc_cipher **cipher, const uint8_t *key) {
    gcry_cipher_hd_t handle = NULL;
    gcry_error_t error = gcry_cipher_open(&handle, GCRY_CIPHER_AES256, GCRY_CIPHER_MODE_GCM, 0);

    if (error == 0) error = gcry_cipher_setkey(handle, key, CGC_KEY_SIZE);
    if (error != 0) {
        gcry_cipher_close(handle);
        handle = NULL;
    }
    *cipher = (cgc_cipher *)handle;
    return gcry_err_code(error);
}

/* libgcrypt wipes the handle, secure memory or not. */
void cgc_cipher_close(cgc_cipher *cipher) { gcry_cipher_close(unwrap(cipher)); }

/* libgcrypt encrypts without an IV and accepts one twice: every frame starts over, with its own. */
static gcry_error_t begin(gcry_cipher_hd_t handle, const uint8_t *nonce, const uint8_t *header, size_t header_count) {
    gcry_error_t error = gcry_cipher_reset(handle);
    if (error == 0) error = gcry_cipher_setiv(handle, nonce, CGC_NONCE_SIZE);
    if (error == 0 && header_count > 0) error = gcry_cipher_authenticate(handle, header, header_count);
    return error;
}

cgc_code cgc_cipher_seal(cgc_cipher *cipher, const uint8_t *nonce, const uint8_t *header, size_t header_count,
                         uint8_t *data, size_t count, uint8_t *tag) {
    gcry_cipher_hd_t handle = unwrap(cipher);
    gcry_error_t error = begin(handle, nonce, header, header_count);

    if (error == 0 && count > 0) error = gcry_cipher_encrypt(handle, data, count, NULL, 0);
    if (error == 0) error = gcry_cipher_gettag(handle, tag, CGC_GCM_TAG_SIZE);
    if (error != 0) {
        /* Half a frame must not be sent by anybody. */
        cgc_wipe(data, count);
        cgc_wipe(tag, CGC_GCM_TAG_SIZE);
    }
    return gcry_err_code(error);
}

cgc_code cgc_cipher_unseal(cgc_cipher *cipher, const uint8_t *nonce, const uint8_t *header, size_t header_count,
                           uint8_t *data, size_t count, const uint8_t *tag) {
    gcry_cipher_hd_t handle = unwrap(cipher);
    gcry_error_t error = begin(handle, nonce, header, header_count);

    if (error == 0 && count > 0) error = gcry_cipher_decrypt(handle, data, count, NULL, 0);
    /* [SCP-PROT-4] */
    /* 16 bytes, never a length from the wire: checktag would accept 4, 8 and 12 to 15 too. */
    if (error == 0) error = gcry_cipher_checktag(handle, tag, CGC_GCM_TAG_SIZE);
    /* [SCP-PROT-8] */
    /* libgcrypt has written the plaintext before it knows. */
    if (error != 0) cgc_wipe(data, count);
    return gcry_err_code(error);
}
