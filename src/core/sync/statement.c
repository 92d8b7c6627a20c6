/* SPDX-License-Identifier: Apache-2.0 */
#include "core/sync/statement.h"

#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "core/sync/asker.h"

#include <assert.h>

enum { BODY_MAX = 4096 };

/* Text under construction; what does not fit is an error of ours, the bounds make it fit. */
struct text {
    char *data;
    size_t size, capacity;
};

static void add(struct text *text, const char *more)
{
    size_t size = strlen(more);
    assert(text->size + size <= text->capacity);
    memcpy(text->data + text->size, more, size);
    text->size += size;
}

static void add_number(struct text *text, uint64_t number)
{
    char digits[21];
    size_t at = sizeof digits - 1;
    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    add(text, digits + at);
}

static void add_hash(struct text *text, const struct tally_hash *hash)
{
    char hex[2 * sizeof hash->bytes + 1];
    hex_write(bytes_of(hash->bytes, sizeof hash->bytes), hex);
    add(text, hex);
}

static void add_did(struct text *text, const struct tally_key *key)
{
    char did[TALLY_DID_SIZE + 1];
    tally_did_write(key, did);
    add(text, did);
}

/* Members in the order of RFC 8785; origins have no character that JSON escapes. */
static void add_logs(struct text *text, const struct sync *sync, const struct sync_range *ranges,
                     unsigned count)
{
    const struct tally_ledger *ledger = sync->options.ledger;
    const char *comma = "";
    add(text, "{\"logs\":[");
    for (unsigned i = 0; i < count; i++) {
        struct tally_log_view view;
        if (!ledger->find(ledger->context, &ranges[i].origin_hash, &view))
            continue;
        add(text, comma);
        add(text, "{\"from\":");
        add_number(text, ranges[i].from);
        add(text, ",\"origin\":\"");
        add(text, view.origin);
        add(text, "\",\"root\":\"");
        add_hash(text, &ranges[i].root);
        add(text, "\",\"to\":");
        add_number(text, ranges[i].to);
        add(text, "}");
        comma = ",";
    }
    add(text, "]");
}

/* event: its receipt hash in SYNC_CONFIRMED, NULL in SYNC_EVENT. */
static struct tally_bytes body_write(const struct sync *sync, const struct sync_range *ranges,
                                     unsigned count, const struct tally_key *source,
                                     const struct tally_key *target, const struct tally_hash *event,
                                     uint8_t *bytes)
{
    struct text text = {(char *)bytes, 0, BODY_MAX};
    add_logs(&text, sync, ranges, count);
    add(&text, ",\"source\":\"");
    add_did(&text, source);
    if (event != NULL) {
        add(&text, "\",\"sync_hash\":\"");
        add_hash(&text, event);
    }
    add(&text, "\",\"target\":\"");
    add_did(&text, target);
    add(&text, "\",\"type\":\"");
    add(&text, event != NULL ? STATEMENT_SYNC_CONFIRMED : STATEMENT_SYNC_EVENT);
    add(&text, "\"}");
    return bytes_of(text.data, text.size);
}

void statement_event(struct sync *sync, struct sync_server *server, const struct sync_range *ranges,
                     unsigned count, struct outbox *out)
{
    struct sync_news *news =
        outbox_room(out, 1, BODY_MAX) ? news_add(sync, SYNC_NEWS_STATE, &server->peer) : NULL;
    if (news == NULL)
        return;
    server->tag = news->tag = ++sync->uses;
    news->type = STATEMENT_SYNC_EVENT;
    news->body = body_write(sync, ranges, count, &sync->options.key, &server->peer, NULL,
                            outbox_take(out, BODY_MAX));
}

void statement_confirm(struct sync *sync, struct sync_asker *asker, struct outbox *out)
{
    struct sync_news *news =
        outbox_room(out, 1, BODY_MAX) ? news_add(sync, SYNC_NEWS_STATE, &asker->peer) : NULL;
    if (news == NULL)
        return;
    asker->tag = news->tag = ++sync->uses;
    news->type = STATEMENT_SYNC_CONFIRMED;
    news->reference = asker->event;
    news->has_reference = true;
    news->body = body_write(sync, asker->told, asker->told_count, &asker->peer, &sync->options.key,
                            &asker->event, outbox_take(out, BODY_MAX));
}

bool statement_agrees(struct sync *sync, const struct sync_asker *asker, struct tally_bytes body)
{
    uint8_t expected[BODY_MAX];
    return bytes_equal(body, body_write(sync, asker->told, asker->told_count, &asker->peer,
                                        &sync->options.key, NULL, expected));
}

enum tally_drop statement_check(struct tally_bytes envelope, struct tally_bytes body,
                                const struct tally_key *issuer, const char *type,
                                const struct tally_hash *cited, const struct tally_crypto *crypto)
{
    struct tally_receipt receipt;
    enum tally_drop drop = tally_receipt_read(envelope, &receipt);
    if (drop != TALLY_DROP_NONE)
        return drop;
    if (!key_equal(&receipt.issuer, issuer) ||
        !bytes_equal(receipt.name_space, bytes_text(TALLY_STATEMENTS)) ||
        !bytes_equal(receipt.type, bytes_text(type)))
        return TALLY_DROP_REFUSED;
    if (cited != NULL &&
        (receipt.reference_count != 1 || receipt.references[0].kind != TALLY_REFERENCE_RECEIPT ||
         !hash_equal(&receipt.references[0].hash, cited)))
        return TALLY_DROP_REFUSED;
    drop = tally_receipt_body(&receipt, body);
    return drop != TALLY_DROP_NONE ? drop : tally_receipt_verify(envelope, crypto);
}

size_t statement_compose(struct sync *sync, uint64_t index, uint32_t request, bool confirmed,
                         uint8_t *frame, size_t capacity, struct tally_hash *receipt)
{
    const struct tally_ledger *ledger = sync->options.ledger;
    uint8_t envelope[TALLY_ENVELOPE_MAX], body[BODY_MAX];
    size_t body_size = 0;
    size_t size =
        ledger->entry(ledger->context, &sync->statements, index, envelope, sizeof envelope);
    if (size == 0 ||
        !ledger->body(ledger->context, &sync->statements, index, 0, body, sizeof body,
                      &body_size) ||
        body_size > sizeof body)
        return 0;
    tally_receipt_hash(bytes_of(envelope, size), receipt);
    struct tally_sync_frame message = {
        .kind = confirmed ? TALLY_SYNC_CONFIRMED : TALLY_SYNC_CONFIRM, .request = request};
    if (confirmed) {
        message.confirmed.envelope = bytes_of(envelope, size);
        message.confirmed.body = bytes_of(body, body_size);
    } else {
        message.confirm.envelope = bytes_of(envelope, size);
        message.confirm.body = bytes_of(body, body_size);
    }
    return sync_frame_put(&message, frame, capacity);
}
