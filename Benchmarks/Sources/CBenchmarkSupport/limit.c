#include "CBenchmarkSupport.h"

#include <gcrypt.h>
#include <stdlib.h>
#include <string.h>

struct cbs_limit {
    gcry_cipher_hd_t cipher;
    gcry_md_hd_t mac;
};

cbs_limit *cbs_limit_open(void) {
    static const uint8_t key[32] = {1, 2, 3};
    cbs_limit *limit = calloc(1, sizeof *limit);

    if (limit == NULL) return NULL;
    if (gcry_cipher_open(&limit->cipher, GCRY_CIPHER_AES256, GCRY_CIPHER_MODE_GCM, 0) != 0 ||
        gcry_cipher_setkey(limit->cipher, key, sizeof key) != 0 ||
        gcry_md_open(&limit->mac, GCRY_MD_SHA256, GCRY_MD_FLAG_HMAC) != 0 ||
        gcry_md_setkey(limit->mac, key, sizeof key) != 0) {
        cbs_limit_close(limit);
        return NULL;
    }
    return limit;
}

void cbs_limit_close(cbs_limit *limit) {
    gcry_cipher_close(limit->cipher);
    gcry_md_close(limit->mac);
    free(limit);
}

/* The counter as a nonce, and the header authenticated. */
static bool begin(cbs_limit *limit, uint64_t counter, const uint8_t *frame) {
    uint8_t nonce[12] = {0};

    memcpy(nonce + 4, &counter, sizeof counter);
    return gcry_cipher_setiv(limit->cipher, nonce, sizeof nonce) == 0 &&
           gcry_cipher_authenticate(limit->cipher, frame, CBS_HEADER) == 0;
}

static const uint8_t *mac(cbs_limit *limit, const uint8_t *frame, size_t count) {
    gcry_md_reset(limit->mac);
    gcry_md_write(limit->mac, frame, CBS_HEADER + count + CBS_TAG);
    return gcry_md_read(limit->mac, GCRY_MD_SHA256);
}

bool cbs_limit_seal(cbs_limit *limit, uint64_t counter, uint8_t *frame, size_t count) {
    uint8_t *data = frame + CBS_HEADER;
    const uint8_t *value;

    if (!begin(limit, counter, frame) || gcry_cipher_encrypt(limit->cipher, data, count, NULL, 0) != 0 ||
        gcry_cipher_gettag(limit->cipher, data + count, CBS_TAG) != 0)
        return false;
    value = mac(limit, frame, count);
    if (value == NULL) return false;
    memcpy(data + count + CBS_TAG, value, CBS_MAC);
    return true;
}

bool cbs_limit_unseal(cbs_limit *limit, uint64_t counter, uint8_t *frame, size_t count) {
    uint8_t *data = frame + CBS_HEADER;
    const uint8_t *value = mac(limit, frame, count);

    if (value == NULL || memcmp(value, data + count + CBS_TAG, CBS_MAC) != 0) return false;
    return begin(limit, counter, frame) && gcry_cipher_decrypt(limit->cipher, data, count, NULL, 0) == 0 &&
           gcry_cipher_checktag(limit->cipher, data + count, CBS_TAG) == 0;
}

bool cbs_x25519(uint8_t *output, const uint8_t *scalar, const uint8_t *point) {
    return gcry_ecc_mul_point(GCRY_ECC_CURVE25519, output, scalar, point) == 0;
}
