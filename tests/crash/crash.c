/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crash: a store is used by a child that is killed at a random moment; then, with --powercut, the
 * power fails. What the child had reported must be there when the store is opened again, and every
 * checkpoint ever seen must be of one tree.
 *
 *   crash [--cycles N] [--seed S] [--powercut PROGRAM] [--find MISTAKE]
 *
 * The environment's TALLY_LONG makes it fifteen times as many. --find passes if the mistake planted
 * in this build's store (disk.h) is noticed. Each life writes other bodies, so a receipt that is
 * lost and written anew is another receipt. Skips with 77 without FUSE.
 */
#include "core/base/bytes.h"
#include "core/log/tree.h"
#include "host/store/store.h"
#include "support/author.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    LIVES = 20,          /* Of one data directory; then a new one is begun. */
    RECEIPTS_MAX = 4096, /* Of one data directory, after which a child only waits. */
    HEADS_MAX = 4096,
    REPLICA = 1200, /* Receipts of the other issuer, made once. */
    PACKAGES = 10,
    LARGE = 6000, /* Bytes of a body above the inline limit. */
};

/* What a child tells, each in one write. */
enum tale { OPENED, APPENDED, PUBLISHED, COPIED, MOVED, PRUNED };
struct report {
    enum tale tale;
    uint64_t number; /* Index, size, or durable receipts. */
    struct tally_hash hash;
};

/* What was told of one data directory. */
struct memory {
    uint64_t receipts, published, copied, moved, pruned;
    struct tally_hash hashes[RECEIPTS_MAX];
    struct report heads[HEADS_MAX];
    size_t head_count;
};

static struct {
    const char *powercut, *find;
    char top[64], mount[80], dir[96];
    unsigned cycles, generation;
    uint64_t chance;
    pid_t disk;
    struct author author;
    struct tally_package *packages[PACKAGES];
    struct tally_hash roots[PACKAGES]; /* Of the replica after each package. */
    struct author other;
    struct memory memory;
    unsigned recoveries, faults;
} run;

static uint64_t draw(uint64_t below)
{
    uint64_t z = run.chance += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return (z ^ z >> 31) % below;
}

__attribute__((format(printf, 1, 2))) static void fault(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    run.faults++;
    printf("# ");
    vprintf(format, values);
    printf("\n");
    fflush(stdout);
    va_end(values);
}

/* ---- The child ---- */

static int told;

static void tell(enum tale tale, uint64_t number, const struct tally_hash *hash)
{
    struct report report = {.tale = tale, .number = number};
    if (hash != NULL)
        report.hash = *hash;
    if (write(told, &report, sizeof report) != sizeof report)
        _exit(1);
}

struct batch {
    struct store_job *jobs[32];
    struct report reports[32];
    size_t count;
};

static void add(struct batch *batch, const struct tally_action *action,
                const struct tally_package *package, struct report report)
{
    batch->jobs[batch->count] = store_job_new(action, package);
    assert(batch->jobs[batch->count] != NULL);
    batch->reports[batch->count++] = report;
}

/* Commits and tells. A child whose store refuses ends; the parent then sees what it left. */
static void commit(struct store *store, struct batch *batch)
{
    store_commit(store, batch->jobs, batch->count);
    for (size_t i = 0; i < batch->count; i++) {
        struct store_job *job = batch->jobs[i];
        store_settle(store, job);
        if (job->error != TALLY_OK)
            _exit(2);
        if (job->kind == TALLY_ACTION_SEAL)
            batch->reports[i].hash = job->root;
        else
            tell(batch->reports[i].tale, batch->reports[i].number, &batch->reports[i].hash);
        store_job_free(job);
    }
}

static void add_receipts(struct batch *batch, unsigned count, unsigned life)
{
    for (unsigned i = 0; i < count && run.author.next < RECEIPTS_MAX; i++) {
        static char body[LARGE];
        uint8_t envelope[TALLY_ENVELOPE_MAX];
        uint64_t index = run.author.next;
        memset(body, '.', sizeof body);
        snprintf(body, sizeof body, "life %u receipt %llu", life, (unsigned long long)index);
        struct tally_action action = {.kind = TALLY_ACTION_APPEND};
        action.append.log = author_log(&run.author, true);
        action.append.first = index;
        action.append.body = bytes_of(body, draw(40) == 0 ? LARGE : 300);
        action.append.envelope =
            bytes_of(envelope, author_write(&run.author, action.append.body, envelope));
        add(batch, &action, NULL,
            (struct report){.tale = APPENDED, .number = index, .hash = run.author.previous});
    }
}

static void add_package(struct batch *batch, unsigned which, uint64_t first)
{
    uint8_t note[TALLY_CHECKPOINT_MAX];
    uint64_t end = first + run.packages[which]->count;
    struct tally_action action = {.kind = TALLY_ACTION_APPEND};
    action.append.log = author_log(&run.other, false);
    action.append.first = first;
    action.append.package = 9;
    bool head = draw(3) == 0;
    if (head)
        action.append.note = bytes_of(note, author_sign(&run.other, end, &run.roots[which], note));
    add(batch, &action, run.packages[which],
        (struct report){.tale = head ? MOVED : COPIED, .number = end, .hash = run.roots[which]});
}

static void seal_and_publish(struct store *store, uint64_t size)
{
    uint8_t note[TALLY_CHECKPOINT_MAX];
    struct batch batch = {0};
    struct tally_action action = {.kind = TALLY_ACTION_SEAL};
    action.seal.origin_hash = run.author.origin_hash;
    action.seal.size = size;
    add(&batch, &action, NULL, (struct report){.tale = PUBLISHED, .number = size});
    commit(store, &batch);
    struct tally_hash root = batch.reports[0].hash;
    batch.count = 0;
    action = (struct tally_action){.kind = TALLY_ACTION_PUBLISH};
    action.publish.origin_hash = run.author.origin_hash;
    action.publish.size = size;
    action.publish.root = root;
    action.publish.note = bytes_of(note, author_sign(&run.author, size, &root, note));
    add(&batch, &action, NULL, (struct report){.tale = PUBLISHED, .number = size, .hash = root});
    commit(store, &batch);
}

/* Where the author goes on: behind the last durable receipt. */
static void resume(struct store *store)
{
    struct tally_ledger ledger = store_ledger(store);
    struct tally_log_view view = {0};
    uint8_t envelope[TALLY_ENVELOPE_MAX];
    (void)ledger.find(ledger.context, &run.author.origin_hash, &view);
    run.author.next = view.durable;
    if (view.durable == 0)
        return;
    size_t size = ledger.entry(ledger.context, &run.author.origin_hash, view.durable - 1, envelope,
                               sizeof envelope);
    if (size == 0)
        _exit(3);
    tally_receipt_hash(bytes_of(envelope, size), &run.author.previous);
}

static uint64_t copied(struct store *store)
{
    struct tally_ledger ledger = store_ledger(store);
    struct tally_log_view view = {0};
    (void)ledger.find(ledger.context, &run.other.origin_hash, &view);
    return view.durable;
}

/* Bodies of the replica's first receipts go, as far as its checkpoint reaches. */
static void add_prune(struct batch *batch, struct store *store)
{
    struct tally_ledger ledger = store_ledger(store);
    struct tally_log_view view = {0};
    struct tally_action action = {.kind = TALLY_ACTION_PRUNE};
    (void)ledger.find(ledger.context, &run.other.origin_hash, &view);
    if (view.size <= view.pruned)
        return;
    action.prune.ticket = 1;
    action.prune.origin_hash = run.other.origin_hash;
    action.prune.to = view.pruned + 1 + draw(view.size - view.pruned);
    add(batch, &action, NULL, (struct report){.tale = PRUNED, .number = action.prune.to});
}

static enum tally_error open_store(struct store **store, char *message, size_t size)
{
    const struct store_options options = {.dir = run.dir, .key = &run.author.key};
    return store_open(&options, store, message, size);
}

_Noreturn static void live(unsigned life)
{
    struct store *store;
    char message[512];
    if (open_store(&store, message, sizeof message) != TALLY_OK) {
        fault("life %u does not open: %s", life, message);
        _exit(4);
    }
    tell(OPENED, life, NULL);
    resume(store);
    for (;;) {
        struct batch batch = {0};
        uint64_t first = copied(store), at = 0;
        add_receipts(&batch, 1 + (unsigned)draw(12), life);
        for (unsigned i = 0; i < PACKAGES && draw(2) == 0; i++) {
            if (at == first)
                add_package(&batch, i, first);
            first = at == first ? first + run.packages[i]->count : first;
            at += run.packages[i]->count;
        }
        if (draw(4) == 0)
            add_prune(&batch, store);
        if (batch.count == 0)
            pause();
        commit(store, &batch);
        if (draw(2) == 0)
            seal_and_publish(store, run.author.next);
    }
}

/* ---- The parent ---- */

static void remember(const struct report *report)
{
    struct memory *memory = &run.memory;
    switch (report->tale) {
    case OPENED:
        break;
    case APPENDED:
        memory->receipts = report->number + 1;
        memory->hashes[report->number] = report->hash;
        break;
    case PUBLISHED:
        memory->published = report->number;
        if (memory->head_count < HEADS_MAX)
            memory->heads[memory->head_count++] = *report;
        break;
    case MOVED:
        memory->moved = report->number;
        memory->copied = report->number;
        break;
    case COPIED:
        memory->copied = report->number;
        break;
    case PRUNED:
        memory->pruned = report->number;
        break;
    }
}

static void check_own(struct store *store)
{
    struct memory *memory = &run.memory;
    struct tally_ledger ledger = store_ledger(store);
    const struct tree tree = {.ledger = &ledger, .origin = &run.author.origin_hash};
    struct tally_log_view view = {0};
    (void)ledger.find(ledger.context, &run.author.origin_hash, &view);
    if (view.durable < memory->receipts)
        fault("%llu receipts were acknowledged, %llu are there",
              (unsigned long long)memory->receipts, (unsigned long long)view.durable);
    if (view.size < memory->published)
        fault("size %llu was published, the log has %llu", (unsigned long long)memory->published,
              (unsigned long long)view.size);
    for (uint64_t i = 0; i < view.durable && i < RECEIPTS_MAX; i++) {
        uint8_t envelope[TALLY_ENVELOPE_MAX];
        struct tally_hash hash;
        size_t size =
            ledger.entry(ledger.context, &run.author.origin_hash, i, envelope, sizeof envelope);
        tally_receipt_hash(bytes_of(envelope, size), &hash);
        if (i >= memory->receipts) /* Durable, though nobody lived to tell: from now on it stays. */
            memory->hashes[i] = hash;
        if (size == 0 || !hash_equal(&hash, &memory->hashes[i])) {
            fault("receipt %llu is not the one that was acknowledged", (unsigned long long)i);
            break;
        }
    }
    if (view.durable > memory->receipts)
        memory->receipts = view.durable;
    /* What lies in the checkpoint file may have been seen, whoever lived to tell. */
    if (view.size > memory->published)
        remember(&(struct report){.tale = PUBLISHED, .number = view.size, .hash = view.root});
    for (size_t i = 0; i < memory->head_count; i++) {
        struct tally_hash root;
        if (memory->heads[i].number > view.size ||
            !tree_root(&tree, memory->heads[i].number, &root) ||
            !hash_equal(&root, &memory->heads[i].hash)) {
            fault("the checkpoint of size %llu is of another tree",
                  (unsigned long long)memory->heads[i].number);
            break;
        }
    }
}

static void check_replica(struct store *store)
{
    struct memory *memory = &run.memory;
    struct tally_ledger ledger = store_ledger(store);
    struct tally_log_view view = {0};
    (void)ledger.find(ledger.context, &run.other.origin_hash, &view);
    if (view.durable < memory->copied || view.size < memory->moved)
        fault("the replica had %llu (head %llu), now %llu (head %llu)",
              (unsigned long long)memory->copied, (unsigned long long)memory->moved,
              (unsigned long long)view.durable, (unsigned long long)view.size);
    uint64_t size = 0;
    for (unsigned i = 0; i < PACKAGES; i++) {
        size += run.packages[i]->count;
        if (size == view.size && !hash_equal(&view.root, &run.roots[i]))
            fault("the replica's root of size %llu is wrong", (unsigned long long)size);
    }
}

/* Of a replica the bodies up to the mark are gone, and none behind it. */
static void check_pruned(struct store *store)
{
    struct tally_ledger ledger = store_ledger(store);
    struct tally_log_view view = {0};
    (void)ledger.find(ledger.context, &run.other.origin_hash, &view);
    if (view.pruned < run.memory.pruned)
        fault("%llu bodies were pruned, and %llu are", (unsigned long long)run.memory.pruned,
              (unsigned long long)view.pruned);
    for (uint64_t i = 0; i < view.durable; i++) {
        uint8_t body[256];
        size_t size;
        bool there =
            ledger.body(ledger.context, &run.other.origin_hash, i, 0, body, sizeof body, &size);
        if (there == (i >= view.pruned))
            continue;
        fault("body %llu of the replica is %s, and %llu are pruned", (unsigned long long)i,
              there ? "there" : "lost", (unsigned long long)view.pruned);
        break;
    }
}

static void on_problem(void *context, const char *path, const char *sentence)
{
    fault("fsck: %s: %s", path, sentence);
}

static void check(void)
{
    struct store *store;
    char message[512];
    if (open_store(&store, message, sizeof message) != TALLY_OK) {
        fault("does not open: %s", message);
        return;
    }
    check_own(store);
    check_replica(store);
    check_pruned(store);
    struct store_fsck fsck = {.report = on_problem};
    if (store_fsck(store, &fsck) != TALLY_OK && fsck.problems == 0)
        fault("fsck could not run");
    store_close(store);
}

static bool cut_power(void)
{
    char path[128];
    snprintf(path, sizeof path, "%s/.powercut", run.mount);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool done = fd >= 0 && write(fd, "cut", 3) == 3;
    if (fd >= 0)
        close(fd);
    return done;
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    return remove(path);
}

static void begin_directory(void)
{
    if (run.dir[0] != '\0')
        nftw(run.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    snprintf(run.dir, sizeof run.dir, "%s/%u", run.mount, run.generation++);
    run.memory = (struct memory){0};
    run.author.next = 0;
    run.author.previous = (struct tally_hash){0};
}

/* Reads what the child tells until it is time to kill it, then the rest. */
static bool listen_and_kill(pid_t child, int from, uint64_t delay_us)
{
    struct timespec start, now;
    bool opened = false, killed = false;
    struct report report;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (;;) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        int64_t spent =
            (now.tv_sec - start.tv_sec) * 1000000 + (now.tv_nsec - start.tv_nsec) / 1000;
        if (!killed && spent >= (int64_t)delay_us) {
            kill(child, SIGKILL);
            killed = true;
        }
        struct pollfd wait = {.fd = from, .events = POLLIN};
        int64_t left = (int64_t)delay_us - spent;
        const struct timespec limit = {.tv_sec = left / 1000000, .tv_nsec = left % 1000000 * 1000};
        if (ppoll(&wait, 1, killed ? NULL : &limit, NULL) <= 0)
            continue;
        if (read(from, &report, sizeof report) != sizeof report)
            break;
        opened = opened || report.tale == OPENED;
        remember(&report);
    }
    waitpid(child, NULL, 0);
    return opened;
}

static bool cycle(unsigned number)
{
    int ends[2];
    if (number % LIVES == 0 || run.memory.receipts > RECEIPTS_MAX - 64)
        begin_directory();
    if (pipe(ends) != 0)
        return false;
    fflush(stdout);
    uint64_t chance = draw(UINT64_MAX);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        told = ends[1];
        run.chance = chance;
        live(number);
    }
    close(ends[1]);
    /* Each third life ends while it opens, which is where recovery is. */
    bool young = number % 3 == 2;
    bool opened = listen_and_kill(child, ends[0], young ? 200 + draw(8000) : 2000 + draw(80000));
    close(ends[0]);
    if (!opened && run.memory.receipts > 0)
        run.recoveries++;
    if (run.powercut != NULL && !cut_power())
        return false;
    check();
    return true;
}

/* ---- Beginning and end ---- */

static bool mount_disk(uint64_t seed)
{
    char path[128], text[32];
    snprintf(path, sizeof path, "%s/.powercut", run.mount);
    snprintf(text, sizeof text, "%llu", (unsigned long long)seed);
    run.disk = fork();
    if (run.disk == 0) {
        execl(run.powercut, run.powercut, run.mount, text, (char *)NULL);
        _exit(1);
    }
    for (unsigned i = 0; i < 500; i++) { /* FUSE has no other way to say that it is ready. */
        if (access(path, F_OK) == 0)
            return true;
        if (waitpid(run.disk, NULL, WNOHANG) != 0)
            return false;
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    return false;
}

static void end(void)
{
    nftw(run.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    if (run.disk > 0) {
        char command[160];
        snprintf(command, sizeof command, "fusermount3 -u %s", run.mount);
        if (system(command) == 0)
            waitpid(run.disk, NULL, 0);
    }
    rmdir(run.mount);
    rmdir(run.top);
}

/* A run of the other issuer's receipts in packages that meet at 256 and also elsewhere. */
static void make_replica(void)
{
    static const unsigned counts[PACKAGES] = {256, 256, 100, 156, 256, 40, 40, 40, 30, 26};
    struct merkle_range range = {0};
    author_init(&run.other, 2);
    for (unsigned i = 0; i < PACKAGES; i++) {
        run.packages[i] = author_package(&run.other, counts[i], 120, "receipt", &range);
        merkle_range_root(&range, &run.roots[i]);
    }
    assert(run.other.next == REPLICA);
}

static int verdict(unsigned done)
{
    bool found = run.faults > 0;
    printf("# %u crashes, %u of them during recovery, %u faults\n", done, run.recoveries,
           run.faults);
    if (run.find != NULL) {
        printf("%sok 1 - the planted mistake %s is found\n", found ? "" : "not ", run.find);
        return found ? 0 : 1;
    }
    bool good = !found && done == run.cycles && run.recoveries > 0;
    printf("%sok 1 - nothing acknowledged is lost, and there is one tree\n", good ? "" : "not ");
    return good ? 0 : 1;
}

int main(int argc, char **argv)
{
    run.cycles = 40;
    run.chance = (uint64_t)time(NULL);
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--cycles") == 0)
            run.cycles = (unsigned)strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0)
            run.chance = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--powercut") == 0)
            run.powercut = argv[i + 1];
        else if (strcmp(argv[i], "--find") == 0)
            run.find = argv[i + 1];
    }
    if (getenv("TALLY_LONG") != NULL && run.find == NULL)
        run.cycles *= 15;
    printf("1..1\n# seed %llu\n", (unsigned long long)run.chance);
    if (run.powercut != NULL && access("/dev/fuse", R_OK | W_OK) != 0) {
        printf("ok 1 # SKIP /dev/fuse cannot be opened\n");
        return 77;
    }
    snprintf(run.top, sizeof run.top, "/tmp/tally-crash-XXXXXX");
    if (mkdtemp(run.top) == NULL)
        return 1;
    snprintf(run.mount, sizeof run.mount, "%s/m", run.top);
    mkdir(run.mount, 0700);
    if (run.powercut != NULL && !mount_disk(run.chance)) {
        rmdir(run.mount);
        rmdir(run.top);
        printf("ok 1 # SKIP FUSE cannot be mounted here\n");
        return 77;
    }
    author_init(&run.author, 1);
    make_replica();
    if (run.find != NULL)
        setenv("STORE_PLANT", run.find, 1);
    unsigned done = 0;
    while (done < run.cycles && (run.find == NULL || run.faults == 0) && run.faults < 20 &&
           cycle(done))
        done++;
    end();
    for (unsigned i = 0; i < PACKAGES; i++)
        author_package_free(run.packages[i]);
    return verdict(done);
}
