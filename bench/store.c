/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store: packages of a replica made durable, the disk's part of catching up alone. 256 receipts
 * with bodies of 300 bytes a package, 16 packages a batch, the head at the end. The reference
 * writes the same bytes into one file and fsyncs it as often: what the disk allows, without names
 * or a tree.
 */
#include "host/store/store.h"
#include "bench.h"
#include "core/base/bytes.h"
#include "core/crypto/sign.h"
#include "core/log/merkle.h"
#include "tally/log.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WIDTH = 256, BATCH = 16, ENVELOPE = 300, BODY = 300, RECEIPTS = 200000 };

struct work {
    char dir[64];
    struct tally_key key;
    struct tally_crypto crypto;
    char origin[TALLY_ORIGIN_MAX + 1];
    struct tally_hash origin_hash;
    struct merkle_range range;
    struct tally_package packages[BATCH];
    uint8_t note[TALLY_CHECKPOINT_MAX];
    uint64_t next;
    double store_s, bare_s;
};

static uint8_t seed[32] = "a benchmark needs no secret key";

static void sign(void *context, struct tally_bytes message, struct tally_signature *signature)
{
    sign_with_seed(context, message, signature);
}

/* The store reads no envelope of a verified package: any bytes of the right length will do. */
static void fill(struct work *work, struct tally_package *package)
{
    package->count = 0;
    package->entries_size = package->bodies_size = 0;
    for (; package->count < WIDTH; work->next++) {
        uint8_t *entry = package->entries + package->entries_size;
        uint8_t *body = package->bodies + package->bodies_size;
        be16_write(entry, ENVELOPE);
        memset(entry + 2, (int)work->next, ENVELOPE);
        be64_write(entry + 2, work->next);
        be32_write(body, BODY);
        memset(body + 4, (int)work->next, BODY);
        package->entries_size += 2 + ENVELOPE;
        package->bodies_size += 4 + BODY;
        struct tally_hash *leaf = &package->leaves[package->count++];
        merkle_leaf(bytes_of(entry + 2, ENVELOPE), leaf);
        merkle_range_append(&work->range, leaf);
    }
}

static struct tally_bytes head(struct work *work)
{
    struct tally_vkey vkey;
    struct tally_checkpoint checkpoint = {.origin = bytes_text(work->origin), .size = work->next};
    merkle_range_root(&work->range, &checkpoint.root);
    if (!tally_vkey_init(&vkey, checkpoint.origin, TALLY_VKEY_LOG, &work->key))
        return bytes_of(NULL, 0);
    return bytes_of(work->note,
                    tally_checkpoint_sign(&checkpoint, &vkey, &work->crypto, work->note));
}

static bool store_batch(struct work *work, struct store *store, bool last)
{
    struct store_job *jobs[BATCH];
    uint64_t first = work->next;
    for (size_t i = 0; i < BATCH; i++)
        fill(work, &work->packages[i]);
    for (size_t i = 0; i < BATCH; i++) {
        struct tally_action action = {.kind = TALLY_ACTION_APPEND};
        action.append.log = (struct tally_log_id){.origin_hash = work->origin_hash,
                                                  .issuer = work->key,
                                                  .origin = work->origin,
                                                  .name_space = "bench"};
        action.append.first = first + i * WIDTH;
        action.append.package = 1;
        if (last && i + 1 == BATCH)
            action.append.note = head(work);
        jobs[i] = store_job_new(&action, &work->packages[i]);
        if (jobs[i] == NULL)
            return false;
    }
    double start = bench_now();
    store_commit(store, jobs, BATCH);
    work->store_s += bench_now() - start;
    bool good = true;
    for (size_t i = 0; i < BATCH; i++) {
        store_settle(store, jobs[i]);
        good = good && jobs[i]->error == TALLY_OK;
        store_job_free(jobs[i]);
    }
    return good;
}

static bool bare_batch(struct work *work, int fd)
{
    double start = bench_now();
    bool good = true;
    for (size_t i = 0; i < BATCH; i++) {
        const struct tally_package *package = &work->packages[i];
        good = good && write(fd, package->entries, package->entries_size) > 0 &&
               write(fd, package->bodies, package->bodies_size) > 0 &&
               write(fd, package->leaves, sizeof package->leaves) > 0;
    }
    good = good && fsync(fd) == 0;
    work->bare_s += bench_now() - start;
    return good;
}

static bool run_all(struct work *work, uint64_t receipts)
{
    char path[96], message[300];
    struct store *store;
    snprintf(path, sizeof path, "%s/data", work->dir);
    const struct store_options options = {.dir = path};
    if (store_open(&options, &store, message, sizeof message) != TALLY_OK) {
        bench_complain("%s", message);
        return false;
    }
    snprintf(path, sizeof path, "%s/bare", work->dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    bool good = fd >= 0;
    while (good && work->next < receipts) {
        good = store_batch(work, store, work->next + BATCH * WIDTH >= receipts) &&
               bare_batch(work, fd);
        bench_progress("%llu receipts", (unsigned long long)work->next);
    }
    if (fd >= 0)
        close(fd);
    store_close(store);
    return good;
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    return remove(path);
}

static bool prepare(struct work *work)
{
    snprintf(work->dir, sizeof work->dir, "/tmp/tally-bench-XXXXXX");
    work->crypto = (struct tally_crypto){.context = seed, .sign = sign};
    sign_key(seed, &work->key);
    tally_origin_write(&work->key, bytes_text("bench"), work->origin);
    tally_origin_hash(bytes_text(work->origin), &work->origin_hash);
    for (size_t i = 0; i < BATCH; i++) {
        work->packages[i].entries = malloc(TALLY_ENTRIES_MAX);
        work->packages[i].bodies = malloc(TALLY_BODIES_MAX);
        if (work->packages[i].entries == NULL || work->packages[i].bodies == NULL)
            return false;
    }
    return mkdtemp(work->dir) != NULL;
}

bool bench_store(const struct bench_options *options)
{
    struct work *work = calloc(1, sizeof *work);
    if (work == NULL)
        return false;
    bool good = prepare(work) && run_all(work, options->count > 0 ? options->count : RECEIPTS);
    if (good) {
        bench_report(&(struct bench_figure){.name = "receipts durable",
                                            .unit = "receipts/s",
                                            .value = (double)work->next / work->store_s,
                                            .reference_is = "the bytes in one file",
                                            .reference = (double)work->next / work->bare_s,
                                            .wanted_is = "value >=",
                                            .wanted = 150000});
        bench_note("three files a package, fsynced; tiles folded from the disk at the end");
    }
    if (work->dir[0] != '\0')
        nftw(work->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    for (size_t i = 0; i < BATCH; i++) {
        free(work->packages[i].entries);
        free(work->packages[i].bodies);
    }
    free(work);
    return good;
}
