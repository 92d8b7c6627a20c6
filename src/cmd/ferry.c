/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ferry.h"

#include "cmd/ask.h"
#include "cmd/door.h"
#include "core/base/bytes.h"
#include "core/sync/sync.h"
#include "host/config/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ACTIONS = 64,
    ARENA = 1 << 16,
    FRAME = TALLY_FRAME_MAX + 1024,
    SERVES = 1,             /* The number of the one stream. */
    PATIENCE_MS = 86400000, /* The node says itself when the files fall silent. */
};

struct ferry {
    struct sync server;
    struct outbox out;
    struct tally_action actions[ACTIONS];
    uint8_t arena[ARENA], frame[FRAME];
    struct door *door;
    struct complaint *complaint;
    bool progress, shown;
    uint64_t bytes;
};

/* What the node asks, and all that the files have to say to it. */
static enum tally_error on_carry(void *context, struct tally_bytes asked)
{
    struct ferry *ferry = context;
    const struct tally_now now = {.mono = {1}};
    enum tally_error error = TALLY_OK;
    outbox_clear(&ferry->out);
    if (sync_receive(&ferry->server, now, SERVES, asked, &ferry->out) != TALLY_DROP_NONE)
        return complain(ferry->complaint, TALLY_MALFORMED,
                        "the node's question is not understood: is it of another version?");
    while (error == TALLY_OK && sync_wants(&ferry->server, SERVES) > 0) {
        size_t size = sync_compose(&ferry->server, now, SERVES, ferry->frame, FRAME);
        if (size == 0)
            break;
        error = door_carry(ferry->door, bytes_of(ferry->frame, size), ferry->complaint);
        ferry->bytes += size;
    }
    return error;
}

static void on_wait(void *context, unsigned waited_s)
{
    struct ferry *ferry = context;
    (void)waited_s;
    if (!ferry->progress)
        return;
    (void)fprintf(stderr, "\r\033[K%llu kB were taken over",
                  (unsigned long long)ferry->bytes / 1000);
    ferry->shown = true;
}

static enum tally_error error_named(const char *name)
{
    for (int error = TALLY_OK; error <= TALLY_REVOKED; error++)
        if (strcmp(tally_error_name((enum tally_error)error), name) == 0)
            return (enum tally_error)error;
    return TALLY_IO;
}

static enum tally_drop drop_named(const char *name)
{
    for (int drop = 0; drop < TALLY_DROP_COUNT; drop++)
        if (strcmp(tally_drop_name((enum tally_drop)drop), name) == 0)
            return (enum tally_drop)drop;
    return TALLY_DROP_UNKNOWN;
}

/* What the node says at the end. */
static enum tally_error read_over(const char *text, struct carry *carry,
                                  struct complaint *complaint)
{
    json_t *object = json_loads(text, 0, NULL);
    if (object == NULL)
        return complain(complaint, TALLY_MALFORMED,
                        "the node's answer is not understood: is it of another version?");
    *carry = (struct carry){.logs = (uint64_t)number_of(object, "logs"),
                            .forks = (unsigned)number_of(object, "forks"),
                            .guarded = truth_of(object, "guarded"),
                            .drop = drop_named(text_of(object, "drop")),
                            .error = error_named(text_of(object, "error"))};
    json_decref(object);
    return TALLY_OK;
}

static enum tally_error cross(struct ferry *ferry, const char *data, struct carry *carry)
{
    const struct door_options options = {.data = data,
                                         .patience_ms = PATIENCE_MS,
                                         .on_carry = on_carry,
                                         .on_wait = on_wait,
                                         .context = ferry};
    enum tally_error error = door_open(&options, &ferry->door, ferry->complaint);
    if (error != TALLY_OK)
        return error;
    char *text = door_query(ferry->door, "carry", "", ferry->complaint);
    if (ferry->shown)
        (void)fprintf(stderr, "\r\033[K");
    error = text == NULL ? ferry->complaint->error : read_over(text, carry, ferry->complaint);
    free(text);
    struct complaint ignored;
    (void)door_close(ferry->door, &ignored);
    if (error == TALLY_BUSY)
        return complain(ferry->complaint, error,
                        "the node takes in another bundle, or has as many streams as it may: try "
                        "again");
    if (error == TALLY_CLOSED)
        return complain(ferry->complaint, error,
                        "the node ended before it had all: what it took in is durable, import it "
                        "again");
    return error;
}

enum tally_error ferry_logs(const char *data, const struct tally_ledger *from, bool progress,
                            struct carry *carry, struct complaint *complaint)
{
    static const struct tally_key nobody = {{0}};
    const struct tally_crypto crypto = keys_verifier();
    const struct sync_options options = {
        .servers = 1, .buffers = 1, .ledger = from, .crypto = &crypto, .seed = 1};
    struct ferry *ferry = calloc(1, sizeof *ferry);
    enum tally_error error = TALLY_NO_MEMORY;
    *carry = (struct carry){.drop = TALLY_DROP_NONE};
    if (ferry != NULL && sync_new(&ferry->server, &options) &&
        sync_accepted(&ferry->server, &nobody, SERVES)) {
        ferry->complaint = complaint;
        ferry->progress = progress;
        outbox_init(&ferry->out, ferry->actions, ACTIONS, ferry->arena, ARENA);
        error = cross(ferry, data, carry);
    } else {
        (void)complain(complaint, error, "%s", tally_error_text(error));
    }
    if (ferry != NULL)
        sync_free(&ferry->server);
    free(ferry);
    return error;
}
