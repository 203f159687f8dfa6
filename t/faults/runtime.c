
/*
 * In the place of ThreadSanitizer's runtime: what clang's -fsanitize=thread
 * calls before each load and store, and the functions that do many at once.
 */


#include "faults.h"

#include <string.h>


void  (*zego_access)(const void *p, size_t size, int store, const void *from);


#define zego_told(p, size, store)                                             \
    if (zego_access) {                                                        \
        zego_access(p, size, store, __builtin_return_address(0));             \
    }


void __tsan_init(void) { }
void __tsan_vptr_read(void **p) { zego_told(p, 8, 0) }
void __tsan_vptr_update(void **p, void *value) { zego_told(p, 8, 1) }


#define ZEGO_ACCESS(size)                                                     \
                                                                              \
void __tsan_read##size(void *p) { zego_told(p, size, 0) }                     \
void __tsan_write##size(void *p) { zego_told(p, size, 1) }                    \
void __tsan_unaligned_read##size(void *p) { zego_told(p, size, 0) }           \
void __tsan_unaligned_write##size(void *p) { zego_told(p, size, 1) }

ZEGO_ACCESS(1)
ZEGO_ACCESS(2)
ZEGO_ACCESS(4)
ZEGO_ACCESS(8)
ZEGO_ACCESS(16)


#define ZEGO_FETCH(bits, type, name)                                          \
                                                                              \
type                                                                          \
__tsan_atomic##bits##_fetch_##name(volatile type *p, type v, int order)       \
{                                                                             \
    zego_told((void *) p, sizeof(type), 1)                                    \
    return __atomic_fetch_##name(p, v, __ATOMIC_SEQ_CST);                     \
}


#define ZEGO_ATOMIC(bits, type)                                               \
                                                                              \
type                                                                          \
__tsan_atomic##bits##_load(const volatile type *p, int order)                 \
{                                                                             \
    zego_told((void *) p, sizeof(type), 0)                                    \
    return __atomic_load_n(p, __ATOMIC_SEQ_CST);                              \
}                                                                             \
                                                                              \
                                                                              \
void                                                                          \
__tsan_atomic##bits##_store(volatile type *p, type v, int order)              \
{                                                                             \
    zego_told((void *) p, sizeof(type), 1)                                    \
    __atomic_store_n(p, v, __ATOMIC_SEQ_CST);                                 \
}                                                                             \
                                                                              \
                                                                              \
type                                                                          \
__tsan_atomic##bits##_exchange(volatile type *p, type v, int order)           \
{                                                                             \
    zego_told((void *) p, sizeof(type), 1)                                    \
    return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);                       \
}                                                                             \
                                                                              \
                                                                              \
type                                                                          \
__tsan_atomic##bits##_compare_exchange_val(volatile type *p, type old,        \
    type v, int order, int failed)                                            \
{                                                                             \
    zego_told((void *) p, sizeof(type), 1)                                    \
    (void) __atomic_compare_exchange_n(p, &old, v, 0, __ATOMIC_SEQ_CST,       \
                                       __ATOMIC_SEQ_CST);                     \
    return old;                                                               \
}                                                                             \
                                                                              \
                                                                              \
ZEGO_FETCH(bits, type, add)                                                   \
ZEGO_FETCH(bits, type, sub)                                                   \
ZEGO_FETCH(bits, type, and)                                                   \
ZEGO_FETCH(bits, type, or)                                                    \
ZEGO_FETCH(bits, type, xor)

ZEGO_ATOMIC(8, uint8_t)
ZEGO_ATOMIC(16, uint16_t)
ZEGO_ATOMIC(32, uint32_t)
ZEGO_ATOMIC(64, uint64_t)

void __tsan_atomic_thread_fence(int order)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void __tsan_atomic_signal_fence(int order) { }


/* linked with --wrap; copies and fills a word at a time, since a process may
   die at each; what memmove() writes is one store */

void *__real_memcpy(void *to, const void *from, size_t size);
void *__wrap_memcpy(void *to, const void *from, size_t size);
void *__real_memmove(void *to, const void *from, size_t size);
void *__wrap_memmove(void *to, const void *from, size_t size);
void *__real_memset(void *to, int c, size_t size);
void *__wrap_memset(void *to, int c, size_t size);
int __real_memcmp(const void *a, const void *b, size_t size);
int __wrap_memcmp(const void *a, const void *b, size_t size);
int __real_bcmp(const void *a, const void *b, size_t size);
int __wrap_bcmp(const void *a, const void *b, size_t size);


void *
__wrap_memcpy(void *to, const void *from, size_t size)
{
    char        *p;
    size_t       n;
    const char  *q;

    if (zego_access == NULL) {
        return __real_memcpy(to, from, size);
    }

    p = to;
    q = from;

    while (size) {
        n = size < 8 ? size : 8;

        zego_told(q, n, 0)
        zego_told(p, n, 1)

        __real_memcpy(p, q, n);

        p += n;
        q += n;
        size -= n;
    }

    return to;
}


void *
__wrap_memmove(void *to, const void *from, size_t size)
{
    zego_told(from, size, 0)
    zego_told(to, size, 1)

    return __real_memmove(to, from, size);
}


void *
__wrap_memset(void *to, int c, size_t size)
{
    char    *p;
    size_t   n;

    if (zego_access == NULL) {
        return __real_memset(to, c, size);
    }

    p = to;

    while (size) {
        n = size < 8 ? size : 8;

        zego_told(p, n, 1)

        __real_memset(p, c, n);

        p += n;
        size -= n;
    }

    return to;
}


int
__wrap_memcmp(const void *a, const void *b, size_t size)
{
    zego_told(a, size, 0)
    zego_told(b, size, 0)

    return __real_memcmp(a, b, size);
}


int
__wrap_bcmp(const void *a, const void *b, size_t size)
{
    zego_told(a, size, 0)
    zego_told(b, size, 0)

    return __real_bcmp(a, b, size);
}
