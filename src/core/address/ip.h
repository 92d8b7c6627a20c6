/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ADDRESS_IP_H
#define ADDRESS_IP_H
/* Text forms of IP addresses: dotted decimal, and RFC 4291 section 2.2 read, RFC 5952 written. */
#include "tally/types.h"

enum { IP4_TEXT_MAX = 16, IP6_TEXT_MAX = 46 }; /* With the NUL. */

/* Exactly "1.2.3.4": no leading zeros, nothing after. */
bool ip4_parse(struct tally_bytes text, uint8_t ip[4]);
size_t ip4_print(const uint8_t ip[4], char text[IP4_TEXT_MAX]);

bool ip6_parse(struct tally_bytes text, uint8_t ip[16]);
size_t ip6_print(const uint8_t ip[16], char text[IP6_TEXT_MAX]);

/* A decimal number up to greatest, without leading zeros; nothing before or after. */
bool decimal_parse(struct tally_bytes text, uint32_t greatest, uint32_t *value);
size_t decimal_print(uint32_t value, char *text); /* At most 10 digits, and a NUL. */

#endif
