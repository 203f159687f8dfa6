
/* a disk that does wrong at a test's word, and what it is told */

#ifndef ZEGO_DISK_H
#define ZEGO_DISK_H


#include <stdint.h>


/* shared with the test, see t/system/disk.py */

typedef struct {
    /* so many were made; which of them go wrong, from 1 on; the error, or 0:
       half of it is written, a sync is left out */
    volatile uint64_t     calls;
    volatile uint64_t     first;
    volatile uint64_t     last;
    volatile uint64_t     error;

    /* while this is set they wait, with all done but not synced; how many do,
       how many did, and how many of these may go on */
    volatile uint64_t     hold;
    volatile uint64_t     held;
    volatile uint64_t     holds;
    volatile uint64_t     let_go;
} zego_disk_calls_t;


typedef struct {
    zego_disk_calls_t     write;
    zego_disk_calls_t     dsync;     /* a write that is its own sync */
    zego_disk_calls_t     sync;
} zego_disk_t;


/* the log: each of these with size bytes behind it */

enum {
    ZEGO_DISK_OPENED = 'o',          /* and made where it was not; its path */
    ZEGO_DISK_RENAMED = 'r',         /* its new path */
    ZEGO_DISK_WRITTEN = 'w',         /* the bytes */
    ZEGO_DISK_DSYNCED = 'd',         /* the same, which is synced now */
    ZEGO_DISK_UNDSYNCED = 'e',       /* the same, for which that failed */
    ZEGO_DISK_TRUNCATED = 't',
    ZEGO_DISK_SYNC = 'b',            /* has begun */
    ZEGO_DISK_SYNCED = 's',
    ZEGO_DISK_UNSYNCED = 'f',        /* it failed */
    ZEGO_DISK_MSYNCED = 'm',
    ZEGO_DISK_NAMED = 'n',           /* a directory was synced; its path */
    ZEGO_DISK_ANSWER = 'a',          /* to be sent now */
    ZEGO_DISK_CALLBACK = 'c'         /* the test's: sent; its number */
};


typedef struct {
    uint32_t              kind;
    uint32_t              thread;
    uint64_t              offset;
    uint64_t              size;
} zego_disk_event_t;


#endif /* ZEGO_DISK_H */
