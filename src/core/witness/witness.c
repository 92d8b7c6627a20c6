/* SPDX-License-Identifier: Apache-2.0 */
#include "core/witness/witness.h"

#include "core/base/bytes.h"
#include "core/witness/inside.h"

#include <assert.h>
#include <stdlib.h>

/* A statement becomes durable within a second; then it is not said twice. */
enum { STATED_MS = 10000 };

bool witness_new(struct witness *witness, const struct witness_options *options,
                 struct tally_now now)
{
    *witness = (struct witness){
        .options = *options, .random = {options->seed}, .stated = {now.mono.ms}, .writable = true};
    bucket_init(&witness->rate, WITNESS_RATE, WITNESS_RATE, now.mono);
    witness->drops = calloc(TALLY_DROP_COUNT, sizeof *witness->drops);
    if (witness->drops == NULL || options->servers == 0)
        return witness->drops != NULL;
    witness->logs = calloc(options->logs_max, sizeof *witness->logs);
    witness->pending = calloc(WITNESS_PENDING, sizeof *witness->pending);
    witness->servers = calloc(options->servers, sizeof *witness->servers);
    witness->peers = calloc(TALLY_WITNESSES_MAX, sizeof *witness->peers);
    witness->own = calloc(options->own_max, sizeof *witness->own);
    witness->vkey = calloc(1, sizeof *witness->vkey);
    witness->sample = calloc(1, sizeof *witness->sample);
    witness->news = calloc(WITNESS_NEWS, sizeof *witness->news);
    return witness->logs != NULL && witness->pending != NULL && witness->servers != NULL &&
           witness->peers != NULL && witness->own != NULL && witness->vkey != NULL &&
           witness->sample != NULL && witness->news != NULL;
}

void witness_free(struct witness *witness)
{
    free(witness->logs);
    free(witness->pending);
    free(witness->servers);
    free(witness->peers);
    free(witness->own);
    free(witness->vkey);
    free(witness->sample);
    free(witness->news);
    free(witness->drops);
}

static bool is_on(const struct witness *witness)
{
    return witness->options.servers > 0;
}

static bool is_certified(const struct witness *witness)
{
    const struct fold *fold = witness->options.fold;
    return witness->has_key && fold->has_key[FED_KEY_WITNESS] &&
           key_equal(&fold->keys[FED_KEY_WITNESS], &witness->vkey->key);
}

void witness_start(struct witness *witness, struct tally_now now)
{
    if (!is_on(witness))
        return;
    (void)witness_key(witness, false);
    witness->barred = witness->options.restored && is_certified(witness);
    witness_logs_load(witness, now);
    witness_own_load(witness, now);
    witness_admit(witness, now);
}

uint64_t witness_seconds(struct tally_now now)
{
    return now.wall.us > 0 ? (uint64_t)now.wall.us / 1000000 : 0;
}

/* ---- Our key. ---- */

bool witness_key(struct witness *witness, bool make)
{
    const struct tally_cosigner *cosigner = witness->options.cosigner;
    struct tally_key key;
    char name[TALLY_DID_SIZE + sizeof "/witness"];
    if (witness->has_key)
        return true;
    if (cosigner->key == NULL || !cosigner->key(cosigner->context, make, &key))
        return false;
    tally_did_write(&witness->options.key, name);
    memcpy(name + TALLY_DID_SIZE, "/witness", sizeof "/witness");
    witness->has_key = tally_vkey_init(witness->vkey, bytes_text(name), TALLY_VKEY_COSIGNER, &key);
    return witness->has_key;
}

bool witness_certified(struct witness *witness, struct tally_now now, struct outbox *out)
{
    const struct fold *fold = witness->options.fold;
    if (!witness_key(witness, true))
        return false;
    if (fold->has_key[FED_KEY_WITNESS] &&
        key_equal(&fold->keys[FED_KEY_WITNESS], &witness->vkey->key))
        return true;
    if (now.mono.ms < witness->stated.ms || !outbox_room(out, 2, FED_BODY_MAX))
        return false;
    struct fed_statement statement = {.kind = FED_KEYS};
    memcpy(statement.has_key, fold->has_key, sizeof statement.has_key);
    memcpy(statement.keys, fold->keys, sizeof statement.keys);
    statement.has_key[FED_KEY_WITNESS] = true;
    statement.keys[FED_KEY_WITNESS] = witness->vkey->key;
    uint8_t body[FED_BODY_MAX];
    size_t size = fed_write(&statement, body);
    struct witness_news *news = size > 0 ? witness_news_add(witness, WITNESS_NEWS_STATE) : NULL;
    if (news == NULL)
        return false;
    news->type = fed_type(FED_KEYS);
    news->bytes = outbox_copy(out, bytes_of(body, size));
    witness->stated.ms = now.mono.ms + STATED_MS;
    return false;
}

/* ---- News. ---- */

struct witness_news *witness_news_add(struct witness *witness, enum witness_news_kind kind)
{
    if (witness->news_count == WITNESS_NEWS)
        return NULL;
    struct witness_news *news =
        &witness->news[(witness->news_first + witness->news_count++) % WITNESS_NEWS];
    *news = (struct witness_news){.kind = kind};
    return news;
}

bool witness_next_news(struct witness *witness, struct witness_news *news)
{
    if (witness->news_count == 0)
        return false;
    *news = witness->news[witness->news_first];
    witness->news_first = (witness->news_first + 1) % WITNESS_NEWS;
    witness->news_count--;
    return true;
}

/* ---- Commands and time. ---- */

void witness_command(struct witness *witness, struct tally_now now, struct tally_bytes bytes,
                     uint64_t command, struct outbox *out)
{
    const struct witness_from from = {.command = command};
    struct witness_reply reply = {.status = TALLY_WITNESS_UNKNOWN};
    if (is_on(witness) && !witness_judge(witness, now, bytes, &from, &reply, out))
        return;
    struct witness_news *news =
        is_on(witness) ? witness_news_add(witness, WITNESS_NEWS_ANSWER) : NULL;
    if (news == NULL)
        return;
    news->command = command;
    news->status = reply.status;
    news->bytes = outbox_copy(out, bytes_of(reply.bytes, reply.size));
}

static struct tally_mono least(struct tally_mono a, struct tally_mono b)
{
    return a.ms < b.ms ? a : b;
}

/* Whoever is named in a list knows nobody here to ask for a key: it is certified beforehand. */
static struct tally_mono certify_deadline(const struct witness *witness)
{
    return witness->options.foreign_count > 0 && !is_certified(witness) ? witness->stated
                                                                        : TALLY_NEVER;
}

struct tally_mono witness_deadline(const struct witness *witness)
{
    if (!is_on(witness))
        return TALLY_NEVER;
    struct tally_mono asked =
        least(witness_peers_deadline(witness), witness_outside_deadline(witness));
    return least(least(certify_deadline(witness), witness_rounds_deadline(witness)),
                 least(asked, witness_samples_deadline(witness)));
}

void witness_tick(struct witness *witness, struct tally_now now, struct outbox *out)
{
    if (!is_on(witness) || witness->news_count > WITNESS_NEWS / 2)
        return;
    if (certify_deadline(witness).ms <= now.mono.ms && !witness_certified(witness, now, out) &&
        witness->stated.ms <= now.mono.ms)
        witness->stated.ms = now.mono.ms + STATED_MS; /* No key, no room: later. */
    witness_rounds_tick(witness, now, out);
    witness_samples_tick(witness, now, out);
    witness_peers_tick(witness, now);
    witness_outside_tick(witness, now, out);
}

void witness_on_space(struct witness *witness, bool writable)
{
    witness->writable = writable;
}

void witness_on_kept(struct witness *witness, struct tally_now now, uint64_t ticket,
                     enum tally_error error)
{
    /* Of ours what could not be kept is asked for again by the next round. */
    (void)witness_judged(witness, now, ticket, error);
}

bool witness_holds(const struct witness *witness)
{
    if (!is_on(witness))
        return true;
    for (unsigned i = 0; i < WITNESS_PENDING; i++) {
        const struct witness_pending *pending = &witness->pending[i];
        if (pending->ticket == 0)
            continue;
        const struct witness_log *log = &witness->logs[pending->log];
        /* Never back, never another tree of one size, never an earlier time. */
        if (log->ticket != pending->ticket || pending->next.size < log->held.size ||
            pending->next.time_s < log->held.time_s ||
            (pending->next.size == log->held.size && log->held.size > 0 &&
             !hash_equal(&pending->next.root, &log->held.root)))
            return false;
    }
    return witness->own_count <= witness->options.own_max;
}
