/* SPDX-License-Identifier: Apache-2.0 */
#include "host/uv/machine.h"

#include "core/address/scope.h"
#include "host/uv/address.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <uv.h>

enum { MDNS_PORT = 5353 };

static void look_at_data(const char *data, struct machine *machine)
{
    struct stat status;
    struct statvfs space;
    machine->data_there = stat(data, &status) == 0 && S_ISDIR(status.st_mode);
    if (!machine->data_there)
        return;
    machine->data_mode = status.st_mode & 07777;
    machine->data_ours = status.st_uid == geteuid();
    if (statvfs(data, &space) == 0)
        machine->free_bytes = (uint64_t)space.f_bavail * space.f_frsize;
}

int machine_buffer(int fd, int option)
{
    int got = 0;
    socklen_t size = sizeof got;
    return getsockopt(fd, SOL_SOCKET, option, &got, &size) == 0 ? got / 2 : 0;
}

static void look_at_buffers(struct machine *machine)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), size = MACHINE_UDP_BUFFER;
    if (fd < 0)
        return;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    machine->receive_buffer = machine_buffer(fd, SO_RCVBUF);
    machine->send_buffer = machine_buffer(fd, SO_SNDBUF);
    (void)close(fd);
}

/* Shared in both ways that mDNS programs do: then only one that does not share is in the way. */
static bool port_taken(uint16_t port)
{
    const struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = 1;
    if (fd < 0)
        return false;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    bool taken = bind(fd, (const struct sockaddr *)&any, sizeof any) != 0 && errno == EADDRINUSE;
    (void)close(fd);
    return taken;
}

static void look_at_addresses(struct machine *machine)
{
    uv_interface_address_t *all;
    struct tally_address address;
    int count;
    machine->networked = true;
    if (uv_interface_addresses(&all, &count) != 0)
        return; /* Nobody knows. */
    machine->networked = false;
    for (int i = 0; i < count; i++) {
        if (!address_of_socket((const struct sockaddr *)&all[i].address, &address))
            continue;
        enum address_scope scope = address_scope_of(&address);
        machine->networked = machine->networked || scope != ADDRESS_LOOPBACK;
        machine->global = machine->global || scope == ADDRESS_GLOBAL;
    }
    uv_free_interface_addresses(all, count);
}

void machine_look(const char *data, struct machine *machine)
{
    *machine = (struct machine){0};
    look_at_data(data, machine);
    look_at_buffers(machine);
    machine->mdns_port_taken = port_taken(MDNS_PORT);
    look_at_addresses(machine);
}
