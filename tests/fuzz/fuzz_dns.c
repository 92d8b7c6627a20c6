/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of DNS: the input is one answer after the other, each with its length in front, given to
 * whatever is asked. What is found is bounded, and each question is one that may be asked.
 */
#include "core/base/bytes.h"
#include "host/uv/dns.h"
#include "host/uv/dns_message.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct answers {
    struct tally_bytes rest;
    unsigned asked;
};

static bool next(void *context, const char *name, int type, ns_msg *message)
{
    struct answers *answers = context;
    struct tally_bytes *rest = &answers->rest;
    assert(dns_name_valid(name) &&
           (type == ns_t_a || type == ns_t_aaaa || type == ns_t_txt || type == ns_t_srv));
    assert(++answers->asked <= DNS_QUERIES_MAX);
    if (rest->size < 2)
        return false;
    size_t size = (size_t)rest->data[0] << 8 | rest->data[1];
    size = size < rest->size - 2 ? size : rest->size - 2;
    const uint8_t *at = rest->data + 2;
    *rest = bytes_of(at + size, rest->size - 2 - size);
    return ns_initparse(at, (int)size, message) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int domain = 0; domain < 2; domain++) {
        struct answers answers = {.rest = bytes_of(data, size)};
        struct dns_found found = {.count = 0};
        const struct dns_question question = {
            .name = "example.org", .domain = domain == 1, .port = 4001};
        dns_search(&question, next, &answers, &found);
        assert(found.count <= (domain == 1 ? DNS_ANSWERS_MAX : DNS_HOST_ANSWERS));
        for (size_t i = 0; i < found.count; i++)
            assert(found.list[i].address.port != 0 || domain == 1);
    }
    return 0;
}
