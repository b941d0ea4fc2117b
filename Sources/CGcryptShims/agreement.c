#include "CGcryptShims.h"

#include <gcrypt.h>
#include <string.h>

/* libgcrypt 1.10.1 multiplies with its generic big-integer ladder, which is not constant-time: no mending it here. */
cgc_code cgc_x25519(uint8_t *output, const uint8_t *scalar, const uint8_t *point) {
    uint8_t clamped[CGC_KEY_SIZE];
    uint8_t accumulator = 0;

    memcpy(clamped, scalar, sizeof clamped);
    clamped[0] &= 0xf8;
    clamped[31] &= 0x7f;
    clamped[31] |= 0x40;

    gpg_err_code_t code = gcry_err_code(gcry_ecc_mul_point(GCRY_ECC_CURVE25519, output, clamped, point));
    cgc_wipe(clamped, sizeof clamped);

    if (code == GPG_ERR_NO_ERROR) {
        /* [SCP-KEY-10] */
        /* All 32 bytes are looked at, whatever they are. libgcrypt calls an all-zero result a success. */
        for (size_t i = 0; i < CGC_KEY_SIZE; i++) accumulator |= output[i];
        if (accumulator == 0) code = (gpg_err_code_t)CGC_ALL_ZERO;
    }
    if (code != GPG_ERR_NO_ERROR) cgc_wipe(output, CGC_KEY_SIZE);
    return (cgc_code)code;
}
