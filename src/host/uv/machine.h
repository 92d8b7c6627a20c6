/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UV_MACHINE_H
#define UV_MACHINE_H
/*
 * What tally doctor can see of the machine, with a running node or without: nothing is changed, and
 * nothing is sent.
 */
#include <stdbool.h>
#include <stdint.h>

/* Asked for, each way: 1,700 datagrams, what arrives during a step of 10 ms. */
enum { MACHINE_UDP_BUFFER = 2 << 20 };

struct machine {
    bool data_there; /* There is a data directory. */
    bool data_ours;  /* It is this user's, */
    unsigned data_mode;
    uint64_t free_bytes;             /* On its file system; 0 if nobody knows. */
    int receive_buffer, send_buffer; /* Bytes the system gives of MACHINE_UDP_BUFFER; 0: unknown. */
    bool mdns_port_taken;            /* Somebody has port 5353 and does not share it. */
    bool networked;                  /* There is an address but loopback, */
    bool global;                     /* and one of the wide network. */
};

void machine_look(const char *data, struct machine *machine);

/* What a socket got, in bytes that can be used: Linux tells twice of it (socket(7)). */
int machine_buffer(int fd, int option);

#endif
