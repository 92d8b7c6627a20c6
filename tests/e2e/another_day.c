/* SPDX-License-Identifier: Apache-2.0 */
/* LD_PRELOAD: a machine whose wall clock stands $ANOTHER_DAY days off, for what takes months. */
#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

int clock_gettime(clockid_t clock, struct timespec *time)
{
    static int (*real)(clockid_t, struct timespec *);
    const char *days = getenv("ANOTHER_DAY");
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, time);
    if (result == 0 && days != NULL && clock == CLOCK_REALTIME)
        time->tv_sec += 86400L * atol(days);
    return result;
}
