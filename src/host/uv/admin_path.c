/* SPDX-License-Identifier: Apache-2.0 */
#include "host/uv/admin_path.h"

#include <stdio.h>

void admin_path(const char *data, int folder, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    int size = snprintf(address->sun_path, sizeof address->sun_path, "%s/%s", data, ADMIN_SOCKET);
    if (size < 0 || (size_t)size >= sizeof address->sun_path)
        (void)snprintf(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d/%s", folder,
                       ADMIN_SOCKET);
}
