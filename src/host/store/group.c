/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Group commit: all appends of a batch share the fsyncs and one transaction. Own receipts become
 * rows, packages of others become bundles and tiles; then, with everything durable, the heads that
 * came with notes move, each only if the root folded from the disk is the note's.
 */
#include "host/store/group.h"
#include "core/base/bytes.h"

static struct tally_bytes note_of(const struct job *job)
{
    return bytes_of(job->note, job->note_size);
}

/* ---- Adding ---- */

/* A body too large for bundles lies in a file under its hash, durable before its receipt. */
static enum tally_error put_blob(struct store *store, const struct store_log *log,
                                 const struct tally_hash *hash, struct tally_bytes body)
{
    char path[DISK_PATH_MAX];
    folder_blob_path(&log->folder, hash, path);
    return disk_waits(&store->disk, path) ? TALLY_OK : disk_put(&store->disk, path, &body, 1);
}

static enum tally_error add_own(struct store *store, struct store_log *log, struct job *job)
{
    struct tally_bytes envelope = job->action.append.envelope, body = job->action.append.body;
    struct tally_receipt receipt;
    if (envelope.size > TALLY_ENVELOPE_MAX || body.size > TALLY_BODY_MAX)
        return TALLY_TOO_LARGE;
    if (log->ahead - log->size >= TALLY_PENDING_MAX)
        return TALLY_BUSY;
    if (!log->own || tally_receipt_read(envelope, &receipt) != TALLY_DROP_NONE ||
        receipt.sequence != log->ahead || !key_equal(&receipt.issuer, &log->issuer) ||
        tally_receipt_body(&receipt, body) != TALLY_DROP_NONE)
        return TALLY_MISMATCH;
    if (body.size > TALLY_BODY_INLINE_MAX) {
        enum tally_error error = put_blob(store, log, &receipt.body_hash, body);
        if (error != TALLY_OK)
            return error;
    }
    log->ahead++;
    return TALLY_OK;
}

static enum tally_error add_package(struct store *store, struct store_log *log, struct job *job)
{
    const struct tally_package *package = job->package;
    uint64_t first = job->action.append.first, end = first + package->count;
    if (!tally_package_range(first, end))
        return TALLY_MISMATCH;
    job->end = end;
    if (job->note_size > 0) {
        struct tally_checkpoint checkpoint;
        if (!log_checkpoint(log, note_of(job), &checkpoint) || checkpoint.size != end)
            return TALLY_MISMATCH;
        job->root = checkpoint.root;
    }
    enum tally_error error = upload_claim(store, log, job);
    /* The part of this block that is held must be where reading finds it. */
    if (error == TALLY_OK && first % TALLY_TILE_WIDTH != 0 && log->ahead != log->durable)
        error = disk_make_room(&store->disk);
    const struct run run = {.first = first,
                            .count = package->count,
                            .entries = bytes_of(package->entries, package->entries_size),
                            .bodies = bytes_of(package->bodies, package->bodies_size),
                            .leaves = package->leaves};
    if (error == TALLY_OK)
        error = log->own ? fetched_add(store, log, &run) : run_put(store, log, &run);
    if (error == TALLY_OK && !log->own)
        log->ahead = end;
    job->fetched = log->fetched;
    return error;
}

/* The log of an append, made if it is the first; no head of it may be under way. */
static enum tally_error log_of(struct group *group, struct job *job)
{
    const struct tally_log_id *id = &job->action.append.log;
    job->log = log_find(group->store, &id->origin_hash);
    if (job->log == NULL) {
        group_close(group);
        return log_make(group->store, id, &job->log);
    }
    for (size_t i = 0; i < group->count; i++)
        if (group->jobs[i]->log == job->log && group->jobs[i]->note_size > 0) {
            group_close(group);
            break;
        }
    return TALLY_OK;
}

void group_add(struct group *group, struct job *job)
{
    enum tally_error error = log_of(group, job);
    if (error == TALLY_OK && job->log->frozen)
        error = TALLY_FROZEN;
    bool back = error == TALLY_OK && job->package != NULL && job->log->own;
    if (error == TALLY_OK && !back && job->action.append.first != job->log->ahead)
        error = TALLY_MISMATCH;
    if (error == TALLY_OK)
        error = job->package != NULL ? add_package(group->store, job->log, job)
                                     : add_own(group->store, job->log, job);
    job->public.error = error;
    if (error == TALLY_OK) {
        job->durable = job->log->ahead;
        group->jobs[group->count++] = job;
    }
}

/* ---- Closing ---- */

static enum tally_error write_row(struct state *state, const struct job *job)
{
    struct tally_bytes envelope = job->action.append.envelope, body = job->action.append.body;
    sqlite3_stmt *add = state_use(state, STATE_PENDING_ADD);
    if (add == NULL)
        return state_error(state);
    sqlite3_bind_int64(add, 1, job->log->id);
    sqlite3_bind_int64(add, 2, (int64_t)job->action.append.first);
    sqlite3_bind_blob(add, 3, envelope.data, (int)envelope.size, SQLITE_STATIC);
    if (body.size <= TALLY_BODY_INLINE_MAX) /* An empty body is not NULL, a large one is. */
        sqlite3_bind_blob(add, 4, body.size == 0 ? (const uint8_t *)"" : body.data, (int)body.size,
                          SQLITE_STATIC);
    return state_run(state, add);
}

static enum tally_error write_staged(struct state *state, const struct store_log *log,
                                     uint64_t staged)
{
    return state_set_log(state, STATE_LOG_STAGED, log->id, staged);
}

/* One transaction for the group; the files are durable already. */
static enum tally_error write_state(struct group *group)
{
    struct state *state = &group->store->state;
    enum tally_error error = state_do(state, STATE_BEGIN);
    if (error != TALLY_OK)
        return error;
    for (size_t i = 0; i < group->count && error == TALLY_OK; i++) {
        struct job *job = group->jobs[i];
        if (job->package == NULL)
            error = write_row(state, job);
        else if (job->log->own && job->end == job->log->fetched)
            error = write_staged(state, job->log, job->log->fetched);
        else if (!job->log->own && job->durable == job->log->ahead)
            error = write_staged(state, job->log, job->log->ahead); /* The last tells for all. */
    }
    if (error == TALLY_OK)
        error = state_do(state, STATE_COMMIT);
    if (error != TALLY_OK && !sqlite3_get_autocommit(state->db) &&
        state_do(state, STATE_ROLLBACK) != TALLY_OK)
        state->disk->broken = true;
    return error;
}

/* Tells each job of the group how it went. */
static void finish(struct group *group, enum tally_error error)
{
    for (size_t i = 0; i < group->count; i++) {
        struct store_log *log = group->jobs[i]->log;
        if (error == TALLY_OK)
            log->durable = log->ahead;
        else
            log->ahead = log->durable;
        if (error != TALLY_OK && group->jobs[i]->package != NULL && log->own)
            log->fetched = log->size; /* From there on it comes again. */
    }
    for (size_t i = 0; i < group->count && error != TALLY_OK; i++) {
        group->jobs[i]->public.error = error;
        group->jobs[i]->durable = group->jobs[i]->log->durable;
        group->jobs[i]->fetched = group->jobs[i]->log->fetched;
    }
}

/* The receipts are not those of the note, so they are nobody's: they are to be fetched anew. */
static enum tally_error set_back(struct store *store, struct store_log *log)
{
    enum tally_error error = write_staged(&store->state, log, log->size);
    log->fetched = log->size;
    if (!log->own)
        log->durable = log->ahead = log->size;
    return error == TALLY_OK ? TALLY_MISMATCH : error;
}

static bool brings_head(const struct job *job)
{
    return job->note_size > 0 && job->public.error == TALLY_OK;
}

static void fail_heads(struct group *group, enum tally_error error)
{
    for (size_t i = 0; i < group->count && error != TALLY_OK; i++)
        if (brings_head(group->jobs[i]))
            group->jobs[i]->public.error = error;
}

static enum tally_error head_put(struct store *store, struct job *job)
{
    if (job->log->own)
        return fetched_head(store, job->log, job->end, &job->root, note_of(job));
    return note_put(store, job->log, "checkpoint", note_of(job));
}

static void move_heads(struct group *group)
{
    struct store *store = group->store;
    for (size_t i = 0; i < group->count; i++) {
        struct job *job = group->jobs[i];
        if (brings_head(job))
            job->public.error = tree_raise(store, job->log, job->log->size, job->end);
    }
    fail_heads(group, disk_flush(&store->disk));
    for (size_t i = 0; i < group->count; i++) {
        struct job *job = group->jobs[i];
        struct tally_hash root;
        if (!brings_head(job))
            continue;
        job->public.error = tree_fold(job->log, job->end, &root);
        if (job->public.error == TALLY_OK)
            job->public.error =
                hash_equal(&root, &job->root) ? head_put(store, job) : set_back(store, job->log);
        if (job->public.error == TALLY_MISMATCH || job->log->own)
            job->durable = job->log->durable;
        job->fetched = job->log->fetched;
    }
    fail_heads(group, disk_flush(&store->disk));
    for (size_t i = 0; i < group->count; i++) {
        struct job *job = group->jobs[i];
        if (!brings_head(job))
            continue;
        tree_tidy(job->log, job->log->size, job->end);
        job->moved = true;
        job->log->size = job->head = job->end;
        job->log->root = job->root;
    }
}

void group_close(struct group *group)
{
    if (group->count == 0)
        return;
    enum tally_error error = disk_flush(&group->store->disk);
    if (error == TALLY_OK)
        error = write_state(group);
    finish(group, error);
    if (error == TALLY_OK)
        move_heads(group);
    group->count = 0;
}
