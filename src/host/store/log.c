/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of logs: making a new one, and reading what is there at opening. A log is its folder:
 * who signs it and under which name stands in the file `origin`, whose hash is the folder's name.
 */
#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "core/crypto/sign.h"
#include "host/store/inside.h"
#include "host/store/prune.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ORIGIN_FILE_MAX = TALLY_ORIGIN_MAX + TALLY_NAMESPACE_MAX + 64 + 4 };

static bool verify(void *context, const struct tally_key *key, struct tally_bytes message,
                   const struct tally_signature *signature)
{
    (void)context;
    return sign_verify(key, message, signature);
}

const struct tally_crypto log_crypto = {.verify = verify};

struct store_log *log_find(struct store *store, const struct tally_hash *origin)
{
    for (size_t i = 0; i < store->log_count; i++)
        if (hash_equal(&store->logs[i]->origin_hash, origin))
            return store->logs[i];
    return NULL;
}

bool log_vkey(const struct store_log *log, struct tally_vkey *vkey)
{
    return tally_vkey_init(vkey, bytes_text(log->origin), TALLY_VKEY_LOG, &log->issuer);
}

bool log_checkpoint(const struct store_log *log, struct tally_bytes note,
                    struct tally_checkpoint *checkpoint)
{
    struct tally_vkey vkey;
    return log_vkey(log, &vkey) &&
           tally_checkpoint_open(note, &vkey, &log_crypto, checkpoint) == TALLY_DROP_NONE;
}

/* ---- The file `origin`: origin, issuer in hex, namespace, a line each. ---- */

static size_t write_origin(const struct store_log *log, char text[ORIGIN_FILE_MAX])
{
    char hex[2 * sizeof log->issuer + 1];
    hex_write(bytes_of(log->issuer.bytes, sizeof log->issuer.bytes), hex);
    return (size_t)snprintf(text, ORIGIN_FILE_MAX, "%s\n%s\n%s\n", log->origin, hex,
                            log->name_space);
}

/* Cuts a line of at most `size` - 1 bytes off the text. */
static bool take_line(char **text, char *line, size_t size)
{
    char *end = strchr(*text, '\n');
    if (end == NULL || end == *text || (size_t)(end - *text) >= size)
        return false;
    memcpy(line, *text, (size_t)(end - *text));
    line[end - *text] = '\0';
    *text = end + 1;
    return true;
}

static bool read_origin(struct store_log *log)
{
    char text[ORIGIN_FILE_MAX], hex[2 * sizeof log->issuer + 1], *rest = text;
    size_t size = folder_file(&log->folder, "origin", (uint8_t *)text, sizeof text - 1);
    text[size] = '\0';
    if (!take_line(&rest, log->origin, sizeof log->origin) || !take_line(&rest, hex, sizeof hex) ||
        !take_line(&rest, log->name_space, sizeof log->name_space) || rest != text + size)
        return false;
    struct tally_hash hash;
    tally_origin_hash(bytes_text(log->origin), &hash);
    struct tally_vkey vkey;
    return hash_equal(&hash, &log->origin_hash) &&
           hex_read(hex, log->issuer.bytes, sizeof log->issuer.bytes) &&
           tally_namespace_valid(bytes_text(log->name_space)) && log_vkey(log, &vkey);
}

static enum tally_error add(struct store *store, const struct store_log *log,
                            struct store_log **added)
{
    if (store->log_count == TALLY_LOGS_MAX)
        return TALLY_BUSY;
    struct store_log *copy = malloc(sizeof *copy);
    if (copy == NULL)
        return TALLY_NO_MEMORY;
    *copy = *log;
    store->logs[store->log_count++] = *added = copy;
    return TALLY_OK;
}

enum tally_error log_make(struct store *store, const struct tally_log_id *id,
                          struct store_log **made)
{
    struct store_log log = {.origin_hash = id->origin_hash, .issuer = id->issuer, .own = id->own};
    struct tally_hash hash;
    struct tally_vkey vkey;
    tally_origin_hash(bytes_text(id->origin), &hash);
    if (strlen(id->origin) > TALLY_ORIGIN_MAX || !hash_equal(&hash, &id->origin_hash) ||
        !tally_namespace_valid(bytes_text(id->name_space)))
        return TALLY_BAD_NAME;
    snprintf(log.origin, sizeof log.origin, "%s", id->origin);
    snprintf(log.name_space, sizeof log.name_space, "%s", id->name_space);
    if (!log_vkey(&log, &vkey))
        return TALLY_BAD_NAME;
    if (store->log_count == TALLY_LOGS_MAX)
        return TALLY_BUSY;
    folder_init(&log.folder, store->disk.root, &log.origin_hash);
    char text[ORIGIN_FILE_MAX], path[DISK_PATH_MAX];
    struct tally_bytes part = bytes_of(text, write_origin(&log, text));
    folder_path(&log.folder, "origin", path);
    enum tally_error error = disk_put(&store->disk, path, &part, 1);
    if (error == TALLY_OK)
        error = disk_flush(&store->disk);
    struct state_row row = {0};
    if (error == TALLY_OK)
        error = state_make_log(&store->state, &log.origin_hash, &row);
    log.id = row.id;
    log.indexed = row.indexed;
    return error == TALLY_OK ? add(store, &log, made) : error;
}

/* ---- Opening ---- */

static enum tally_error damaged(const struct store_log *log, const char *what, char *message,
                                size_t size)
{
    snprintf(message, size, "logs/%s/%s (log %s); run tally fsck", log->folder.hex, what,
             log->origin[0] != '\0' ? log->origin : "unknown");
    return TALLY_DAMAGED;
}

static bool keep_note(struct store_log *log, struct tally_bytes note)
{
    log->note = malloc(note.size);
    if (log->note == NULL)
        return false;
    memcpy(log->note, note.data, note.size);
    log->note_size = note.size;
    return true;
}

/* The stored checkpoint, with its signature. */
static enum tally_error load_checkpoint(struct store_log *log, uint8_t *note, char *message,
                                        size_t size)
{
    size_t got = folder_file(&log->folder, "checkpoint", note, TALLY_NOTE_MAX);
    char path[DISK_PATH_MAX];
    folder_path(&log->folder, "checkpoint", path);
    if (got == 0 && faccessat(log->folder.root, path, F_OK, 0) != 0)
        return TALLY_OK; /* Nothing was published yet. */
    struct tally_checkpoint checkpoint;
    if (!log_checkpoint(log, bytes_of(note, got), &checkpoint))
        return damaged(log, "checkpoint is damaged: it is not a note signed by the log's key",
                       message, size);
    log->size = checkpoint.size;
    log->root = checkpoint.root;
    return keep_note(log, bytes_of(note, got)) ? TALLY_OK : TALLY_NO_MEMORY;
}

/* Pending receipts that continue the checkpoint; what is below it went into it before a crash. */
static enum tally_error load_pending(struct store *store, struct store_log *log, char *message,
                                     size_t size)
{
    enum tally_error error = TALLY_OK;
    struct state_span span = {0};
    if (!store->read_only)
        error = state_pending_drop(&store->state, log->id, log->size);
    if (error == TALLY_OK)
        error = state_pending_span(&store->state, log->id, log->size, &span);
    if (error != TALLY_OK || span.count == 0)
        return error;
    if (span.least != log->size || span.most - span.least + 1 != span.count)
        return damaged(log, "checkpoint does not fit the pending receipts in state.db", message,
                       size);
    log->durable = span.most + 1;
    return TALLY_OK;
}

/* A crash fell between the signed file and the checkpoint: the seal is made again, the checkpoint
   follows. The receipts are all there, or nothing would have been signed. */
static enum tally_error finish_publish(struct store *store, struct store_log *log,
                                       const struct tally_checkpoint *last, struct tally_bytes note,
                                       char *message, size_t size)
{
    struct tally_hash root;
    enum tally_error error = own_seal(store, log, last->size, &root);
    if (error == TALLY_DAMAGED || (error == TALLY_OK && !hash_equal(&root, &last->root)))
        return damaged(log, "signed has another root than the receipts", message, size);
    if (error != TALLY_OK)
        return error;
    free(log->note);
    log->note = NULL;
    if (!keep_note(log, note))
        return TALLY_NO_MEMORY;
    return own_publish(store, log, last->size, &root, note);
}

/*
 * The signed file of an own log holds the last note that was about to leave the process. If the log
 * is shorter, somebody took receipts away, and to go on would be to fork it.
 */
static enum tally_error load_signed(struct store *store, struct store_log *log, uint8_t *note,
                                    char *message, size_t size)
{
    struct tally_bytes bytes =
        bytes_of(note, folder_file(&log->folder, "signed", note, TALLY_NOTE_MAX));
    struct tally_checkpoint last = {.size = 0};
    if (bytes.size == 0 && log->size == 0)
        return TALLY_OK;
    bool there = bytes.size > 0 || log->fetched != log->size;
    if (there && !log_checkpoint(log, bytes, &last))
        return damaged(log, "signed is damaged or missing: it holds the last signed checkpoint",
                       message, size);
    /* A crash fell between the checkpoint over what came back from others and this. */
    if (last.size < log->size && log->fetched == log->size && !store->read_only) {
        last = (struct tally_checkpoint){.size = log->size, .root = log->root};
        enum tally_error error =
            note_put(store, log, "signed", bytes_of(log->note, log->note_size));
        if (error == TALLY_OK)
            error = disk_flush(&store->disk);
        if (error != TALLY_OK)
            return error;
    }
    log->signed_size = last.size;
    log->signed_root = last.root;
    if (last.size == log->size) {
        if (hash_equal(&last.root, &log->root))
            return TALLY_OK;
        return damaged(log, "signed and checkpoint have one size and two roots", message, size);
    }
    if (last.size > log->size && store->read_only)
        return TALLY_OK; /* The running node knows; we do not see what is pending. */
    if (last.size > log->size && last.size <= log->durable)
        return finish_publish(store, log, &last, bytes, message, size);
    char sentence[128];
    snprintf(sentence, sizeof sentence,
             "signed names %llu receipts but there are %llu: the log was set back",
             (unsigned long long)last.size, (unsigned long long)log->durable);
    return damaged(log, sentence, message, size);
}

/* Staged receipts of a replica, or of our own that come back, count only while the last of them can
   be read. */
static void load_staged(struct store_log *log, struct scratch *work, uint64_t staged)
{
    log->fetched = log->size;
    if (staged <= log->size)
        return;
    struct tile tile = {.index = (staged - 1) / TALLY_TILE_WIDTH};
    tile.width = (unsigned)(staged - tile.index * TALLY_TILE_WIDTH);
    struct tile entries = tile, bodies = tile;
    entries.kind = TILE_ENTRIES;
    bodies.kind = TILE_BODIES;
    if (folder_hashes(&log->folder, &tile, work->hashes) &&
        folder_bundle(&log->folder, &entries, work->entries, sizeof work->entries) > 0 &&
        folder_bundle(&log->folder, &bodies, work->bodies, sizeof work->bodies) > 0)
        *(log->own ? &log->fetched : &log->durable) = staged;
}

/* The log's row in state.db. Beside a running node one may lack; then only files are seen. */
static enum tally_error load_row(struct store *store, struct store_log *log, struct state_row *row)
{
    if (!store->read_only) {
        enum tally_error error = state_make_log(&store->state, &log->origin_hash, row);
        log->id = row->id;
        return error;
    }
    if (store->state.db != NULL &&
        state_find_log(&store->state, &log->origin_hash, row) == TALLY_OK)
        log->id = row->id;
    return TALLY_OK;
}

static enum tally_error load_one(struct store *store, struct store_log *log, uint8_t *note,
                                 char *message, size_t size)
{
    log->frozen = folder_file(&log->folder, "frozen", note, TALLY_NOTE_MAX) > 0;
    enum tally_error error = load_checkpoint(log, note, message, size);
    if (error != TALLY_OK)
        return error;
    log->durable = log->size;
    struct state_row row = {0};
    error = load_row(store, log, &row);
    if (error == TALLY_OK && log->own && log->id != 0)
        error = load_pending(store, log, message, size);
    if (error != TALLY_OK)
        return error;
    log->indexed = row.indexed;
    log->fetched = row.staged;
    if (log->own)
        error = load_signed(store, log, note, message, size);
    load_staged(log, store->work, row.staged);
    log->ahead = log->durable;
    if (log->indexed > log->durable)
        log->indexed = 0; /* The log was set back: its index is made anew. */
    return error;
}

bool log_identify(const struct store *store, const char *hex, struct store_log *log)
{
    *log = (struct store_log){0};
    if (!hex_read(hex, log->origin_hash.bytes, sizeof log->origin_hash.bytes))
        return false;
    folder_init(&log->folder, store->disk.root, &log->origin_hash);
    if (!read_origin(log))
        return false;
    log->own = store->has_key && key_equal(&log->issuer, &store->key);
    (void)prune_load(log); /* fsck says what is wrong with it. */
    return true;
}

static enum tally_error load(struct store *store, const char *name, uint8_t *note, char *message,
                             size_t size)
{
    struct store_log log = {0};
    if (!hex_read(name, log.origin_hash.bytes, sizeof log.origin_hash.bytes))
        return TALLY_OK; /* Not ours: lost+found, a note of the operator. */
    folder_init(&log.folder, store->disk.root, &log.origin_hash);
    char path[DISK_PATH_MAX];
    folder_path(&log.folder, "origin", path);
    bool known = faccessat(log.folder.root, path, F_OK, 0) == 0;
    folder_path(&log.folder, "checkpoint", path);
    if (!known && faccessat(log.folder.root, path, F_OK, 0) != 0)
        return TALLY_OK; /* A crash while it was made: nothing is in it. */
    if (!log_identify(store, name, &log)) {
        log.origin[0] = '\0';
        enum tally_error error = damaged(&log, "origin is damaged or missing", message, size);
        return store->read_only ? TALLY_OK : error;
    }
    enum tally_error error = load_one(store, &log, note, message, size);
    if (error == TALLY_DAMAGED && store->read_only)
        error = TALLY_OK; /* For fsck, which says what is wrong. */
    struct store_log *added;
    if (error == TALLY_OK)
        error = add(store, &log, &added);
    if (error != TALLY_OK)
        free(log.note);
    return error;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

enum tally_error log_load_all(struct store *store, char *message, size_t size)
{
    struct dirent **names;
    int count = scandirat(store->disk.root, "logs", &names, NULL, by_name);
    if (count < 0)
        return store->read_only ? TALLY_OK : TALLY_IO;
    uint8_t *note = malloc(TALLY_NOTE_MAX);
    enum tally_error error = note == NULL ? TALLY_NO_MEMORY : TALLY_OK;
    for (int i = 0; i < count; i++) {
        if (error == TALLY_OK)
            error = load(store, names[i]->d_name, note, message, size);
        free(names[i]);
    }
    free(names);
    free(note);
    return error;
}
