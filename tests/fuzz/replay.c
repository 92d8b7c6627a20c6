/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a libFuzzer harness without libFuzzer: over seeds (files, folders of files, golden vectors),
 * and over mutations of them drawn from a fixed seed, so that every ordinary test run has some of
 * the fuzzing and repeats it exactly.
 *
 *     replay RUNS [FILE | FOLDER | VECTORS.json]...
 */
#include "support/golden.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SEEDS_MAX = 4096, SEED_SIZE_MAX = 4096 };

struct seeds {
    struct tally_bytes list[SEEDS_MAX];
    size_t count;
};

static void run(const uint8_t *data, size_t size)
{
    /* A copy of exactly that size, so that a sanitizer sees one byte too many. */
    uint8_t *copy = malloc(size > 0 ? size : 1);
    if (size > 0)
        memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void seed_add(struct seeds *seeds, const uint8_t *data, size_t size)
{
    run(data, size);
    if (seeds->count == SEEDS_MAX || size > SEED_SIZE_MAX)
        return;
    uint8_t *copy = malloc(size + 1);
    if (size > 0)
        memcpy(copy, data, size);
    seeds->list[seeds->count++] = (struct tally_bytes){copy, size};
}

static void on_golden(void *context, const struct golden *golden)
{
    seed_add(context, golden->bytes.data, golden->bytes.size);
}

static void file_add(struct seeds *seeds, const char *path)
{
    FILE *file = fopen(path, "rb");
    static uint8_t bytes[1 << 20];
    if (file == NULL)
        return;
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    seed_add(seeds, bytes, size);
}

static void folder_add(struct seeds *seeds, const char *path)
{
    struct dirent **names;
    int count = scandir(path, &names, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char full[4096];
        snprintf(full, sizeof full, "%s/%s", path, names[i]->d_name);
        if (names[i]->d_name[0] != '.')
            file_add(seeds, full);
        free(names[i]);
    }
    if (count >= 0)
        free(names);
}

static void path_add(struct seeds *seeds, const char *path)
{
    struct stat status;
    size_t size = strlen(path);
    if (stat(path, &status) != 0)
        return; /* Seeds are welcome, not required. */
    if (S_ISDIR(status.st_mode))
        folder_add(seeds, path);
    else if (size > 5 && strcmp(path + size - 5, ".json") == 0)
        golden_each(path, on_golden, seeds);
    else
        file_add(seeds, path);
}

/* xorshift64*: the same mutations in every run. */
static uint64_t draw(uint64_t *state, uint64_t below)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (*state * UINT64_C(0x2545f4914f6cdd1d) >> 16) % below;
}

/* One change: a bit, a byte of interest, a cut, a run moved, a piece of another seed. */
static size_t mutate(uint64_t *state, const struct seeds *seeds, uint8_t *bytes, size_t size)
{
    static const uint8_t interesting[] = {0x00, 0x01, 0x7f, 0x80, 0x90, 0xc0, 0xc4,
                                          0xcc, 0xcf, 0xd9, 0xdc, 0xdd, 0xe0, 0xff};
    size_t at = size > 0 ? draw(state, size) : 0;
    switch (size > 0 ? draw(state, 5) : 4) {
    case 0:
        bytes[at] ^= (uint8_t)(1U << draw(state, 8));
        return size;
    case 1:
        bytes[at] = interesting[draw(state, sizeof interesting)];
        return size;
    case 2:
        return at;
    case 3: {
        size_t run_size = draw(state, size - at) + 1, to = draw(state, size - run_size + 1);
        memmove(bytes + to, bytes + at, run_size);
        return size;
    }
    default: {
        struct tally_bytes other = seeds->list[draw(state, seeds->count)];
        size_t room = 2 * SEED_SIZE_MAX - at;
        size_t piece = other.size < room ? other.size : room;
        if (piece > 0)
            memcpy(bytes + at, other.data, piece);
        return at + piece > size ? at + piece : size;
    }
    }
}

int main(int argc, char **argv)
{
    static struct seeds seeds;
    static uint8_t bytes[2 * SEED_SIZE_MAX];
    unsigned long runs = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
    uint64_t state = UINT64_C(0x7a11e57a11e57a11);
    seed_add(&seeds, bytes, 0);
    seed_add(&seeds, bytes, 64);
    for (int i = 2; i < argc; i++)
        path_add(&seeds, argv[i]);
    for (unsigned long i = 0; i < runs; i++) {
        struct tally_bytes seed = seeds.list[draw(&state, seeds.count)];
        size_t size = seed.size;
        if (size > 0)
            memcpy(bytes, seed.data, size);
        for (uint64_t changes = draw(&state, 4) + 1; changes > 0; changes--)
            size = mutate(&state, &seeds, bytes, size);
        run(bytes, size);
    }
    printf("%lu mutations of %zu seeds\n", runs, seeds.count);
    for (size_t i = 0; i < seeds.count; i++)
        free((void *)(uintptr_t)seeds.list[i].data);
    return 0;
}
