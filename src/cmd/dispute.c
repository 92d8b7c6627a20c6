/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/dispute.h"

#include "core/base/bytes.h"
#include "core/base/hex.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The log of statements that were folded. */
static bool statements_find(struct trust *trust, const struct discrepancy *one,
                            struct shelf_log *log)
{
    char origin[TALLY_ORIGIN_MAX + 1];
    size_t size = tally_origin_write(&one->reporter, bytes_text(TALLY_STATEMENTS), origin);
    origin[size] = '\0';
    return shelf_find(&trust->shelf, origin, log);
}

void dispute_read(struct trust *trust, const struct discrepancy *one, struct dispute_view *view)
{
    struct shelf_log log;
    struct shelf_receipt found;
    struct fed_statement said;
    size_t size;
    view->one = one;
    view->whole = false;
    if (!statements_find(trust, one, &log) ||
        !shelf_receipt(&trust->shelf, &log, one->index, &found))
        return;
    view->receipt = found.hash;
    view->time = found.receipt.time;
    uint8_t *body = shelf_body(&trust->shelf, &log, one->index, &size);
    if (body != NULL && size <= sizeof view->body) {
        memcpy(view->body, body, size);
        view->whole =
            fed_read(found.receipt.type, bytes_of(view->body, size), &said) == TALLY_DROP_NONE &&
            said.kind == FED_DISCREPANCY;
        view->said = said.discrepancy;
    }
    free(body);
}

static const struct discrepancy *find_hash(struct trust *trust, const struct tally_hash *hash)
{
    const struct discrepancies *all = trust->fold.discrepancies;
    struct shelf_log log;
    for (size_t i = 0; i < all->count; i++) {
        struct shelf_receipt found;
        if (statements_find(trust, &all->list[i], &log) &&
            shelf_receipt(&trust->shelf, &log, all->list[i].index, &found) &&
            hash_equal(&found.hash, hash))
            return &all->list[i];
    }
    return NULL;
}

const struct discrepancy *dispute_find(struct trust *trust, const char *word, enum exit_code *code)
{
    struct call *call = trust->shelf.call;
    const struct discrepancy *one = NULL;
    struct tally_hash hash;
    if (hex_read(word, hash.bytes, sizeof hash.bytes)) {
        one = find_hash(trust, &hash);
    } else {
        char *end;
        uint64_t index = strtoull(word, &end, 10);
        if (*word < '0' || *word > '9' || *end != '\0') {
            *code = call_usage(call,
                               "\"%.80s\" is no discrepancy: give the number that tally "
                               "discrepancy list shows, or the hash of its receipt",
                               word);
            return NULL;
        }
        one = discrepancy_find(trust->fold.discrepancies, index);
    }
    if (one == NULL)
        *code = call_fail_with(call, EXIT_NOT_FOUND, TALLY_NOT_FOUND, word,
                               "there is no discrepancy %.80s: tally discrepancy list --all shows "
                               "those that are remembered",
                               word);
    return one;
}

void dispute_log(const struct trust *trust, const struct discrepancy *one,
                 char text[TALLY_ORIGIN_MAX + 1])
{
    const struct tally_ledger *ledger = &trust->shelf.ledger;
    struct tally_log_view view;
    text[0] = '\0';
    if (!one->has_log)
        return;
    if (ledger->find(ledger->context, &one->log, &view))
        (void)snprintf(text, TALLY_ORIGIN_MAX + 1, "%s", view.origin);
    else
        hex_write(bytes_of(one->log.bytes, sizeof one->log.bytes), text);
}
