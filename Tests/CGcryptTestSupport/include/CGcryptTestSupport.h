/* What a host program might have done to libgcrypt before this package came, and a look at this process's memory. */
#ifndef SCP_CGCRYPT_TEST_SUPPORT_H
#define SCP_CGCRYPT_TEST_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Each before anything else touches libgcrypt: so in a process of its own. */
void cgt_disable_aes_instructions(void);
void cgt_disable_multiplication_instructions(void);
void cgt_force_fips_mode(void);
/* A host that wants secure memory, and finishes the initialisation. */
void cgt_initialise_as_host(void);

/* Whether libgcrypt can give memory that it calls secure. */
bool cgt_has_secure_memory(void);

/*
 * How often the bytes occur in this process's writable memory; -1 where that cannot be read. `masked` holds them XOR
 * 0xff, so that the question is no answer.
 */
int cgt_occurrences(const uint8_t *masked, size_t count);
/* output[i] = input[i] XOR 0xff */
void cgt_mask(uint8_t *output, const uint8_t *input, size_t count);

/* Overwrites 64 KiB below the caller's frame: what functions that have returned left on the stack. */
void cgt_clear_stack(void);

#endif
