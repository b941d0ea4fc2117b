#ifndef CBENCHMARKSUPPORT_H
#define CBENCHMARKSUPPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Blocks that this thread has got from malloc and its relatives, and all threads together. */
uint64_t cbs_thread_allocations(void);
uint64_t cbs_allocations(void);

/* Processor time of this thread and of the process, and the time of the wall, in nanoseconds. */
uint64_t cbs_thread_time(void);
uint64_t cbs_process_time(void);
uint64_t cbs_wall_time(void);

/* Bytes of the process that are in memory, and bytes in blocks of the heap that have not been freed. */
uint64_t cbs_resident_bytes(void);
uint64_t cbs_heap_bytes(void);

/* As many open files as the system lets us have; returns how many. */
uint64_t cbs_raise_file_limit(void);

enum { CBS_HEADER = 14, CBS_TAG = 16, CBS_MAC = 32, CBS_OVERHEAD = CBS_HEADER + CBS_TAG + CBS_MAC };

/* One direction of frames straight on libgcrypt: AES-256-GCM in place, HMAC-SHA-256 over all of it, handles reused. */
typedef struct cbs_limit cbs_limit;

cbs_limit *cbs_limit_open(void);
void cbs_limit_close(cbs_limit *limit);
/* A frame is 14 bytes of header, `count` of plaintext, 16 of tag, 32 of MAC. False when libgcrypt said no. */
bool cbs_limit_seal(cbs_limit *limit, uint64_t counter, uint8_t *frame, size_t count);
bool cbs_limit_unseal(cbs_limit *limit, uint64_t counter, uint8_t *frame, size_t count);

/* One X25519 multiplication by libgcrypt and nothing else; a null point is the base point. */
bool cbs_x25519(uint8_t *output, const uint8_t *scalar, const uint8_t *point);

#endif
