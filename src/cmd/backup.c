/* SPDX-License-Identifier: Apache-2.0 */
/* tally backup create, check, restore. */
#include "host/backup/backup.h"

#include "cmd/print.h"
#include "cmd/shelf.h"
#include "cmd/verbs.h"
#include "host/config/keys.h"
#include "tally/log.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_S = 1 }; /* What takes longer shows how far it is. */

/* ---- While it lasts ---- */

struct meter {
    bool terminal, shown;
    time_t begun;
};

static time_t seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static struct meter meter_of(const struct call *call)
{
    return (struct meter){.terminal = !call->json && isatty(STDERR_FILENO), .begun = seconds()};
}

static void on_progress(void *context, enum backup_phase phase, uint64_t done, uint64_t total)
{
    static const char *const words[] = {[BACKUP_COPIES] = "copied", [BACKUP_CHECKS] = "checked"};
    struct meter *meter = context;
    if (!meter->terminal || seconds() - meter->begun < PATIENCE_S)
        return;
    (void)fprintf(stderr, "\r\033[K%" PRIu64 " of %" PRIu64 " receipts %s", done, total,
                  words[phase]);
    meter->shown = true;
}

static void meter_end(const struct meter *meter)
{
    if (meter->shown)
        (void)fprintf(stderr, "\r\033[K");
}

/* ---- What is said of one ---- */

static json_t *about_json(const char *schema, const char *path, const struct backup_about *about)
{
    char did[TALLY_DID_SIZE + 1], made[PRINT_TIME];
    json_t *object = print_object(schema);
    tally_did_write(&about->node, did);
    print_time((struct tally_wall){about->made_s * 1000000}, made);
    (void)json_object_update_new(
        object, json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "backup", path,
                          "form", about->folder ? "folder" : "file", "node", did, "made", made,
                          "version", about->version, "files", (json_int_t)about->files, "bytes",
                          (json_int_t)about->bytes, "logs", (json_int_t)about->logs, "receipts",
                          (json_int_t)about->receipts, "pending", (json_int_t)about->pending,
                          "pruned", (json_int_t)about->pruned));
    (void)json_object_set_new(object, "keys", json_string(about->sealed ? "sealed" : "none"));
    return object;
}

static void print_counts(const struct backup_about *about)
{
    (void)printf("%" PRIu64 " receipts in %" PRIu64 " logs, %" PRIu64 " not yet under a checkpoint",
                 about->receipts, about->logs, about->pending);
}

static enum exit_code failed(struct call *call, const char *where)
{
    enum tally_error error = call->complaint.error;
    if (error == TALLY_IN_USE)
        call->remedy = "name another place";
    else if (error == TALLY_NOT_FOUND && strstr(call->complaint.text, "passphrase") != NULL)
        return call_fail_with(call, EXIT_USAGE, error, where, "%s", strdupa(call->complaint.text));
    return call_fail(call, where);
}

/* ---- The verbs ---- */

enum exit_code verb_backup_create(struct call *call)
{
    char data[PATHS_MAX], did[TALLY_DID_SIZE + 1];
    const char *path = call->operands[0];
    enum exit_code code = EXIT_DONE;
    struct backup_about about;
    struct meter meter = meter_of(call);
    if (!shelf_data(call, data, &code))
        return code;
    if (!paths_is_data(data)) {
        (void)paths_no_data(data, &call->complaint);
        return call_fail(call, data);
    }
    const struct backup_options options = {.data = data,
                                           .keys = call_flag(call, "with-keys"),
                                           .passphrase = call_option(call, "passphrase-file"),
                                           .context = &meter,
                                           .progress = on_progress};
    if (options.passphrase != NULL && !options.keys)
        return call_usage(call, "--passphrase-file is for the keys: add --with-keys");
    (void)umask(077);
    keys_harden();
    enum tally_error error = backup_create(path, &options, &about, &call->complaint);
    meter_end(&meter);
    if (error != TALLY_OK)
        return failed(call, path);
    if (call->json) {
        print_json(about_json("backup-create/1", path, &about));
        return EXIT_DONE;
    }
    tally_did_write(&about.node, did);
    (void)printf("made: ");
    print_counts(&about);
    (void)printf(", of %s; read again, every signature, hash and tree verifies\n", did);
    if (!about.sealed)
        (void)printf("the key is not in it: keep it elsewhere with tally key export\n");
    return EXIT_DONE;
}

static void print_checked(const struct backup_about *about)
{
    char did[TALLY_DID_SIZE + 1], made[PRINT_TIME];
    tally_did_write(&about->node, did);
    print_time((struct tally_wall){about->made_s * 1000000}, made);
    (void)printf("good: ");
    print_counts(about);
    (void)printf("; every signature, hash and tree verifies\n");
    (void)printf("node    %s\nmade    %s by tally %s\nkeys    %s\n", did, made, about->version,
                 about->opened   ? "there; the passphrase is theirs"
                 : about->sealed ? "there, under a passphrase; --with-keys tries it"
                                 : "none");
}

enum exit_code verb_backup_check(struct call *call)
{
    const char *path = call->operands[0];
    struct backup_about about;
    struct meter meter = meter_of(call);
    const char *passphrase = call_option(call, "passphrase-file");
    const struct backup_options options = {.keys =
                                               call_flag(call, "with-keys") || passphrase != NULL,
                                           .passphrase = passphrase,
                                           .scratch = call_option(call, "scratch"),
                                           .context = &meter,
                                           .progress = on_progress};
    (void)umask(077);
    keys_harden();
    enum tally_error error = backup_check(path, &options, &about, &call->complaint);
    meter_end(&meter);
    if (error != TALLY_OK)
        return failed(call, path);
    if (call->json) {
        json_t *object = about_json("backup-check/1", path, &about);
        (void)json_object_set_new(object, "good", json_true());
        (void)json_object_set_new(object, "opened", json_boolean(about.opened));
        print_json(object);
    } else {
        print_checked(&about);
    }
    return EXIT_DONE;
}

static const char *const keys_words[] = {[BACKUP_KEYS_WANTED] = "wanted",
                                         [BACKUP_KEYS_THERE] = "there",
                                         [BACKUP_KEYS_RESTORED] = "restored"};

static void print_restored(const char *data, const struct backup_about *about)
{
    char did[TALLY_DID_SIZE + 1];
    tally_did_write(&about->node, did);
    (void)printf("restored: ");
    print_counts(about);
    (void)printf(", of %s, in %s\n", did, data);
    if (about->keys == BACKUP_KEYS_WANTED)
        (void)printf("its key was not put back: before it runs, tally key import FILE --data %s\n",
                     data);
    (void)printf("before its first append the node asks those who knew it whether they hold more "
                 "of its logs; if tally status then says recovering, tally log recover "
                 "--from-peers fetches it\n");
}

enum exit_code verb_backup_restore(struct call *call)
{
    char data[PATHS_MAX];
    const char *path = call->operands[0];
    enum exit_code code = EXIT_DONE;
    struct backup_about about;
    struct meter meter = meter_of(call);
    if (!shelf_data(call, data, &code))
        return code;
    const struct backup_options options = {.data = data,
                                           .keys = !call_flag(call, "without-keys"),
                                           .passphrase = call_option(call, "passphrase-file"),
                                           .context = &meter,
                                           .progress = on_progress};
    (void)umask(077);
    keys_harden();
    enum tally_error error = backup_restore(path, &options, &about, &call->complaint);
    meter_end(&meter);
    if (error != TALLY_OK)
        return failed(call, path);
    if (call->json) {
        json_t *object = about_json("backup-restore/1", path, &about);
        (void)json_object_set_new(object, "data", json_string(data));
        (void)json_object_set_new(object, "keys", json_string(keys_words[about.keys]));
        print_json(object);
    } else {
        print_restored(data, &about);
    }
    return EXIT_DONE;
}
