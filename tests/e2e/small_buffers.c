/* SPDX-License-Identifier: Apache-2.0 */
/* LD_PRELOAD: a machine whose limit of socket buffers is Debian's, which tests may not set. */
#include <dlfcn.h>
#include <stddef.h>
#include <sys/socket.h>

enum { LIMIT = 212992 };

int setsockopt(int fd, int level, int option, const void *value, socklen_t size)
{
    static int (*real)(int, int, int, const void *, socklen_t);
    const int limit = LIMIT;
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "setsockopt");
    if (level == SOL_SOCKET && (option == SO_RCVBUF || option == SO_SNDBUF))
        return real(fd, level, option, &limit, sizeof limit);
    return real(fd, level, option, value, size);
}
