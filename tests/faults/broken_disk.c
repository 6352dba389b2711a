/* A disk that fails, and a clock that jumps, for one process: LD_PRELOAD this.
 *
 * BROKEN_MATCH     only files whose path contains this
 * BROKEN_WRITES    so many bytes are taken, then there is no space left
 * BROKEN_FSYNCS    so many syncs are done, then they fail
 * BROKEN_CLOCK     every reading of the calendar clock jumps forth and back by so many seconds
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static atomic_long written, synced, readings;

static int matches(int fd) {
    char link[64], path[4096];
    const char *match = getenv("BROKEN_MATCH");
    if (!match) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strstr(path, match) != NULL;
}

static int is_full(int fd, size_t size) {
    const char *limit = getenv("BROKEN_WRITES");
    if (!limit || !matches(fd)) return 0;
    if (atomic_fetch_add(&written, (long)size) + (long)size <= atol(limit)) return 0;
    errno = ENOSPC;
    return 1;
}

static int sync_fails(int fd) {
    const char *limit = getenv("BROKEN_FSYNCS");
    if (!limit || !matches(fd)) return 0;
    if (atomic_fetch_add(&synced, 1) < atol(limit)) return 0;
    errno = EIO;
    return 1;
}

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

ssize_t write(int fd, const void *data, size_t size) {
    REAL(ssize_t, "write", int, const void *, size_t);
    return is_full(fd, size) ? -1 : real(fd, data, size);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    REAL(ssize_t, "pwrite", int, const void *, size_t, off_t);
    return is_full(fd, size) ? -1 : real(fd, data, size, at);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
    return is_full(fd, size) ? -1 : real(fd, data, size, at);
}

int fsync(int fd) {
    REAL(int, "fsync", int);
    return sync_fails(fd) ? -1 : real(fd);
}

int fdatasync(int fd) {
    REAL(int, "fdatasync", int);
    return sync_fails(fd) ? -1 : real(fd);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    REAL(int, "clock_gettime", clockid_t, struct timespec *);
    int result = real(clock, now);
    const char *jump = getenv("BROKEN_CLOCK");
    if (jump && clock == CLOCK_REALTIME)
        now->tv_sec += (atomic_fetch_add(&readings, 1) / 16 % 2 ? 1 : -1) * atol(jump);
    return result;
}
