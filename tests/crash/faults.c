/* SPDX-License-Identifier: Apache-2.0 */
/*
 * faults POWERCUT: the nth write or fsync fails, or the disk is full after n bytes, wherever that
 * falls in the story of a log. What was acknowledged stays; after EIO nothing more is taken until
 * the store is opened again; after a full disk it goes on by itself once there is space.
 */
#include "core/base/bytes.h"
#include "host/store/store.h"
#include "support/author.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 4, BATCH = 8, PACKAGE = 40 };

static struct {
    char mount[64], dir[96];
    struct author author, other;
    struct merkle_range range;
    uint64_t published, copied; /* Acknowledged, beside author.next. */
    unsigned failures;
} run;

static void problem(const char *what, long number)
{
    printf("# %s (at %ld)\n", what, number);
    run.failures++;
}

static bool command(const char *verb, long number)
{
    char path[96], text[64];
    snprintf(path, sizeof path, "%s/.powercut", run.mount);
    int size = snprintf(text, sizeof text, "%s %ld", verb, number);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool done = fd >= 0 && write(fd, text, (size_t)size) == size;
    if (fd >= 0)
        close(fd);
    return done;
}

static enum tally_error perform(struct store *store, const struct tally_action *action,
                                const struct tally_package *package, struct tally_hash *root)
{
    struct store_job *job = store_job_new(action, package);
    store_commit(store, &job, 1);
    store_settle(store, job);
    enum tally_error error = job->error;
    if (root != NULL)
        *root = job->root;
    store_job_free(job);
    return error;
}

static enum tally_error append(struct store *store)
{
    uint8_t envelope[TALLY_ENVELOPE_MAX];
    static char body[5000];
    struct tally_hash previous = run.author.previous;
    struct tally_action action = {.kind = TALLY_ACTION_APPEND};
    action.append.log = author_log(&run.author, true);
    action.append.first = run.author.next;
    action.append.body = bytes_of(body, run.author.next % 5 == 4 ? sizeof body : 100);
    action.append.envelope =
        bytes_of(envelope, author_write(&run.author, action.append.body, envelope));
    enum tally_error error = perform(store, &action, NULL, NULL);
    if (error != TALLY_OK) {
        run.author.next--;
        run.author.previous = previous;
    }
    return error;
}

static enum tally_error publish(struct store *store)
{
    uint8_t note[TALLY_CHECKPOINT_MAX];
    struct tally_hash root;
    struct tally_action action = {.kind = TALLY_ACTION_SEAL};
    action.seal.origin_hash = run.author.origin_hash;
    action.seal.size = run.author.next;
    enum tally_error error = perform(store, &action, NULL, &root);
    if (error != TALLY_OK)
        return error;
    action = (struct tally_action){.kind = TALLY_ACTION_PUBLISH};
    action.publish.origin_hash = run.author.origin_hash;
    action.publish.size = run.author.next;
    action.publish.root = root;
    action.publish.note = bytes_of(note, author_sign(&run.author, run.author.next, &root, note));
    error = perform(store, &action, NULL, NULL);
    if (error == TALLY_OK)
        run.published = run.author.next;
    return error;
}

/* The next package of the other issuer, with a head: made anew until it is taken. */
static enum tally_error copy(struct store *store)
{
    uint8_t note[TALLY_CHECKPOINT_MAX];
    struct author before = run.other;
    struct merkle_range range = run.range;
    struct tally_hash root;
    struct tally_package *package = author_package(&run.other, PACKAGE, 60, "copy", &run.range);
    merkle_range_root(&run.range, &root);
    struct tally_action action = {.kind = TALLY_ACTION_APPEND};
    action.append.log = author_log(&run.other, false);
    action.append.first = before.next;
    action.append.package = 1;
    action.append.note = bytes_of(note, author_sign(&run.other, run.other.next, &root, note));
    enum tally_error error = perform(store, &action, package, NULL);
    author_package_free(package);
    struct tally_ledger ledger = store_ledger(store);
    struct tally_log_view view = {0};
    (void)ledger.find(ledger.context, &run.other.origin_hash, &view);
    if (error == TALLY_OK)
        run.copied = run.other.next;
    /* Staged although the head did not move: the next package continues it. */
    if (error != TALLY_OK && view.durable == before.next) {
        run.other.next = before.next;
        run.other.previous = before.previous;
        run.range = range;
    }
    return error;
}

/* The story; stops at the first error that `expected` does not name. */
static enum tally_error story(struct store *store, enum tally_error expected, long number)
{
    enum tally_error first = TALLY_OK;
    for (unsigned i = 0; i < ROUNDS * (BATCH + 2); i++) {
        unsigned turn = i % (BATCH + 2);
        if (turn == BATCH && run.author.next == 0)
            continue; /* Nothing to seal. */
        enum tally_error error = turn < BATCH    ? append(store)
                                 : turn == BATCH ? publish(store)
                                                 : copy(store);
        if (error != TALLY_OK && error != expected)
            problem(tally_error_name(error), number);
        if (expected == TALLY_IO && first == TALLY_IO && error != TALLY_IO)
            problem("something was taken after EIO", number);
        first = first == TALLY_OK ? error : first;
    }
    return first;
}

static struct store *open_store(long number)
{
    struct store *store;
    char message[300];
    const struct store_options options = {.dir = run.dir, .key = &run.author.key};
    if (store_open(&options, &store, message, sizeof message) != TALLY_OK)
        problem(message, number);
    return store;
}

static void on_problem(void *context, const char *path, const char *sentence)
{
    printf("# %s %s\n", path, sentence);
}

static void check(struct store *store, long number)
{
    struct tally_ledger ledger = store_ledger(store);
    struct tally_log_view own = {0}, replica = {0};
    (void)ledger.find(ledger.context, &run.author.origin_hash, &own);
    (void)ledger.find(ledger.context, &run.other.origin_hash, &replica);
    if (own.durable < run.author.next || own.size < run.published || replica.size < run.copied)
        problem("something acknowledged is lost", number);
    struct store_fsck fsck = {.report = on_problem};
    if (store_fsck(store, &fsck) != TALLY_OK)
        problem("fsck", number);
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    return remove(path);
}

static void begin(long number)
{
    nftw(run.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    snprintf(run.dir, sizeof run.dir, "%s/%ld", run.mount, number);
    author_init(&run.author, 1);
    author_init(&run.other, 2);
    run.range = (struct merkle_range){0};
    run.published = run.copied = 0;
}

/* True if the fault was reached: else the story is over. */
static bool fail_nth(long number)
{
    begin(number);
    struct store *store = open_store(number);
    if (store == NULL || !command("eio", number))
        return false;
    bool reached = story(store, TALLY_IO, number) == TALLY_IO;
    if (reached && store_writable(store, NULL))
        problem("still writable after EIO", number);
    store_close(store);
    command("eio", -1);
    if ((store = open_store(number)) != NULL)
        check(store, number);
    store_close(store);
    return reached;
}

static bool fill_after(long bytes)
{
    begin(bytes);
    struct store *store = open_store(bytes);
    if (store == NULL || !command("full", bytes))
        return false;
    bool reached = story(store, TALLY_FULL, bytes) == TALLY_FULL;
    command("full", -1);
    if (append(store) != TALLY_OK || publish(store) != TALLY_OK || copy(store) != TALLY_OK)
        problem("does not go on although there is space", bytes);
    check(store, bytes);
    store_close(store);
    if ((store = open_store(bytes)) != NULL)
        check(store, bytes);
    store_close(store);
    return reached;
}

static pid_t mount_disk(const char *program)
{
    char path[96];
    snprintf(path, sizeof path, "%s/.powercut", run.mount);
    pid_t disk = fork();
    if (disk == 0) {
        execl(program, program, run.mount, "1", (char *)NULL);
        _exit(1);
    }
    for (unsigned i = 0; i < 500; i++) { /* FUSE has no other way to say that it is ready. */
        if (access(path, F_OK) == 0)
            return disk;
        if (waitpid(disk, NULL, WNOHANG) != 0)
            return 0;
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    return 0;
}

int main(int argc, char **argv)
{
    char unmount[96];
    printf("1..2\n");
    snprintf(run.mount, sizeof run.mount, "/tmp/tally-faults-XXXXXX");
    if (argc < 2 || access("/dev/fuse", R_OK | W_OK) != 0 || mkdtemp(run.mount) == NULL) {
        printf("ok 1 # SKIP /dev/fuse cannot be opened\nok 2 # SKIP\n");
        return 77;
    }
    pid_t disk = mount_disk(argv[1]);
    if (disk == 0) {
        rmdir(run.mount);
        printf("ok 1 # SKIP FUSE cannot be mounted here\nok 2 # SKIP\n");
        return 77;
    }
    long reached = 0;
    /* Some fall on what nobody needs (the write-back of SQLite's shared memory) or past the end. */
    for (long i = 1; i < 600 && run.failures == 0; i += i < 60 ? 1 : 13)
        reached += fail_nth(i);
    unsigned failed = run.failures;
    printf("%sok 1 - each of %ld failing writes and fsyncs is survived\n",
           failed == 0 && reached > 30 ? "" : "not ", reached);
    reached = 0;
    for (long i = 0; fill_after(i) && run.failures == failed; i = i * 5 / 4 + 1000)
        reached++;
    printf("%sok 2 - each of %ld full disks is survived\n",
           run.failures == failed && reached > 10 ? "" : "not ", reached);
    nftw(run.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    snprintf(unmount, sizeof unmount, "fusermount3 -u %s", run.mount);
    if (system(unmount) == 0)
        waitpid(disk, NULL, 0);
    rmdir(run.mount);
    return run.failures == 0 ? 0 : 1;
}
