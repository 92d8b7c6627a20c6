/* SPDX-License-Identifier: Apache-2.0 */
/* Each file, each kind of damage: what opening says, and what fsck says. Nothing is let pass. */
#include "core/base/bytes.h"
#include "opened.h"

#include <unistd.h>

enum { RECEIPTS = 600, LARGE_AT = 599 };

static struct world *set; /* Written once, and closed; each story damages a copy of it. */
static char copy[80], own_log[160], replica[160];

static enum tally_error open_copy(const char *dir, bool read_only, struct store **store)
{
    char message[512];
    const struct store_options options = {
        .dir = dir, .key = &set->author.key, .read_only = read_only};
    return store_open(&options, store, message, sizeof message);
}

static void perform(struct store *store, const struct tally_action *action,
                    const struct tally_package *package, struct tally_hash *root)
{
    struct store_job *job = store_job_new(action, package);
    store_commit(store, &job, 1);
    store_settle(store, job);
    assert_int_equal(job->error, TALLY_OK);
    if (root != NULL)
        *root = job->root;
    store_job_free(job);
}

/* 600 own receipts, the last with a large body; the log is sealed at 520 before, so that there are
   two checkpoints. */
static void write_own(struct store *store)
{
    static char body[5000];
    uint8_t bytes[TALLY_ENVELOPE_MAX];
    struct tally_action action;
    for (unsigned i = 0; i < RECEIPTS; i++) {
        snprintf(body, sizeof body, "receipt %u", i);
        action = (struct tally_action){.kind = TALLY_ACTION_APPEND};
        action.append.log = author_log(&set->author, true);
        action.append.first = i;
        action.append.body = bytes_of(body, i == LARGE_AT ? sizeof body : 40);
        action.append.envelope =
            bytes_of(bytes, author_write(&set->author, action.append.body, bytes));
        perform(store, &action, NULL, NULL);
        if (i != 519 && i != RECEIPTS - 1)
            continue;
        action = (struct tally_action){.kind = TALLY_ACTION_SEAL};
        action.seal.origin_hash = set->author.origin_hash;
        action.seal.size = i + 1;
        struct tally_hash root;
        perform(store, &action, NULL, &root);
        action = (struct tally_action){.kind = TALLY_ACTION_PUBLISH};
        action.publish.origin_hash = set->author.origin_hash;
        action.publish.size = i + 1;
        action.publish.root = root;
        action.publish.note = bytes_of(bytes, author_sign(&set->author, i + 1, &root, bytes));
        perform(store, &action, NULL, NULL);
    }
}

static void write_replica(struct store *store)
{
    struct merkle_range range = {0};
    uint8_t note[TALLY_CHECKPOINT_MAX];
    for (uint64_t first = 0; first < RECEIPTS; first += 256) {
        unsigned count = RECEIPTS - first < 256 ? (unsigned)(RECEIPTS - first) : 256;
        struct tally_package *package = author_package(&set->other, count, 30, "receipt", &range);
        struct tally_hash root;
        merkle_range_root(&range, &root);
        struct tally_action action = {.kind = TALLY_ACTION_APPEND};
        action.append.log = author_log(&set->other, false);
        action.append.first = first;
        action.append.package = 1;
        if (first + count == RECEIPTS)
            action.append.note = bytes_of(note, author_sign(&set->other, RECEIPTS, &root, note));
        perform(store, &action, package, NULL);
        author_package_free(package);
    }
}

static int write_set(void **state)
{
    assert_int_equal(set_up(state), 0);
    set = *state;
    snprintf(copy, sizeof copy, "%s.copy", set->dir);
    write_own(set->store);
    write_replica(set->store);
    assert_true(store_folder(set->store, &set->author.origin_hash, own_log, sizeof own_log));
    assert_true(store_folder(set->store, &set->other.origin_hash, replica, sizeof replica));
    store_close(set->store);
    set->store = NULL;
    return 0;
}

static int remove_set(void **state)
{
    nftw(copy, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return tear_down(state);
}

static void shell(const char *format, const char *a, const char *b)
{
    char command[700];
    snprintf(command, sizeof command, format, a, b);
    assert_int_equal(system(command), 0);
}

static void copy_anew(void)
{
    shell("rm -rf %s && mkdir -m 700 %s", copy, copy);
    shell("cp -a %s/. %s", set->dir, copy);
}

enum damage { MISSING, TRUNCATED, FLIPPED, SWAPPED };

/* Damages a file of the copy; SWAPPED puts another file of the same kind in its place. */
static void hurt(const char *path, enum damage damage, const char *instead)
{
    struct stat about;
    assert_int_equal(stat(path, &about), 0);
    switch (damage) {
    case MISSING:
        assert_int_equal(unlink(path), 0);
        return;
    case TRUNCATED:
        assert_int_equal(truncate(path, about.st_size / 2), 0);
        return;
    case FLIPPED: {
        FILE *file = fopen(path, "r+");
        assert_non_null(file);
        fseek(file, about.st_size * 2 / 3, SEEK_SET);
        int byte = fgetc(file);
        fseek(file, about.st_size * 2 / 3, SEEK_SET);
        fputc(byte ^ 4, file);
        fclose(file);
        return;
    }
    case SWAPPED:
        shell("cp %s %s", instead, path);
        return;
    }
}

static void count_report(void *context, const char *path, const char *sentence)
{
    unsigned *hits = context;
    assert_true(strlen(sentence) > 0);
    *hits += strlen(path) > 0;
}

static const struct {
    bool own;            /* Which of the two logs. */
    const char *file;    /* Below its folder. */
    const char *instead; /* Of the same kind, for SWAPPED; NULL: none. */
    bool refused[4];     /* Whether opening refuses, by damage. */
} files[] = {
    {true, "checkpoint", "../OTHER/checkpoint", {true, true, true, true}},
    {true, "signed", "../OTHER/checkpoint", {true, true, true, true}},
    {true, "origin", "../OTHER/origin", {true, true, true, true}},
    {true, "tile/0/000", "tile/0/001", {0}},
    {true, "tile/0/002.p/88", "tile/0/002.p/8", {0}},
    {true, "tile/1/000.p/2", "../OTHER/tile/1/000.p/2", {0}},
    {true, "tile/entries/000", "tile/entries/001", {0}},
    {true, "tile/entries/002.p/88", "tile/entries/002.p/8", {0}},
    {true, "bodies/001", "bodies/000", {0}},
    {true, "bodies/002.p/88", "bodies/002.p/8", {0}},
    {true, "blob/BLOB", "origin", {0}},
    {false, "checkpoint", "../OTHER/checkpoint", {false, true, true, true}},
    {false, "origin", "../OTHER/origin", {true, true, true, true}},
    {false, "tile/0/001", "tile/0/000", {0}},
    {false, "tile/1/000.p/2", "../OTHER/tile/1/000.p/2", {0}},
    {false, "tile/entries/001", "tile/entries/000", {0}},
    {false, "bodies/002.p/88", "../OTHER/bodies/002.p/88", {0}},
};

/* The path of a file of the table in the copy: OTHER is the other log, BLOB the only one. */
static void resolve(bool own, const char *file, char path[512])
{
    const char *folder = strrchr(own ? own_log : replica, '/');
    const char *other = strrchr(own ? replica : own_log, '/');
    if (strncmp(file, "../OTHER", 8) == 0)
        snprintf(path, 512, "%s/logs%s%s", copy, other, file + 8);
    else if (strcmp(file, "blob/BLOB") == 0) {
        char pattern[400];
        snprintf(pattern, sizeof pattern, "ls %s/logs%s/blob/*", copy, folder);
        FILE *names = popen(pattern, "r");
        assert_non_null(names);
        assert_non_null(fgets(path, 512, names));
        path[strcspn(path, "\n")] = '\0';
        pclose(names);
    } else
        snprintf(path, 512, "%s/logs%s/%s", copy, folder, file);
}

static void check_one(size_t row, enum damage damage)
{
    static const char *const names[] = {"missing", "truncated", "flipped", "swapped"};
    char path[512], instead[512] = "";
    struct store *store;
    copy_anew();
    resolve(files[row].own, files[row].file, path);
    if (files[row].instead != NULL)
        resolve(files[row].own, files[row].instead, instead);
    hurt(path, damage, instead);
    enum tally_error error = open_copy(copy, false, &store);
    bool refused = files[row].refused[damage];
    if (error != (refused ? TALLY_DAMAGED : TALLY_OK))
        fail_msg("%s %s: opening says %s", files[row].file, names[damage], tally_error_name(error));
    if (store != NULL)
        store_close(store);
    unsigned hits = 0;
    struct store_fsck fsck = {.context = &hits, .report = count_report};
    assert_int_equal(open_copy(copy, true, &store), TALLY_OK);
    error = store_fsck(store, &fsck);
    store_close(store);
    /* A replica without its checkpoint is one of which nothing was promised yet. */
    bool quiet = !files[row].own && damage == MISSING && strcmp(files[row].file, "checkpoint") == 0;
    if ((error == TALLY_DAMAGED) == quiet || (hits == 0) != quiet)
        fail_msg("%s %s: fsck says %s", files[row].file, names[damage], tally_error_name(error));
}

static void no_damage_passes(void **state)
{
    for (size_t row = 0; row < sizeof files / sizeof *files; row++)
        for (unsigned damage = MISSING; damage <= SWAPPED; damage++)
            check_one(row, (enum damage)damage);
}

static void what_is_whole_passes(void **state)
{
    struct store *store;
    unsigned hits = 0;
    struct store_fsck fsck = {.context = &hits, .report = count_report};
    assert_int_equal(open_copy(set->dir, true, &store), TALLY_OK);
    assert_int_equal(store_fsck(store, &fsck), TALLY_OK);
    assert_int_equal(fsck.receipts, 2 * RECEIPTS);
    assert_int_equal(fsck.logs, 2);
    store_close(store);
}

static void damaged_tiles_are_not_served(void **state)
{
    static const char *const names[] = {"tile/0/000", "tile/entries/000", "bodies/000"};
    for (size_t i = 0; i < 3; i++) {
        char path[512];
        struct store *store;
        uint8_t *bytes = malloc(TALLY_BODIES_MAX);
        copy_anew();
        resolve(true, names[i], path);
        hurt(path, TRUNCATED, "");
        assert_int_equal(open_copy(copy, false, &store), TALLY_OK);
        struct tally_ledger ledger = store_ledger(store);
        const struct tally_hash *origin = &set->author.origin_hash;
        bool tile = ledger.tile(ledger.context, origin, 0, 0, 256, (struct tally_hash *)bytes);
        bool entries = ledger.entries(ledger.context, origin, 0, 256, bytes, TALLY_BODIES_MAX) > 0;
        bool bodies = ledger.bodies(ledger.context, origin, 0, 256, bytes, TALLY_BODIES_MAX) > 0;
        assert_int_equal(tile, i != 0);
        assert_int_equal(entries, i != 1);
        assert_int_equal(bodies, i != 2);
        store_close(store);
        free(bytes);
    }
}

static void a_damaged_database_is_said(void **state)
{
    char path[512];
    struct store *store;
    copy_anew();
    snprintf(path, sizeof path, "%s/state.db", copy);
    FILE *file = fopen(path, "w");
    fputs("this is not a database, whatever its name may say about it", file);
    fclose(file);
    assert_int_equal(open_copy(copy, false, &store), TALLY_DAMAGED);
    unsigned hits = 0;
    struct store_fsck fsck = {.context = &hits, .report = count_report};
    assert_int_equal(open_copy(copy, true, &store), TALLY_OK);
    assert_int_equal(store_fsck(store, &fsck), TALLY_DAMAGED);
    assert_int_equal(hits, 1);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_whole_passes),
        cmocka_unit_test(no_damage_passes),
        cmocka_unit_test(damaged_tiles_are_not_served),
        cmocka_unit_test(a_damaged_database_is_said),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, write_set, remove_set);
}
