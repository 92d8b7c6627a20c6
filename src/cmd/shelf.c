/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/shelf.h"

#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "core/federation/replay.h"
#include "host/config/keys.h"
#include "host/store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

bool shelf_data(struct call *call, char data[PATHS_MAX], enum exit_code *code)
{
    const char *given = call_option(call, "data");
    if (given != NULL && given[0] == '\0') { /* A variable of a script that is not set. */
        *code = call_usage(call, "--data is empty: name a directory, or leave it out");
        return false;
    }
    if (paths_data(given, data, &call->complaint) == TALLY_OK)
        return true;
    *code = call_fail(call, "--data");
    return false;
}

/* The identity is only needed to know which logs are our own. */
static void find_key(struct shelf *shelf)
{
    struct keys *keys;
    struct complaint ignored;
    if (keys_open(shelf->data, false, &keys, &ignored) != TALLY_OK)
        return;
    shelf->key = *keys_identity(keys);
    shelf->has_key = true;
    keys_free(keys);
}

bool shelf_open(struct shelf *shelf, struct call *call)
{
    char sentence[COMPLAINT_MAX];
    *shelf = (struct shelf){.call = call};
    if (!shelf_data(call, shelf->data, &shelf->code))
        return false;
    if (!paths_is_data(shelf->data)) {
        (void)paths_no_data(shelf->data, &call->complaint);
        shelf->code = call_fail(call, shelf->data);
        return false;
    }
    find_key(shelf);
    const struct store_options options = {
        .dir = shelf->data, .key = shelf->has_key ? &shelf->key : NULL, .read_only = true};
    enum tally_error error = store_open(&options, &shelf->store, sentence, sizeof sentence);
    if (error != TALLY_OK) {
        (void)complain(&call->complaint, error, "%s", sentence);
        shelf->code = call_fail(call, shelf->data);
        return false;
    }
    shelf->ledger = store_ledger(shelf->store);
    return true;
}

void shelf_close(struct shelf *shelf)
{
    if (shelf->store != NULL)
        store_close(shelf->store);
    shelf->store = NULL;
    schemas_free(shelf->schemas);
    shelf->schemas = NULL;
    if (shelf->revoked != NULL)
        revoked_free(shelf->revoked);
    free(shelf->revoked);
    shelf->revoked = NULL;
}

uint64_t shelf_limit(struct shelf *shelf, const struct shelf_log *log)
{
    const struct tally_crypto crypto = keys_verifier();
    const struct tally_ledger *ledger = &shelf->ledger;
    struct tally_log_view view;
    if (shelf->revoked == NULL) {
        shelf->revoked = calloc(1, sizeof *shelf->revoked);
        if (shelf->revoked == NULL || !revoked_new(shelf->revoked, TALLY_REVOKED_MAX))
            return UINT64_MAX;
        for (size_t i = 0; ledger->log(ledger->context, i, &view); i++)
            if (strcmp(view.name_space, TALLY_STATEMENTS) == 0)
                (void)replay_keys(shelf->revoked, ledger, &view, 0);
        replay_revoked(shelf->revoked, ledger, &crypto);
    }
    return revoked_limit(shelf->revoked, &log->view.issuer, &log->view.origin_hash);
}

static void keep(struct shelf_log *log, const struct tally_log_view *view)
{
    log->view = *view;
    (void)snprintf(log->origin, sizeof log->origin, "%s", view->origin);
    (void)snprintf(log->name_space, sizeof log->name_space, "%s", view->name_space);
    log->view.origin = log->origin;
    log->view.name_space = log->name_space;
}

bool shelf_log_at(const struct shelf *shelf, size_t index, struct shelf_log *log)
{
    struct tally_log_view view;
    if (!shelf->ledger.log(shelf->ledger.context, index, &view))
        return false;
    keep(log, &view);
    return true;
}

static bool find_hash(const struct shelf *shelf, const struct tally_hash *hash,
                      struct shelf_log *log)
{
    struct tally_log_view view;
    if (!shelf->ledger.find(shelf->ledger.context, hash, &view))
        return false;
    keep(log, &view);
    return true;
}

/* Logs with that namespace among our own, or among all; the last is kept. */
static unsigned count_namespace(const struct shelf *shelf, const char *name, bool own,
                                struct shelf_log *log)
{
    struct tally_log_view view;
    unsigned count = 0;
    for (size_t i = 0; shelf->ledger.log(shelf->ledger.context, i, &view); i++)
        if ((view.own || !own) && strcmp(view.name_space, name) == 0) {
            keep(log, &view);
            count++;
        }
    return count;
}

bool shelf_find(struct shelf *shelf, const char *name, struct shelf_log *log)
{
    struct tally_hash hash;
    tally_origin_hash(bytes_text(name), &hash);
    if (find_hash(shelf, &hash, log) ||
        (hex_read(name, hash.bytes, sizeof hash.bytes) && find_hash(shelf, &hash, log)))
        return true;
    unsigned own = count_namespace(shelf, name, true, log);
    if (own == 1)
        return true;
    unsigned all = count_namespace(shelf, name, false, log);
    if (all == 1)
        return true;
    if (all > 1)
        shelf->code = call_fail_with(shelf->call, EXIT_NOT_FOUND, TALLY_NOT_FOUND, name,
                                     "%u issuers have a log in namespace \"%.64s\": name one by "
                                     "its origin, as tally log list shows it",
                                     all, name);
    else
        shelf->code = call_fail_with(shelf->call, EXIT_NOT_FOUND, TALLY_NOT_FOUND, name,
                                     "there is no log \"%.200s\" in %s: tally log list shows those "
                                     "there are",
                                     name, shelf->data);
    return false;
}

bool shelf_receipt(struct shelf *shelf, const struct shelf_log *log, uint64_t index,
                   struct shelf_receipt *receipt)
{
    struct call *call = shelf->call;
    const struct tally_ledger *ledger = &shelf->ledger;
    if (index >= log->view.durable) {
        shelf->code =
            call_fail_with(call, EXIT_NOT_FOUND, TALLY_NOT_FOUND, log->origin,
                           "there is no receipt %llu in %s: it has %llu", (unsigned long long)index,
                           log->origin, (unsigned long long)log->view.durable);
        return false;
    }
    receipt->size = ledger->entry(ledger->context, &log->view.origin_hash, index, receipt->envelope,
                                  sizeof receipt->envelope);
    struct tally_bytes envelope = bytes_of(receipt->envelope, receipt->size);
    if (receipt->size == 0 || tally_receipt_read(envelope, &receipt->receipt) != TALLY_DROP_NONE) {
        shelf->code = call_fail_with(call, EXIT_UNVERIFIED, TALLY_DAMAGED, log->origin,
                                     "receipt %llu of %s cannot be read back: run tally fsck",
                                     (unsigned long long)index, log->origin);
        return false;
    }
    tally_receipt_hash(envelope, &receipt->hash);
    return true;
}

uint8_t *shelf_body(const struct shelf *shelf, const struct shelf_log *log, uint64_t index,
                    size_t *size)
{
    const struct tally_ledger *ledger = &shelf->ledger;
    const struct tally_hash *origin = &log->view.origin_hash;
    size_t again, whole = 0;
    *size = 0;
    if (!ledger->body(ledger->context, origin, index, 0, NULL, 0, &whole) || whole > TALLY_BODY_MAX)
        return NULL;
    uint8_t *body = malloc(whole + 1);
    if (body == NULL || !ledger->body(ledger->context, origin, index, 0, body, whole, &again) ||
        again != whole) {
        free(body);
        return NULL;
    }
    *size = whole;
    return body;
}

uint8_t *shelf_slurp(struct call *call, const char *path, size_t most, size_t *size,
                     enum exit_code *code)
{
    bool input = strcmp(path, "-") == 0;
    FILE *file = input ? stdin : fopen(path, "rb");
    size_t capacity = 64 << 10;
    uint8_t *bytes = file == NULL ? NULL : malloc(capacity + 1);
    *size = 0;
    while (bytes != NULL && *size <= most) {
        size_t got = fread(bytes + *size, 1, capacity - *size, file);
        *size += got;
        if (got == 0)
            break;
        uint8_t *larger = *size < capacity ? bytes : realloc(bytes, (capacity *= 2) + 1);
        if (larger == NULL)
            free(bytes);
        bytes = larger;
    }
    bool failed = file == NULL || bytes == NULL || ferror(file);
    int why = errno;
    if (file != NULL && !input)
        (void)fclose(file);
    if (failed) {
        (void)complain(&call->complaint, complaint_of_errno(why), "%s cannot be read: %s", path,
                       strerror(why));
        *code = call_fail(call, path);
        free(bytes);
        return NULL;
    }
    if (*size > most) {
        *code = call_fail_with(call, EXIT_FAILED, TALLY_TOO_LARGE, path,
                               "%s is larger than the limit of %zu bytes", path, most);
        free(bytes);
        return NULL;
    }
    bytes[*size] = 0;
    return bytes;
}
