/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UV_ADMIN_PATH_H
#define UV_ADMIN_PATH_H
/* Where the admin socket is: admin.sock in the data directory. */
#include "host/config/complaint.h"
#include <sys/socket.h>
#include <sys/un.h>

#define ADMIN_SOCKET "admin.sock"

/*
 * The address of the socket below an open data directory. A path that is too long for the system
 * (107 bytes) goes by way of /proc/self/fd/<folder>, so the folder must stay open while it is used.
 */
void admin_path(const char *data, int folder, struct sockaddr_un *address);

#endif
