/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What DNS says of a name, by the node's own resolver: for tests/e2e/names.py.
 *
 *     resolve NAME               a domain: SRV and TXT records of nodes
 *     resolve host NAME [4 | 6]  addresses of one host, port 4001
 *
 * Prints the error's name, then a multiaddr a line.
 */
#include "core/address/multiaddr.h"
#include "host/uv/dns.h"

#include <stdio.h>
#include <string.h>

int main(int count, char **arguments)
{
    struct dns_found found;
    struct dns_question question = {.domain = count == 2, .port = 4001};
    atomic_bool stop = false;
    if (count < 2 || (!question.domain && strcmp(arguments[1], "host") != 0))
        return 2;
    if (count > 3)
        question.family = arguments[3][0] == '4' ? DNS_IP4 : DNS_IP6;
    (void)snprintf(question.name, sizeof question.name, "%s", arguments[question.domain ? 1 : 2]);
    dns_find(&question, &stop, &found);
    (void)printf("%s\n", tally_error_name(found.error));
    for (size_t i = 0; i < found.count; i++) {
        const struct tally_resolved *one = &found.list[i];
        char text[MULTIADDR_TEXT_MAX] = "";
        bool tcp = one->transport == TALLY_TRANSPORT_TCP;
        (void)multiaddr_write_text(&one->address, tcp ? MULTIADDR_TCP : MULTIADDR_UDP,
                                   one->has_key ? &one->key : NULL, text, sizeof text);
        (void)printf("%s\n", text);
    }
    return 0;
}
