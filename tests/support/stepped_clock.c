/* A wall clock that a test steps: preloaded into a process, it adds to the time of day the seconds
 * that stand in the file which STEPPED_CLOCK names (a double, mapped, so that a write acts at once).
 * Monotonic clocks go on as they are, as they do when a real machine's clock is set.
 *
 * libfaketime 0.9.10 cannot stand in: with FAKETIME_DONT_FAKE_MONOTONIC its clock_nanosleep fails.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile double *step_s;

__attribute__((constructor)) static void map_step(void) {
    const char *name = getenv("STEPPED_CLOCK");
    int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    void *map = mmap(NULL, sizeof *step_s, PROT_READ, MAP_SHARED, file, 0);
    if (file < 0 || map == MAP_FAILED) abort(); /* a clock that is not stepped would prove nothing */
    close(file);
    step_s = map;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = syscall(SYS_clock_gettime, clock, now);
    if (!failed && step_s && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        now->tv_sec += (time_t)*step_s; /* whole seconds */
    }
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec exact;
    int failed = clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return failed;
}

time_t time(time_t *result) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (result) *result = exact.tv_sec;
    return exact.tv_sec;
}
