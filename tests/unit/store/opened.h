/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_OPENED_H
#define STORE_OPENED_H
/* A store in a folder of its own, with an author of its own log and one of a replica. */
#include "host/store/store.h"
#include "support/author.h"
#include "support/cmocka.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

struct world {
    char dir[64];
    struct author author, other;
    struct store *store;
    char message[512];
    struct merkle_range range; /* Of what the other wrote. */
};

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    return remove(path);
}

static enum tally_error try_open(struct world *world, bool read_only)
{
    const struct store_options options = {
        .dir = world->dir, .key = &world->author.key, .read_only = read_only};
    return store_open(&options, &world->store, world->message, sizeof world->message);
}

static void open_it(struct world *world)
{
    enum tally_error error = try_open(world, false);
    if (error != TALLY_OK)
        print_message("%s\n", world->message);
    assert_int_equal(error, TALLY_OK);
}

static inline void reopen(struct world *world)
{
    store_close(world->store);
    open_it(world);
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    snprintf(world->dir, sizeof world->dir, "/tmp/tally-store-XXXXXX");
    assert_non_null(mkdtemp(world->dir));
    author_init(&world->author, 1);
    author_init(&world->other, 2);
    *state = world;
    open_it(world);
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    store_close(world->store);
    nftw(world->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(world);
    return 0;
}

#endif
