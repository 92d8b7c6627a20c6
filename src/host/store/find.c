/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a receipt's hash to its place. The index holds the first eight bytes of each hash; the
 * envelope itself decides. It is made when somebody asks, from the mark where it ended last: a
 * bulk transfer pays nothing for it.
 */
#include "core/base/bytes.h"
#include "host/store/inside.h"

enum { FULL = TALLY_TILE_WIDTH };

/* Asked for each receipt of a range; false ends the walk. */
struct visitor {
    void *context;
    bool (*visit)(void *context, uint64_t index, struct tally_bytes envelope);
};

/* Walks the receipts of a block that are in files; false if they cannot be read or it was ended. */
static bool walk_block(struct store *store, const struct store_log *log, uint64_t from, uint64_t to,
                       const struct visitor *visitor)
{
    struct tile tile = {.kind = TILE_ENTRIES, .index = from / FULL};
    tile.width = (unsigned)(to - tile.index * FULL);
    struct scratch *work = store->work;
    size_t size = folder_bundle(&log->folder, &tile, work->entries, sizeof work->entries), at;
    if (!folder_skip(TILE_ENTRIES, bytes_of(work->entries, size), (unsigned)(from % FULL), &at))
        return false;
    for (; from < to; from++) {
        struct tally_bytes envelope;
        if (!folder_item(TILE_ENTRIES, bytes_of(work->entries + at, size - at), 0, &envelope) ||
            !visitor->visit(visitor->context, from, envelope))
            return false;
        at += 2 + envelope.size;
    }
    return true;
}

/* Receipts [from, durable), from files, then from state.db. */
static bool walk(struct store *store, const struct store_log *log, uint64_t from,
                 const struct visitor *visitor)
{
    uint64_t filed = log->own ? log->size : log->durable;
    while (from < filed) {
        uint64_t end = (from / FULL + 1) * FULL;
        if (end > filed)
            end = filed;
        if (!walk_block(store, log, from, end, visitor))
            return false;
        from = end;
    }
    if (from >= log->durable)
        return true;
    if (!state_pending_begin(&store->state, log->id, from, log->durable))
        return false;
    bool more = true;
    for (struct state_pending next; more && state_pending_next(&store->state, &next);)
        more = visitor->visit(visitor->context, next.sequence, next.envelope);
    return state_pending_end(&store->state) == TALLY_OK && more;
}

static int64_t prefix_of(const struct tally_hash *hash)
{
    return (int64_t)be64_read(hash->bytes);
}

/* ---- Making the index ---- */

struct indexing {
    struct state *state;
    int64_t log;
    enum tally_error error;
};

static bool index_one(void *context, uint64_t index, struct tally_bytes envelope)
{
    struct indexing *indexing = context;
    struct tally_hash hash;
    tally_receipt_hash(envelope, &hash);
    sqlite3_stmt *add = state_use(indexing->state, STATE_RECEIPT_ADD);
    if (add == NULL) {
        indexing->error = state_error(indexing->state);
        return false;
    }
    sqlite3_bind_int64(add, 1, prefix_of(&hash));
    sqlite3_bind_int64(add, 2, indexing->log);
    sqlite3_bind_int64(add, 3, (int64_t)index);
    indexing->error = state_run(indexing->state, add);
    return indexing->error == TALLY_OK;
}

/* One transaction: the rows, and the mark that says how far they reach. */
static enum tally_error index_log(struct store *store, struct store_log *log)
{
    struct indexing indexing = {.state = &store->state, .log = log->id};
    const struct visitor visitor = {.context = &indexing, .visit = index_one};
    enum tally_error error = state_do(&store->state, STATE_BEGIN);
    if (error != TALLY_OK)
        return error;
    if (!walk(store, log, log->indexed, &visitor))
        error = indexing.error != TALLY_OK ? indexing.error : TALLY_DAMAGED;
    if (error == TALLY_OK)
        error = state_set_log(&store->state, STATE_LOG_INDEXED, log->id, log->durable);
    if (error == TALLY_OK)
        error = state_do(&store->state, STATE_COMMIT);
    if (error == TALLY_OK)
        log->indexed = log->durable;
    else if (!sqlite3_get_autocommit(store->state.db) &&
             state_do(&store->state, STATE_ROLLBACK) != TALLY_OK)
        store->disk.broken = true;
    return error;
}

/* ---- Asking ---- */

struct search {
    const struct tally_hash *receipt;
    uint64_t index;
    bool found;
};

static bool compare_one(void *context, uint64_t index, struct tally_bytes envelope)
{
    struct search *search = context;
    struct tally_hash hash;
    tally_receipt_hash(envelope, &hash);
    search->found = hash_equal(&hash, search->receipt);
    search->index = index;
    return !search->found;
}

/* Whether that receipt is the one: the walk is ended by a hit. */
static bool is_at(struct store *store, const struct store_log *log, uint64_t index,
                  struct search *search)
{
    const struct visitor visitor = {.context = search, .visit = compare_one};
    search->found = false;
    uint64_t filed = log->own ? log->size : log->durable;
    if (index < filed)
        (void)walk_block(store, log, index, index + 1, &visitor);
    else if (index < log->durable &&
             state_pending_begin(&store->state, log->id, index, index + 1)) {
        struct state_pending next;
        if (state_pending_next(&store->state, &next))
            (void)compare_one(search, next.sequence, next.envelope);
        if (state_pending_end(&store->state) != TALLY_OK)
            search->found = false;
    }
    return search->found;
}

static enum tally_error look_up(struct store *store, struct search *search,
                                struct store_place *place)
{
    sqlite3_stmt *find = state_use(&store->state, STATE_RECEIPT_FIND);
    if (find == NULL)
        return state_error(&store->state);
    sqlite3_bind_int64(find, 1, prefix_of(search->receipt));
    enum tally_error error = TALLY_NOT_FOUND;
    int code;
    while (error == TALLY_NOT_FOUND && (code = sqlite3_step(find)) != SQLITE_DONE) {
        if (code != SQLITE_ROW) {
            error = state_error(&store->state);
            break;
        }
        int64_t id = sqlite3_column_int64(find, 0);
        uint64_t index = (uint64_t)sqlite3_column_int64(find, 1);
        for (size_t i = 0; i < store->log_count; i++)
            if (store->logs[i]->id == id && is_at(store, store->logs[i], index, search)) {
                *place = (struct store_place){store->logs[i]->origin_hash, index};
                error = TALLY_OK;
            }
    }
    sqlite3_reset(find);
    return error;
}

/* Beside a running node nothing is written, so everything is read. */
static enum tally_error read_through(struct store *store, struct search *search,
                                     struct store_place *place)
{
    const struct visitor visitor = {.context = search, .visit = compare_one};
    for (size_t i = 0; i < store->log_count; i++) {
        (void)walk(store, store->logs[i], 0, &visitor);
        if (search->found) {
            *place = (struct store_place){store->logs[i]->origin_hash, search->index};
            return TALLY_OK;
        }
    }
    return TALLY_NOT_FOUND;
}

enum tally_error store_find_receipt(struct store *store, const struct tally_hash *receipt,
                                    struct store_place *place)
{
    struct search search = {.receipt = receipt};
    if (store->read_only)
        return read_through(store, &search, place);
    enum tally_error error = look_up(store, &search, place);
    if (error != TALLY_NOT_FOUND)
        return error;
    bool lagged = false;
    for (size_t i = 0; i < store->log_count; i++) {
        struct store_log *log = store->logs[i];
        if (log->indexed == log->durable)
            continue;
        lagged = true;
        /* A damaged log hides its own receipts only. */
        error = index_log(store, log);
        if (error != TALLY_OK && error != TALLY_DAMAGED)
            return error;
    }
    return lagged ? look_up(store, &search, place) : TALLY_NOT_FOUND;
}
