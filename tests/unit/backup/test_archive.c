/* SPDX-License-Identifier: Apache-2.0 */
/* A backup as one file: each of its bits counts, and so does its end. */
#include "core/base/bytes.h"
#include "host/backup/archive.h"
#include "listed.h"
#include "support/cmocka.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct counted {
    size_t files;
    uint64_t bytes;
};

static enum tally_error on_bytes(void *context, const struct manifest_file *file,
                                 struct tally_bytes bytes)
{
    struct counted *counted = context;
    counted->bytes += bytes.size;
    counted->files += bytes.size == 0;
    return TALLY_OK;
}

struct world {
    char path[64];
    int root, file;
    struct manifest manifest;
    off_t size;
};

static void open_world(struct world *world)
{
    struct complaint complaint;
    world->root = listed_folder(world->path, &world->manifest);
    world->file = openat(world->root, "packed", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(world->file >= 0);
    assert_int_equal(archive_pack(world->root, &world->manifest, world->file, &complaint),
                     TALLY_OK);
    world->size = lseek(world->file, 0, SEEK_END);
    assert_int_equal(world->size % 512, 0);
}

static void close_world(struct world *world)
{
    manifest_free(&world->manifest);
    (void)close(world->file);
    assert_true(tree_clear(world->root, NULL, 0));
    (void)close(world->root);
    (void)rmdir(world->path);
}

static enum tally_error again(struct world *world, struct counted *counted)
{
    struct manifest manifest;
    struct complaint complaint = {.text = ""};
    assert_int_equal(lseek(world->file, 0, SEEK_SET), 0);
    enum tally_error error = archive_read(world->file, &manifest, counted == NULL ? NULL : on_bytes,
                                          counted, &complaint);
    assert_true(error == TALLY_OK || complaint.text[0] != '\0');
    manifest_free(&manifest);
    return error;
}

static void what_went_in_comes_out(void **state)
{
    struct world world;
    struct counted counted = {0, 0};
    open_world(&world);
    assert_int_equal(again(&world, &counted), TALLY_OK);
    assert_int_equal(counted.files, world.manifest.count);
    assert_int_equal(counted.bytes, world.manifest.bytes);
    close_world(&world);
}

static void each_bit_counts(void **state)
{
    struct world world;
    open_world(&world);
    /* All of the headers and small files; of the large one a byte here and there. */
    for (off_t at = 0; at<world.size; at += at> 12000 && at < world.size - 1100 ? 997 : 13) {
        uint8_t byte, other;
        assert_int_equal(pread(world.file, &byte, 1, at), 1);
        other = byte ^ (uint8_t)(1 << (at % 8));
        assert_int_equal(pwrite(world.file, &other, 1, at), 1);
        assert_int_equal(again(&world, NULL), TALLY_DAMAGED);
        assert_int_equal(pwrite(world.file, &byte, 1, at), 1);
    }
    assert_int_equal(again(&world, NULL), TALLY_OK);
    close_world(&world);
}

static void so_does_its_end(void **state)
{
    struct world world;
    open_world(&world);
    assert_int_equal(pwrite(world.file, "", 1, world.size), 1);
    assert_int_equal(again(&world, NULL), TALLY_DAMAGED);
    for (off_t size = world.size - 1; size >= 0; size -= size > 3000 ? 1021 : 101) {
        assert_int_equal(ftruncate(world.file, size), 0);
        assert_int_equal(again(&world, NULL), TALLY_DAMAGED);
    }
    close_world(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_went_in_comes_out),
        cmocka_unit_test(each_bit_counts),
        cmocka_unit_test(so_does_its_end),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
