/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/trust.h"

#include "core/address/peer_id.h"
#include "core/base/bytes.h"
#include "core/federation/replay.h"
#include "host/config/keys.h"

#include <stdlib.h>
#include <time.h>

/* How much of an id is enough: what all begin with, "did:key:z6Mk" and "12D3KooW", and some. */
enum { LEAST_DID = 16, LEAST_ID = 12 };

static bool no_memory(struct trust *trust, struct call *call)
{
    trust->shelf.code = call_fail_with(call, EXIT_FAILED, TALLY_NO_MEMORY, NULL, "out of memory");
    return false;
}

/* Whose statements are to be folded; false: there is nobody, which was said. */
static bool choose(struct trust *trust, struct call *call)
{
    const char *of = call_option(call, "of");
    trust->fold.self = trust->shelf.key;
    return of == NULL || trust_party(trust, call, of, &trust->fold.self, &trust->shelf.code);
}

/* Whose agreements they are is known by now; what of them holds is a question of the time. */
static void agree(struct trust *trust)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    fold_lend(&trust->fold, trust->pairs, TALLY_PAIRS_MAX);
    trust->fold.agreements.clock.us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Which keys are revoked, and which recovery keys were named. */
static void read_revoked(struct trust *trust)
{
    const struct tally_ledger *ledger = &trust->shelf.ledger;
    const struct tally_crypto crypto = keys_verifier();
    struct tally_log_view view;
    for (size_t i = 0; ledger->log(ledger->context, i, &view); i++)
        if (strcmp(view.name_space, TALLY_STATEMENTS) == 0)
            (void)replay_keys(&trust->revoked, ledger, &view, 0);
    replay_revoked(&trust->revoked, ledger, &crypto);
}

bool trust_open(struct trust *trust, struct call *call, bool new)
{
    const struct tally_key nobody = {{0}};
    *trust = (struct trust){.parties = calloc(TALLY_PARTIES_MAX, sizeof *trust->parties),
                            .pairs = calloc(TALLY_PAIRS_MAX, sizeof *trust->pairs)};
    trust->shelf.call = call;
    if (!revoked_new(&trust->revoked, TALLY_REVOKED_MAX) || trust->parties == NULL ||
        trust->pairs == NULL)
        return no_memory(trust, call);
    fold_init(&trust->fold, &nobody, trust->parties, TALLY_PARTIES_MAX);
    trust->fold.revoked = &trust->revoked;
    trust->fold.discrepancies = discrepancies_new(&nobody, DISCREPANCIES_MAX);
    trust->fold.schemas = schemas_new(SCHEMAS_MAX);
    trust->fold.outsides = outsides_new(TALLY_WITNESSES_MAX);
    trust->fold.receptions = receptions_new(TALLY_PARTIES_MAX);
    if (trust->fold.discrepancies == NULL || trust->fold.schemas == NULL ||
        trust->fold.outsides == NULL || trust->fold.receptions == NULL)
        return no_memory(trust, call);
    if (!shelf_data(call, trust->shelf.data, &trust->shelf.code))
        return false;
    if (new && !paths_is_data(trust->shelf.data))
        return true;
    if (!shelf_open(&trust->shelf, call))
        return false;
    read_revoked(trust);
    if (!choose(trust, call))
        return false;
    uint8_t *room = malloc(TALLY_ENTRIES_MAX);
    if (room == NULL)
        return no_memory(trust, call);
    trust->known = true;
    agree(trust);
    trust->fold.discrepancies->reporter = trust->fold.self;
    (void)replay_own(&trust->fold, &trust->shelf.ledger, room);
    (void)replay_arbiters(&trust->fold, &trust->shelf.ledger, UINT64_MAX);
    replay_others(&trust->fold, &trust->shelf.ledger, room);
    free(room);
    return true;
}

void trust_close(struct trust *trust)
{
    shelf_close(&trust->shelf);
    free(trust->parties);
    discrepancies_free(trust->fold.discrepancies);
    schemas_free(trust->fold.schemas);
    outsides_free(trust->fold.outsides);
    free(trust->fold.receptions);
    free(trust->pairs);
    revoked_free(&trust->revoked);
}

/* Parties whose id, in either form, begins with the word; *key is the last. */
static unsigned count_parties(const struct trust *trust, const char *word, struct tally_key *key)
{
    unsigned count = 0;
    size_t size = strlen(word);
    for (size_t i = 0; i < trust->fold.count; i++) {
        char did[TALLY_DID_SIZE + 1], id[PEER_ID_TEXT_MAX];
        tally_did_write(&trust->fold.parties[i].key, did);
        (void)peer_id_print_key(&trust->fold.parties[i].key, id);
        if (strncmp(did, word, size) != 0 && strncmp(id, word, size) != 0)
            continue;
        *key = trust->fold.parties[i].key;
        count++;
    }
    return count;
}

bool trust_party(const struct trust *trust, struct call *call, const char *word,
                 struct tally_key *key, enum exit_code *code)
{
    if (peer_id_parse_key(word, key) || tally_did_read(bytes_text(word), key, NULL))
        return true;
    size_t least = strncmp(word, "did:", 4) == 0 ? LEAST_DID : LEAST_ID;
    unsigned count = strlen(word) >= least ? count_parties(trust, word, key) : 0;
    if (count == 1)
        return true;
    if (count > 1)
        *code =
            call_fail_with(call, EXIT_NOT_FOUND, TALLY_NOT_FOUND, word,
                           "%u parties begin with \"%.100s\": give more of the id", count, word);
    else
        *code = call_usage(call,
                           "\"%.100s\" is no party: give a did:key, a peer id (12D3KooW...), or "
                           "the beginning of one that tally federation list shows",
                           word);
    return false;
}
