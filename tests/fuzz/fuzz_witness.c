/* SPDX-License-Identifier: Apache-2.0 */
/* An add-checkpoint request that is read is written again as the same bytes, and judged without
   harm; so are policies, answers and streams of whatever the bytes are. */
#include "core/base/bytes.h"
#include "core/base/outbox.h"
#include "core/witness/witness.h"
#include "tally/policy.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool accept(void *context, const struct tally_key *key, struct tally_bytes message,
                   const struct tally_signature *signature)
{
    return true;
}

static const struct tally_crypto crypto = {.verify = accept};

static void request(struct tally_bytes bytes)
{
    static uint8_t again[TALLY_WITNESS_REQUEST_MAX];
    static const struct tally_witnessed held = {.size = 3};
    static struct tally_witness_request read;
    struct tally_witness_verdict verdict;
    struct tally_vkey vkey;
    if (tally_witness_read(bytes, &read) != TALLY_DROP_NONE)
        return;
    size_t size =
        tally_witness_write(read.old, read.proof, read.count, read.bytes, again, sizeof again);
    if (!bytes_equal(bytes, bytes_of(again, size)))
        abort();
    if (tally_vkey_of_origin(&vkey, read.origin))
        tally_witness_judge(&read, &vkey, 1, &held, &crypto, &verdict);
}

static void policy(struct tally_bytes bytes)
{
    static struct tally_policy *read;
    static struct tally_finality finality;
    size_t line;
    if (read == NULL)
        read = malloc(sizeof *read);
    if (read == NULL || tally_policy_read(bytes, read, &line) != TALLY_POLICY_GOOD)
        return;
    tally_policy_judge(read, bytes, 0, &crypto, &finality);
}

static bool find(void *context, const struct tally_hash *origin, struct tally_log_view *view)
{
    return false;
}

static bool at(void *context, size_t index, struct tally_log_view *view)
{
    return false;
}

/* A stream of somebody's. */
static void stream(struct tally_bytes bytes)
{
    static struct witness witness;
    static struct tally_action actions[64];
    static uint8_t arena[1 << 18], frame[WITNESS_ROOM];
    static const struct tally_ledger ledger = {.find = find, .log = at};
    static const struct tally_cosigner cosigner;
    static struct fold fold;
    static struct outbox out;
    const struct tally_now now = {{1000}, {1}};
    const struct tally_key peer = {{1}};
    const struct witness_options options = {.logs_max = 1,
                                            .servers = 1,
                                            .own_max = 1,
                                            .ledger = &ledger,
                                            .fold = &fold,
                                            .crypto = &crypto,
                                            .cosigner = &cosigner};
    if (witness.news == NULL && !witness_new(&witness, &options, now))
        abort();
    outbox_init(&out, actions, 64, arena, sizeof arena);
    if (!witness_accepted(&witness, &peer, 1))
        abort();
    enum tally_drop drop = witness_receive(&witness, now, 1, bytes, &out);
    while (drop == TALLY_DROP_NONE && witness_wants(&witness, 1) > 0 &&
           witness_compose(&witness, now, 1, frame, sizeof frame) > 0)
        continue;
    struct witness_news news;
    while (witness_next_news(&witness, &news))
        continue;
    witness_closed(&witness, now, &peer, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tally_bytes bytes = bytes_of(data, size);
    uint64_t number;
    (void)tally_witness_read_size(bytes, &number);
    request(bytes);
    policy(bytes);
    stream(bytes);
    return 0;
}
