/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tally-sim with one thing that the core does left out, mostly a check: the linker (--wrap) puts
 * these functions before those of the library, and `--break NAME` says which of them stops
 * checking. So it is shown that the simulator finds what it is there to find, without a line of it
 * in the sources of the core.
 */
#include "core/base/replay.h"
#include "core/sync/sync.h"
#include "tally/log.h"
#include <stdio.h>
#include <string.h>

static enum { NOTHING, REPLAY, SIGNATURE, SPACE, MUTANTS } broken;

static const char *const names[MUTANTS] = {
    [REPLAY] = "replay", [SIGNATURE] = "signature", [SPACE] = "space"};

bool __real_replay_fresh(const struct replay *replay, uint64_t counter);
bool __wrap_replay_fresh(const struct replay *replay, uint64_t counter);
void __real_replay_take(struct replay *replay, uint64_t counter);
void __wrap_replay_take(struct replay *replay, uint64_t counter);
enum tally_drop __real_tally_package_open(const struct tally_package_job *job,
                                          struct tally_bytes compact,
                                          const struct tally_crypto *crypto,
                                          struct tally_package *package);
enum tally_drop __wrap_tally_package_open(const struct tally_package_job *job,
                                          struct tally_bytes compact,
                                          const struct tally_crypto *crypto,
                                          struct tally_package *package);
void __real_sync_on_space(struct sync *sync, struct tally_now now, bool writable);
void __wrap_sync_on_space(struct sync *sync, struct tally_now now, bool writable);
int __real_main(int count, char **words);
int __wrap_main(int count, char **words);

/* What came once may come again. */
bool __wrap_replay_fresh(const struct replay *replay, uint64_t counter)
{
    return broken == REPLAY || __real_replay_fresh(replay, counter);
}

void __wrap_replay_take(struct replay *replay, uint64_t counter)
{
    if (broken != REPLAY || __real_replay_fresh(replay, counter))
        __real_replay_take(replay, counter);
}

/* Receipts are taken as their issuers signed them, whoever did. */
enum tally_drop __wrap_tally_package_open(const struct tally_package_job *job,
                                          struct tally_bytes compact,
                                          const struct tally_crypto *crypto,
                                          struct tally_package *package)
{
    struct tally_package_job trusting = *job;
    trusting.signatures = job->signatures && broken != SIGNATURE;
    return __real_tally_package_open(&trusting, compact, crypto, package);
}

/* A disk that was full is for ever. */
void __wrap_sync_on_space(struct sync *sync, struct tally_now now, bool writable)
{
    if (broken != SPACE || !writable)
        __real_sync_on_space(sync, now, writable);
}

int __wrap_main(int count, char **words)
{
    if (count < 3 || strcmp(words[1], "--break") != 0)
        return __real_main(count, words);
    for (broken = REPLAY; broken < MUTANTS && strcmp(words[2], names[broken]) != 0;)
        broken++;
    if (broken == MUTANTS) {
        fprintf(stderr, "no check is called %s\n", words[2]);
        return 2;
    }
    words[2] = words[0];
    return __real_main(count - 2, words + 2);
}
