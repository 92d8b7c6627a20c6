/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time-stamp tokens: whatever OpenSSL makes of them, a verdict comes out; and nothing but the
 * seeds' own TSTInfo is ever verified, whatever is changed around it. The reader is asked in this
 * process, so that a crash is found.
 */
#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "core/crypto/hash.h"
#include "host/anchors/token.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The root of the seeds' authority; its key is thrown away. */
static const char root[] = "-----BEGIN CERTIFICATE-----\n"
                           "MIIBaTCCAQ6gAwIBAgIUHOoDxYjeVwzai4hFUKuJIJXY8zowCgYIKoZIzj0EAwIw\n"
                           "EjEQMA4GA1UEAwwHdGVzdCBjYTAeFw0yNjExMzAwMjU3MjhaFw0zNjExMjcwMjU3\n"
                           "MjhaMBIxEDAOBgNVBAMMB3Rlc3QgY2EwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC\n"
                           "AASYOOxDuInXaGOHecNlh92o27anJVsuJEuCmrNnwkTd0OQexyeN2fcS7e1UHzw9\n"
                           "+x4+12mp7DhqFwjdsttni7ZFo0IwQDAPBgNVHRMBAf8EBTADAQH/MA4GA1UdDwEB\n"
                           "/wQEAwIBBjAdBgNVHQ4EFgQU3PZ+mq1dkbeE7TfkbhLXu0KU6E0wCgYIKoZIzj0E\n"
                           "AwIDSQAwRgIhAIhSXpuNmssvlFgMJ70NbQ98RVVDdDfgT31KPblJYPyvAiEAnGPw\n"
                           "U+ETgUH56CZCzECco57Nu7q/yn4mcI7BPczO24c=\n"
                           "-----END CERTIFICATE-----\n";

/* SHA-256 of the TSTInfo in the seeds. */
#define IDENTITY "5d9e4285716fe917fc87babee591486a9358997db136c6090067101ee48d8d1b"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t stamped[32];
    struct token_question question = {.now_ms = INT64_MAX / 2,
                                      .accuracy_max_ms = 60000,
                                      .imprint_count = 1,
                                      .policy_count = 1,
                                      .policies = {"1.3.6.1.4.1.32473.1.1"},
                                      .roots_size = sizeof root - 1};
    struct token_answer answer;
    char identity[65];
    hash_sha256(bytes_of(stamped, sizeof stamped), &question.imprints[0]);
    token_read(&question, bytes_text(root), bytes_of(NULL, 0), bytes_of(data, size), &answer);
    hex_write(bytes_of(answer.identity.bytes, sizeof answer.identity.bytes), identity);
    if (answer.reason == TALLY_ANCHOR_IS_VERIFIED && strcmp(identity, IDENTITY) != 0)
        abort();
    if (size > TOKEN_MAX && answer.reason != TALLY_ANCHOR_IS_SIZE)
        abort();
    return 0;
}
