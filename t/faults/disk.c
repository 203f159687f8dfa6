
/*
 * For tests, preloaded into nginx: ZEGO_DISK names the page, ZEGO_DISK_LOG the
 * log of disk.h.  A write is logged after it was made, an answer before: so
 * what a sync is said to cover was written before it, and what was answered is
 * not missed.
 */


#define _GNU_SOURCE

#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>


#define DISK_FILES    65536

#define DISK_ANSWER   "HTTP/1.1 200 "

#define DISK_DATA     1
#define DISK_DSYNC    2


static zego_disk_t     none;
static zego_disk_t    *disk = &none;
static int             disk_log = -1;
static unsigned char   files[DISK_FILES];    /* which descriptors are of one */


static void __attribute__((constructor))
disk_open(void)
{
    int          fd;
    const char  *name;

    name = getenv("ZEGO_DISK");

    if (name) {
        fd = open(name, O_RDWR|O_CLOEXEC);
        disk = mmap(NULL, sizeof(zego_disk_t), PROT_READ|PROT_WRITE,
                    MAP_SHARED, fd, 0);

        if (disk == MAP_FAILED) {
            perror(name);
            abort();
        }

        (void) close(fd);
    }

    name = getenv("ZEGO_DISK_LOG");

    if (name) {
        disk_log = open(name, O_WRONLY|O_APPEND|O_CLOEXEC);

        if (disk_log == -1) {
            perror(name);
            abort();
        }
    }
}


static unsigned
disk_of(int fd)
{
    return (fd >= 0 && fd < DISK_FILES) ? files[fd] : 0;
}


/* LMDB's, but not what it makes anew at each start */

static int
disk_named(const char *path)
{
    const char  *name;

    name = strrchr(path, '/');

    return name && strlen(name) > 4
           && strcmp(name + strlen(name) - 4, ".mdb") == 0
           && strcmp(name, "/lock.mdb") != 0;
}


/* in one piece, and before the next of any process */

static void
disk_tell(int kind, off_t offset, const struct iovec *iov, int n, size_t size)
{
    int                i;
    size_t             rest;
    struct iovec       v[IOV_MAX];
    zego_disk_event_t  event;

    if (disk_log == -1) {
        return;
    }

    memset(&event, 0, sizeof(event));

    event.kind = kind;
    event.thread = syscall(SYS_gettid);
    event.offset = offset;
    event.size = size;

    v[0].iov_base = &event;
    v[0].iov_len = sizeof(event);

    rest = size;

    for (i = 1; i < IOV_MAX && i <= n && rest; i++) {
        v[i] = iov[i - 1];

        if (v[i].iov_len > rest) {
            v[i].iov_len = rest;
        }

        rest -= v[i].iov_len;
    }

    if (syscall(SYS_writev, disk_log, v, i)
        != (ssize_t) (sizeof(event) + size))
    {
        abort();
    }
}


static void
disk_tell_path(int kind, const char *path)
{
    struct iovec  iov;

    iov.iov_base = (char *) path;
    iov.iov_len = strlen(path);

    disk_tell(kind, 0, &iov, 1, iov.iov_len);
}


static void
disk_tell_directory(int fd)
{
    char         name[32], path[PATH_MAX];
    ssize_t      n;
    struct stat  st;

    if (disk_log == -1 || fstat(fd, &st) == -1 || !S_ISDIR(st.st_mode)) {
        return;
    }

    (void) sprintf(name, "/proc/self/fd/%d", fd);

    n = readlink(name, path, sizeof(path) - 1);

    if (n == -1) {
        abort();
    }

    path[n] = '\0';

    disk_tell_path(ZEGO_DISK_NAMED, path);
}


static int
disk_wrong(zego_disk_calls_t *calls)
{
    uint64_t  n;

    n = __atomic_add_fetch(&calls->calls, 1, __ATOMIC_SEQ_CST);

    return n >= calls->first && n <= calls->last;
}


static void
disk_wait(zego_disk_calls_t *calls)
{
    uint64_t         n;
    struct timespec  ts = { 0, 1000000 };

    if (!calls->hold) {
        return;
    }

    (void) __atomic_add_fetch(&calls->held, 1, __ATOMIC_SEQ_CST);
    n = __atomic_add_fetch(&calls->holds, 1, __ATOMIC_SEQ_CST);

    while (calls->hold && calls->let_go < n) {
        (void) nanosleep(&ts, NULL);
    }

    (void) __atomic_sub_fetch(&calls->held, 1, __ATOMIC_SEQ_CST);
}


/* a sync that fails leaves the bytes in the cache */

static ssize_t
disk_write(int fd, const struct iovec *iov, int n, off_t offset)
{
    int                 dsync, wrong, error;
    ssize_t             rc;
    struct iovec        half;
    zego_disk_calls_t  *calls;

    dsync = (disk_of(fd) == DISK_DSYNC);
    calls = dsync ? &disk->dsync : &disk->write;

    wrong = disk_wrong(calls);
    error = wrong ? calls->error : 0;

    if (error && !(dsync && error == EIO)) {
        errno = error;
        return -1;
    }

    if (wrong && error == 0) {
        half.iov_base = iov[0].iov_base;
        half.iov_len = iov[0].iov_len / 2;
        iov = &half;
        n = 1;
    }

    rc = syscall(SYS_pwritev, fd, iov, n, offset, 0);

    if (rc > 0) {
        disk_tell(ZEGO_DISK_WRITTEN, offset, iov, n, rc);
    }

    disk_wait(calls);

    if (rc > 0 && dsync) {
        disk_tell(error ? ZEGO_DISK_UNDSYNCED : ZEGO_DISK_DSYNCED, offset, iov,
                  n, rc);
    }

    if (error) {
        errno = error;
        return -1;
    }

    return rc;
}


static ssize_t
disk_write_on(int fd, const struct iovec *iov, int n)
{
    off_t    offset;
    ssize_t  rc;

    offset = lseek(fd, 0, SEEK_CUR);

    rc = disk_write(fd, iov, n, offset);

    if (rc > 0) {
        (void) lseek(fd, offset + rc, SEEK_SET);
    }

    return rc;
}


static int
disk_sync(int fd, int number)
{
    int  rc;

    if (!disk_of(fd)) {
        rc = syscall(number, fd);

        if (rc == 0) {
            disk_tell_directory(fd);
        }

        return rc;
    }

    if (disk_wrong(&disk->sync)) {

        if (disk->sync.error == 0) {
            return 0;
        }

        disk_tell(ZEGO_DISK_UNSYNCED, 0, NULL, 0, 0);

        errno = disk->sync.error;
        return -1;
    }

    disk_tell(ZEGO_DISK_SYNC, 0, NULL, 0, 0);

    rc = syscall(number, fd);

    disk_wait(&disk->sync);

    disk_tell(rc == 0 ? ZEGO_DISK_SYNCED : ZEGO_DISK_UNSYNCED, 0, NULL, 0, 0);

    return rc;
}


static int
disk_opened(const char *path, int flags, mode_t mode)
{
    int  fd;

    fd = syscall(SYS_openat, AT_FDCWD, path, flags, mode);

    if (fd >= 0 && fd < DISK_FILES && disk_named(path)) {
        files[fd] = (flags & O_DSYNC) ? DISK_DSYNC : DISK_DATA;

        if (flags & O_CREAT) {
            disk_tell_path(ZEGO_DISK_OPENED, path);
        }
    }

    return fd;
}


/* what takes the place of the C library's */

#define DISK_OPEN(name)                                                       \
                                                                              \
int                                                                           \
name(const char *path, int flags, ...)                                        \
{                                                                             \
    mode_t   mode;                                                            \
    va_list  args;                                                            \
                                                                              \
    va_start(args, flags);                                                    \
    mode = (flags & (O_CREAT|__O_TMPFILE)) ? va_arg(args, mode_t) : 0;        \
    va_end(args);                                                             \
                                                                              \
    return disk_opened(path, flags, mode);                                    \
}

DISK_OPEN(open)
DISK_OPEN(open64)


#define DISK_PWRITE(name)                                                     \
                                                                              \
ssize_t                                                                       \
name(int fd, const void *p, size_t size, off_t offset)                        \
{                                                                             \
    struct iovec  iov = { (void *) p, size };                                 \
                                                                              \
    return disk_of(fd) ? disk_write(fd, &iov, 1, offset)                      \
                       : syscall(SYS_pwrite64, fd, p, size, offset);          \
}

DISK_PWRITE(pwrite)
DISK_PWRITE(pwrite64)


#define DISK_PWRITEV(name)                                                    \
                                                                              \
ssize_t                                                                       \
name(int fd, const struct iovec *iov, int n, off_t offset)                    \
{                                                                             \
    return disk_of(fd) ? disk_write(fd, iov, n, offset)                       \
                       : syscall(SYS_pwritev, fd, iov, n, offset, 0);         \
}

DISK_PWRITEV(pwritev)
DISK_PWRITEV(pwritev64)


ssize_t
write(int fd, const void *p, size_t size)
{
    struct iovec  iov = { (void *) p, size };

    return disk_of(fd) ? disk_write_on(fd, &iov, 1)
                       : syscall(SYS_write, fd, p, size);
}


ssize_t
writev(int fd, const struct iovec *iov, int n)
{
    if (disk_of(fd)) {
        return disk_write_on(fd, iov, n);
    }

    if (n && iov[0].iov_len > sizeof(DISK_ANSWER) - 1
        && memcmp(iov[0].iov_base, DISK_ANSWER, sizeof(DISK_ANSWER) - 1) == 0)
    {
        disk_tell(ZEGO_DISK_ANSWER, 0, iov, 1, iov[0].iov_len);
    }

    return syscall(SYS_writev, fd, iov, n);
}


int
fdatasync(int fd)
{
    return disk_sync(fd, SYS_fdatasync);
}


int
fsync(int fd)
{
    return disk_sync(fd, SYS_fsync);
}


/* of a map nothing else is seen */

int
msync(void *p, size_t size, int flags)
{
    disk_tell(ZEGO_DISK_MSYNCED, 0, NULL, 0, 0);

    return syscall(SYS_msync, p, size, flags);
}


#define DISK_FTRUNCATE(name)                                                  \
                                                                              \
int                                                                           \
name(int fd, off_t size)                                                      \
{                                                                             \
    int  rc;                                                                  \
                                                                              \
    rc = syscall(SYS_ftruncate, fd, size);                                    \
                                                                              \
    if (rc == 0 && disk_of(fd)) {                                             \
        disk_tell(ZEGO_DISK_TRUNCATED, size, NULL, 0, 0);                     \
    }                                                                         \
                                                                              \
    return rc;                                                                \
}

DISK_FTRUNCATE(ftruncate)
DISK_FTRUNCATE(ftruncate64)


int
close(int fd)
{
    if (disk_of(fd)) {
        files[fd] = 0;
    }

    return syscall(SYS_close, fd);
}


int
rename(const char *from, const char *to)
{
    int  rc;

    rc = syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);

    if (rc == 0 && disk_named(to)) {
        disk_tell_path(ZEGO_DISK_RENAMED, to);
    }

    return rc;
}
