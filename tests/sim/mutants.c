/* SPDX-License-Identifier: Apache-2.0 */
/* What the core does wrong. */
#include "mutants.h"
#include "core/address/hygiene.h"
#include "core/base/outbox.h"
#include "core/base/replay.h"
#include "core/federation/replay.h"
#include "core/libp2p/channel.h"
#include "core/log/guard.h"
#include "core/peers/greet.h"
#include "core/peers/room.h"
#include "core/sync/sync.h"
#include "tally/log.h"
#include "tally/receipt.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum mutant broken;

/* ---- What comes in. ---- */

WRAP(bool, replay_fresh, const struct replay *replay, uint64_t counter)
{
    return broken == MUTANT_COUNTER || __real_replay_fresh(replay, counter);
}

WRAP(void, replay_take, struct replay *replay, uint64_t counter)
{
    if (broken != MUTANT_COUNTER || __real_replay_fresh(replay, counter))
        __real_replay_take(replay, counter);
}

WRAP(enum tally_drop, tally_package_open, const struct tally_package_job *job,
     struct tally_bytes compact, const struct tally_crypto *crypto, struct tally_package *package)
{
    struct tally_package_job trusting = *job;
    trusting.signatures = job->signatures && broken != MUTANT_RECEIPT;
    return __real_tally_package_open(&trusting, compact, crypto, package);
}

WRAP(void, sync_on_space, struct sync *sync, struct tally_now now, bool writable)
{
    assert(broken != MUTANT_DIES || writable);
    if (broken != MUTANT_CONVERGED || !writable)
        __real_sync_on_space(sync, now, writable);
}

WRAP(void, link_count, struct peers *peers, struct peer *peer, bool linked, bool mesh)
{
    if (broken != MUTANT_HOLDS || linked)
        __real_link_count(peers, peer, linked, mesh);
}

WRAP(uint64_t, revoked_limit, const struct revoked *revoked, const struct tally_key *key,
     const struct tally_hash *origin)
{
    return broken == MUTANT_REVOKED ? UINT64_MAX : __real_revoked_limit(revoked, key, origin);
}

WRAP(size_t, tally_fork_write, struct tally_bytes one, struct tally_bytes other,
     const struct tally_hash *prefix, const struct tally_hash *proof, size_t count,
     const struct tally_vkey *vkey, const struct tally_crypto *crypto,
     uint8_t bytes[TALLY_FORK_MAX])
{
    size_t size = __real_tally_fork_write(one, other, prefix, proof, count, vkey, crypto, bytes);
    if (broken == MUTANT_ACCUSED && size > 0)
        bytes[size / 2] ^= 1;
    return size;
}

/* ---- What goes out. ---- */

WRAP(void, outbox_send, struct outbox *outbox, const struct tally_address *to,
     struct tally_bytes bytes)
{
    void *volatile piece = broken == MUTANT_ALLOCATES ? malloc(1) : NULL;
    free(piece);
    if (broken != MUTANT_DATAGRAM || bytes.size < TALLY_DATAGRAM_MAX) {
        __real_outbox_send(outbox, to, bytes);
        return;
    }
    uint8_t *more = outbox_take(outbox, bytes.size + 1);
    memcpy(more, bytes.data, bytes.size);
    more[bytes.size] = 0;
    struct tally_action *action = outbox_add(outbox, TALLY_ACTION_SEND);
    action->send.to = *to;
    action->send.bytes = (struct tally_bytes){more, bytes.size + 1};
}

WRAP(struct tally_bytes, outbox_copy, struct outbox *outbox, struct tally_bytes bytes)
{
    if (broken != MUTANT_PACKET || bytes.size > TALLY_MDNS_PACKET_MAX)
        return __real_outbox_copy(outbox, bytes);
    uint8_t *more = outbox_take(outbox, TALLY_MDNS_PACKET_MAX + 1);
    memset(more, 0, TALLY_MDNS_PACKET_MAX + 1);
    memcpy(more, bytes.data, bytes.size);
    return (struct tally_bytes){more, TALLY_MDNS_PACKET_MAX + 1};
}

WRAP(enum greet_verdict, greet_choose, const struct peers *peers, const struct peer *peer,
     struct tally_now now, size_t *index, struct tally_mono *later)
{
    enum greet_verdict verdict = __real_greet_choose(peers, peer, now, index, later);
    if (broken == MUTANT_ESTRANGED && peer->rtt_us > 0)
        return GREET_NEVER;
    if (broken != MUTANT_UNPROVED || verdict == GREET_NOW || peer->address_count == 0)
        return verdict;
    *index = 0;
    return GREET_NOW;
}

WRAP(struct tally_bytes, channel_output, struct channel *channel, size_t room)
{
    return __real_channel_output(channel, broken == MUTANT_ROOM ? SIZE_MAX : room);
}

WRAP(enum tally_hygiene, address_may_dial, const struct address_policy *policy,
     const struct tally_address *address, enum tally_source source)
{
    return broken == MUTANT_SCOPE ? TALLY_HYGIENE_ALLOWED
                                  : __real_address_may_dial(policy, address, source);
}

WRAP(enum tally_hygiene, address_may_announce, const struct tally_address *address)
{
    return broken == MUTANT_SCOPE ? TALLY_HYGIENE_ALLOWED : __real_address_may_announce(address);
}

WRAP(enum tally_hygiene, address_may_tell, const struct address_policy *policy,
     const struct tally_address *address, const struct tally_address *remote)
{
    return broken == MUTANT_SCOPE ? TALLY_HYGIENE_ALLOWED
                                  : __real_address_may_tell(policy, address, remote);
}

/* ---- What is written. ---- */

WRAP(bool, replay_whole, const struct revoked *revoked, const struct tally_ledger *ledger,
     const struct tally_key *key)
{
    return broken != MUTANT_ENDED && __real_replay_whole(revoked, ledger, key);
}

WRAP(enum tally_error, guard_refusal, const struct guard *guard)
{
    return broken == MUTANT_GUARD ? TALLY_OK : __real_guard_refusal(guard);
}

WRAP(size_t, tally_receipt_write, struct tally_receipt *receipt, const struct tally_crypto *crypto,
     uint8_t envelope[TALLY_ENVELOPE_MAX])
{
    receipt->previous.bytes[0] ^= broken == MUTANT_CHAIN && receipt->sequence > 0;
    receipt->body_hash.bytes[0] ^= broken == MUTANT_BODY;
    return __real_tally_receipt_write(receipt, crypto, envelope);
}

WRAP(size_t, tally_checkpoint_sign, const struct tally_checkpoint *checkpoint,
     const struct tally_vkey *vkey, const struct tally_crypto *crypto,
     uint8_t note[TALLY_CHECKPOINT_MAX])
{
    struct tally_checkpoint other = *checkpoint;
    other.root.bytes[0] ^= broken == MUTANT_NOTE;
    return __real_tally_checkpoint_sign(&other, vkey, crypto, note);
}

/* ---- The command. ---- */

WRAP(int, main, int count, char **words)
{
    static const char *const names[] = {"",
#define X(check, name) #name,
                                        MUTANTS(X)
#undef X
    };
    if (count < 3 || strcmp(words[1], "--break") != 0)
        return __real_main(count, words);
    for (size_t i = 1; i < sizeof names / sizeof *names; i++)
        if (strcmp(words[2], names[i]) == 0)
            broken = (enum mutant)i;
    if (broken == NOTHING) {
        fprintf(stderr, "nothing that is called %s can be broken\n", words[2]);
        return 2;
    }
    words[2] = words[0];
    return __real_main(count - 2, words + 2);
}
