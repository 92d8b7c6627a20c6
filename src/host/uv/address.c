/* SPDX-License-Identifier: Apache-2.0 */
#include "host/uv/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff}; /* RFC 4291 section 2.5.5.2 */

bool address_is_v4(const struct tally_address *address)
{
    return memcmp(address->ip, mapped, sizeof mapped) == 0;
}

bool address_is_any(const struct tally_address *address)
{
    static const uint8_t any[16];
    return memcmp(address->ip, any, sizeof any) == 0 ||
           (address_is_v4(address) && memcmp(address->ip + 12, any, 4) == 0);
}

bool address_of_socket(const struct sockaddr *from, struct tally_address *address)
{
    *address = (struct tally_address){0};
    if (from->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, from, sizeof v6);
        memcpy(address->ip, &v6.sin6_addr, sizeof address->ip);
        address->port = ntohs(v6.sin6_port);
        return true;
    }
    if (from->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, from, sizeof v4);
        memcpy(address->ip, mapped, sizeof mapped);
        memcpy(address->ip + 12, &v4.sin_addr, 4);
        address->port = ntohs(v4.sin_port);
        return true;
    }
    return false;
}

bool address_to_socket(const struct tally_address *address, int family, struct sockaddr_storage *to)
{
    memset(to, 0, sizeof *to);
    if (family == AF_INET6) {
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(address->port)};
        memcpy(&v6.sin6_addr, address->ip, sizeof address->ip);
        memcpy(to, &v6, sizeof v6);
        return true;
    }
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(address->port)};
    if (!address_is_v4(address) && !address_is_any(address))
        return false;
    memcpy(&v4.sin_addr, address->ip + 12, 4);
    memcpy(to, &v4, sizeof v4);
    return true;
}

bool address_read(const char *text, struct tally_address *address)
{
    *address = (struct tally_address){0};
    if (inet_pton(AF_INET6, text, address->ip) == 1)
        return true;
    memcpy(address->ip, mapped, sizeof mapped);
    return inet_pton(AF_INET, text, address->ip + 12) == 1;
}

void address_write_ip(const struct tally_address *address, char text[ADDRESS_TEXT_MAX])
{
    const char *written = address_is_v4(address)
                              ? inet_ntop(AF_INET, address->ip + 12, text, ADDRESS_TEXT_MAX)
                              : inet_ntop(AF_INET6, address->ip, text, ADDRESS_TEXT_MAX);
    if (written == NULL)
        text[0] = '\0';
}

void address_write(const struct tally_address *address, char text[ADDRESS_TEXT_MAX])
{
    char ip[ADDRESS_TEXT_MAX - 10];
    char whole[ADDRESS_TEXT_MAX];
    address_write_ip(address, whole);
    memcpy(ip, whole, sizeof ip);
    ip[sizeof ip - 1] = '\0';
    (void)snprintf(text, ADDRESS_TEXT_MAX, address_is_v4(address) ? "%s:%u" : "[%s]:%u", ip,
                   (unsigned)address->port);
}
