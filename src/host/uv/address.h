/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UV_ADDRESS_H
#define UV_ADDRESS_H
/* Addresses between the core's one form (IPv4 mapped into IPv6) and the system's sockaddr. */
#include "tally/types.h"
#include <netinet/in.h>
#include <sys/socket.h>

enum { ADDRESS_TEXT_MAX = 64 };

/* Reads what a socket reported; false for another family. */
bool address_of_socket(const struct sockaddr *from, struct tally_address *address);

/* As a sockaddr of the socket's family; false for an IPv6 address on an IPv4 socket. */
bool address_to_socket(const struct tally_address *address, int family,
                       struct sockaddr_storage *to);

/* Whether it is IPv4, mapped. */
bool address_is_v4(const struct tally_address *address);

/* Whether it stands for all addresses of the machine: :: or 0.0.0.0. */
bool address_is_any(const struct tally_address *address);

/* Reads an IP address without a port; false if text is none. */
bool address_read(const char *text, struct tally_address *address);

/* "127.0.0.1:4001" or "[::1]:4001". */
void address_write(const struct tally_address *address, char text[ADDRESS_TEXT_MAX]);

/* "127.0.0.1" or "::1". */
void address_write_ip(const struct tally_address *address, char text[ADDRESS_TEXT_MAX]);

#endif
