/* SPDX-License-Identifier: Apache-2.0 */
#include "host/store/state.h"

#include "core/base/bytes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { SCHEMA = 1 };

static const char schema[] =
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE log(id INTEGER PRIMARY KEY, origin BLOB NOT NULL UNIQUE,"
    " staged INTEGER NOT NULL, indexed INTEGER NOT NULL);"
    "CREATE TABLE pending(log INTEGER NOT NULL, sequence INTEGER NOT NULL, envelope BLOB NOT NULL,"
    " body BLOB, PRIMARY KEY(log, sequence)) WITHOUT ROWID;"
    "CREATE TABLE receipt(prefix INTEGER NOT NULL, log INTEGER NOT NULL, sequence INTEGER NOT NULL,"
    " PRIMARY KEY(prefix, log, sequence)) WITHOUT ROWID;";

static const char *const sql[STATE_STATEMENTS] = {
    [STATE_BEGIN] = "BEGIN IMMEDIATE",
    [STATE_COMMIT] = "COMMIT",
    [STATE_ROLLBACK] = "ROLLBACK",
    [STATE_META_READ] = "SELECT value FROM meta WHERE name = ?1",
    [STATE_META_WRITE] = "INSERT OR REPLACE INTO meta VALUES(?1, ?2)",
    [STATE_LOG_FIND] = "SELECT id, staged, indexed FROM log WHERE origin = ?1",
    [STATE_LOG_ADD] = "INSERT INTO log(origin, staged, indexed) VALUES(?1, 0, 0)",
    [STATE_LOG_STAGED] = "UPDATE log SET staged = ?2 WHERE id = ?1",
    [STATE_LOG_INDEXED] = "UPDATE log SET indexed = ?2 WHERE id = ?1",
    [STATE_PENDING_ADD] = "INSERT INTO pending VALUES(?1, ?2, ?3, ?4)",
    [STATE_PENDING_READ] = "SELECT sequence, envelope, body FROM pending"
                           " WHERE log = ?1 AND sequence >= ?2 AND sequence < ?3 ORDER BY sequence",
    [STATE_PENDING_DROP] = "DELETE FROM pending WHERE log = ?1 AND sequence < ?2",
    [STATE_PENDING_SPAN] = "SELECT min(sequence), max(sequence), count(*) FROM pending"
                           " WHERE log = ?1 AND sequence >= ?2",
    [STATE_RECEIPT_ADD] = "INSERT OR IGNORE INTO receipt VALUES(?1, ?2, ?3)",
    [STATE_RECEIPT_FIND] = "SELECT log, sequence FROM receipt WHERE prefix = ?1",
};

enum tally_error state_error(struct state *state)
{
    int code = sqlite3_errcode(state->db) & 0xff;
    enum tally_error error = TALLY_IO;
    if (code == SQLITE_FULL || disk_error(sqlite3_system_errno(state->db)) == TALLY_FULL)
        error = TALLY_FULL;
    else if (code == SQLITE_NOMEM)
        error = TALLY_NO_MEMORY;
    else if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
        error = TALLY_DAMAGED;
    else if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
        error = TALLY_BUSY;
    else if (code == SQLITE_PERM || code == SQLITE_READONLY || code == SQLITE_CANTOPEN)
        error = TALLY_PERMISSION;
    /* After a failed write or fsync nobody knows what the kernel still holds. */
    if (error == TALLY_IO && state->disk != NULL)
        state->disk->broken = true;
    return error;
}

static bool run_all(sqlite3 *db, const char *text)
{
    return sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK;
}

static bool set_up(sqlite3 *db, enum state_mode mode)
{
    if (!run_all(db, "PRAGMA busy_timeout = 2000"))
        return false;
    if (mode == STATE_MAKE &&
        (!run_all(db, "PRAGMA journal_mode = WAL") ||
         !run_all(db, disk_planted("ack-early") ? "PRAGMA synchronous = OFF"
                                                : "PRAGMA synchronous = FULL")))
        return false;
    sqlite3_stmt *version;
    if (sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &version, NULL) != SQLITE_OK)
        return false;
    bool row = sqlite3_step(version) == SQLITE_ROW;
    int number = row ? sqlite3_column_int(version, 0) : -1;
    bool read = sqlite3_finalize(version) == SQLITE_OK;
    if (read && number == 0 && mode == STATE_MAKE) {
        char text[sizeof schema + 128];
        snprintf(text, sizeof text, "BEGIN EXCLUSIVE; %s PRAGMA user_version = %d; COMMIT;", schema,
                 SCHEMA);
        return run_all(db, text);
    }
    return read && number == SCHEMA;
}

enum tally_error state_open(struct state *state, struct disk *disk, const char *dir,
                            enum state_mode mode, char *message, size_t size)
{
    *state = (struct state){.disk = disk};
    char path[4200];
    if ((size_t)snprintf(path, sizeof path, "%s/state.db", dir) >= sizeof path)
        return TALLY_BAD_NAME;
    int flags =
        SQLITE_OPEN_NOMUTEX |
        (mode == STATE_MAKE ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY);
    if (sqlite3_open_v2(path, &state->db, flags, NULL) == SQLITE_OK && set_up(state->db, mode))
        return TALLY_OK;
    enum tally_error error = state->db == NULL ? TALLY_NO_MEMORY : state_error(state);
    if (state->db != NULL && sqlite3_errcode(state->db) == SQLITE_OK)
        error = TALLY_NEWER; /* SQLite is content; the schema's number is not ours. */
    snprintf(message, size, "%s cannot be used: %s", path,
             error == TALLY_NEWER ? "it was written by another version of tally"
                                  : sqlite3_errmsg(state->db));
    state_close(state);
    return error;
}

void state_close(struct state *state)
{
    for (size_t i = 0; i < STATE_STATEMENTS; i++)
        sqlite3_finalize(state->statements[i]);
    sqlite3_close(state->db);
    *state = (struct state){0};
}

sqlite3_stmt *state_use(struct state *state, enum state_statement which)
{
    sqlite3_stmt **statement = &state->statements[which];
    if (*statement == NULL &&
        sqlite3_prepare_v3(state->db, sql[which], -1, SQLITE_PREPARE_PERSISTENT, statement, NULL) !=
            SQLITE_OK)
        return NULL;
    sqlite3_reset(*statement);
    sqlite3_clear_bindings(*statement);
    return *statement;
}

enum tally_error state_run(struct state *state, sqlite3_stmt *statement)
{
    if (statement == NULL)
        return state_error(state);
    int code = sqlite3_step(statement);
    enum tally_error error = code == SQLITE_DONE ? TALLY_OK : state_error(state);
    sqlite3_reset(statement);
    return error;
}

enum tally_error state_do(struct state *state, enum state_statement which)
{
    return state_run(state, state_use(state, which));
}

enum tally_error state_find_log(struct state *state, const struct tally_hash *origin,
                                struct state_row *row)
{
    sqlite3_stmt *find = state_use(state, STATE_LOG_FIND);
    if (find == NULL)
        return state_error(state);
    sqlite3_bind_blob(find, 1, origin->bytes, sizeof origin->bytes, SQLITE_STATIC);
    int code = sqlite3_step(find);
    if (code == SQLITE_ROW)
        *row = (struct state_row){.id = sqlite3_column_int64(find, 0),
                                  .staged = (uint64_t)sqlite3_column_int64(find, 1),
                                  .indexed = (uint64_t)sqlite3_column_int64(find, 2)};
    enum tally_error error = code == SQLITE_ROW    ? TALLY_OK
                             : code == SQLITE_DONE ? TALLY_NOT_FOUND
                                                   : state_error(state);
    sqlite3_reset(find);
    return error;
}

enum tally_error state_make_log(struct state *state, const struct tally_hash *origin,
                                struct state_row *row)
{
    enum tally_error error = state_find_log(state, origin, row);
    if (error != TALLY_NOT_FOUND)
        return error;
    sqlite3_stmt *add = state_use(state, STATE_LOG_ADD);
    if (add == NULL)
        return state_error(state);
    sqlite3_bind_blob(add, 1, origin->bytes, sizeof origin->bytes, SQLITE_STATIC);
    error = state_run(state, add);
    return error == TALLY_OK ? state_find_log(state, origin, row) : error;
}

enum tally_error state_set_log(struct state *state, enum state_statement which, int64_t id,
                               uint64_t value)
{
    sqlite3_stmt *set = state_use(state, which);
    if (set == NULL)
        return state_error(state);
    sqlite3_bind_int64(set, 1, id);
    sqlite3_bind_int64(set, 2, (int64_t)value);
    return state_run(state, set);
}

enum tally_error state_pending_span(struct state *state, int64_t log, uint64_t from,
                                    struct state_span *span)
{
    sqlite3_stmt *ask = state_use(state, STATE_PENDING_SPAN);
    if (ask == NULL)
        return state_error(state);
    sqlite3_bind_int64(ask, 1, log);
    sqlite3_bind_int64(ask, 2, (int64_t)from);
    bool row = sqlite3_step(ask) == SQLITE_ROW;
    if (row)
        *span = (struct state_span){.least = (uint64_t)sqlite3_column_int64(ask, 0),
                                    .most = (uint64_t)sqlite3_column_int64(ask, 1),
                                    .count = (uint64_t)sqlite3_column_int64(ask, 2)};
    enum tally_error error = row ? TALLY_OK : state_error(state);
    sqlite3_reset(ask);
    return error;
}

enum tally_error state_pending_drop(struct state *state, int64_t log, uint64_t to)
{
    return state_set_log(state, STATE_PENDING_DROP, log, to);
}

bool state_pending_begin(struct state *state, int64_t log, uint64_t from, uint64_t to)
{
    sqlite3_stmt *read = state->db == NULL ? NULL : state_use(state, STATE_PENDING_READ);
    if (read == NULL)
        return false;
    sqlite3_bind_int64(read, 1, log);
    sqlite3_bind_int64(read, 2, (int64_t)from);
    sqlite3_bind_int64(read, 3, (int64_t)to);
    return true;
}

bool state_pending_next(struct state *state, struct state_pending *pending)
{
    sqlite3_stmt *read = state->statements[STATE_PENDING_READ];
    if (sqlite3_step(read) != SQLITE_ROW)
        return false;
    pending->sequence = (uint64_t)sqlite3_column_int64(read, 0);
    pending->envelope =
        bytes_of(sqlite3_column_blob(read, 1), (size_t)sqlite3_column_bytes(read, 1));
    if (sqlite3_column_type(read, 2) == SQLITE_NULL) {
        pending->body = bytes_of(NULL, 0);
        return true;
    }
    /* SQLite gives NULL for an empty blob; for us that means another thing. */
    const void *body = sqlite3_column_blob(read, 2);
    pending->body = bytes_of(body == NULL ? "" : body, (size_t)sqlite3_column_bytes(read, 2));
    return true;
}

enum tally_error state_pending_end(struct state *state)
{
    int code = sqlite3_reset(state->statements[STATE_PENDING_READ]);
    return code == SQLITE_OK ? TALLY_OK : state_error(state);
}

/* Whether the first thing that a query gives is that text. */
static bool gives(struct state *state, const char *query, const char *text)
{
    sqlite3_stmt *ask;
    if (sqlite3_prepare_v2(state->db, query, -1, &ask, NULL) != SQLITE_OK)
        return false;
    bool given = sqlite3_step(ask) == SQLITE_ROW && sqlite3_column_text(ask, 0) != NULL &&
                 strcmp((const char *)sqlite3_column_text(ask, 0), text) == 0;
    sqlite3_finalize(ask);
    return given;
}

bool state_whole(struct state *state)
{
    /* Triggers and views are none of ours: they would act each time we write. */
    return gives(state, "PRAGMA quick_check(1)", "ok") &&
           gives(state, "SELECT count(*) FROM sqlite_master WHERE type NOT IN ('table', 'index')",
                 "0");
}
