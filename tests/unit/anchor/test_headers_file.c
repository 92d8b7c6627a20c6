/* SPDX-License-Identifier: Apache-2.0 */
/* Headers on a disk: what is kept comes back, what somebody did to the file is worth what is good
   of it, and two processes lose nothing of each other's. */
#include "core/base/bytes.h"
#include "host/anchors/headers_file.h"
#include "support/cmocka.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { BEGIN = 1700000000, LATER = BEGIN + 100000000 };

static char data[64], path[128];
static struct complaint complaint;

static int remove_one(const char *name, const struct stat *about, int kind, struct FTW *where)
{
    return remove(name);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(data, sizeof data, "/tmp/tally-headers-XXXXXX");
    assert_non_null(mkdtemp(data));
    snprintf(path, sizeof path, "%s/anchors/btc-regtest.headers", data);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return nftw(data, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void mine(uint8_t header[BITCOIN_HEADER], struct tally_hash *before, uint32_t time_s,
                 uint8_t mark)
{
    static const uint8_t easy[] = {0xff, 0xff, 0x7f, 0x20};
    memset(header, 0, BITCOIN_HEADER);
    memcpy(header + 4, before->bytes, 32);
    header[36] = mark;
    for (unsigned i = 0; i < 4; i++)
        header[68 + i] = (uint8_t)(time_s >> 8 * i);
    memcpy(header + 72, easy, sizeof easy);
    do {
        header[76]++;
        header[77] = (uint8_t)(header[77] + (header[76] == 0));
        bitcoin_hash(bytes_of(header, BITCOIN_HEADER), before);
    } while (before->bytes[31] >= 0x7f);
}

static struct headers_file *opened(void)
{
    struct headers_file *file = malloc(sizeof *file);
    assert_non_null(file);
    assert_true(headers_file_begin(file, data, "btc:regtest", LATER));
    return file;
}

static void closed(struct headers_file *file, bool saved)
{
    if (saved)
        assert_int_equal(headers_file_save(file, LATER, &complaint), TALLY_OK);
    headers_file_end(file);
    free(file);
}

/* So many on a branch of that mark, from that height on; the hash of the last. */
static struct tally_hash add(struct headers_file *file, size_t count, uint64_t height, uint8_t mark)
{
    struct tally_hash before = {{mark}};
    uint8_t header[BITCOIN_HEADER];
    for (uint32_t i = 0; i < count; i++) {
        mine(header, &before, BEGIN + i, mark);
        assert_int_equal(bitcoin_headers_begin(&file->headers, header, height + i, LATER),
                         TALLY_ANCHOR_IS_VERIFIED);
    }
    return before;
}

static long size_of(void)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long size = ftell(file);
    fclose(file);
    return size;
}

static void what_is_kept_comes_back(void **state)
{
    (void)state;
    struct headers_file *file = opened();
    assert_int_equal(file->headers.count, 0);
    closed(file, true);
    assert_int_not_equal(access(path, F_OK), 0); /* Nothing to keep. */
    file = opened();
    const struct tally_hash last = add(file, 20, 100, 1);
    closed(file, true);
    assert_int_equal(size_of(), 16 + 20 * HEADERS_FILE_ENTRY);
    file = opened();
    assert_int_equal(file->read, 20);
    assert_int_equal(file->damaged, 0);
    const struct bitcoin_header *one = bitcoin_headers_find(&file->headers, &last);
    assert_non_null(one);
    assert_int_equal(one->height, 119);
    assert_int_equal(one->work.limbs[0], 40);
    assert_true(bitcoin_headers_best(&file->headers, one));
    closed(file, false);
}

static void two_processes_keep_both(void **state)
{
    (void)state;
    struct headers_file *one = opened(), *other = opened();
    (void)add(one, 5, 100, 1);
    (void)add(other, 7, 300, 2);
    closed(one, true);
    closed(other, true);
    one = opened();
    assert_int_equal(one->headers.count, 12);
    closed(one, false);
}

/* A byte that changed: that header is none, and what builds on it begins a run of its own. */
static void a_damaged_file_is_worth_what_is_good_of_it(void **state)
{
    (void)state;
    struct headers_file *file = opened();
    const struct tally_hash last = add(file, 20, 100, 1);
    closed(file, true);
    FILE *raw = fopen(path, "r+b");
    assert_non_null(raw);
    assert_int_equal(fseek(raw, 16 + 10 * HEADERS_FILE_ENTRY + 4 + 75, SEEK_SET), 0);
    assert_int_equal(fputc(0x10, raw), 0x10); /* A target that its hash does not meet. */
    fclose(raw);
    file = opened();
    assert_int_equal(file->damaged, 1);
    assert_int_equal(file->headers.count, 19);
    const struct bitcoin_header *one = bitcoin_headers_find(&file->headers, &last);
    assert_int_equal(one->work.limbs[0], 18);
    closed(file, false);
    assert_int_equal(truncate(path, 16 + 3 * HEADERS_FILE_ENTRY - 1), 0);
    file = opened();
    assert_int_equal(file->headers.count, 2);
    assert_int_equal(file->damaged, 1);
    closed(file, false);
    raw = fopen(path, "wb");
    assert_non_null(raw);
    fputs("something else", raw);
    fclose(raw);
    file = opened();
    assert_int_equal(file->headers.count, 0);
    assert_int_equal(file->damaged, 1);
    (void)add(file, 2, 100, 1);
    closed(file, true); /* And written anew. */
    file = opened();
    assert_int_equal(file->read, 2);
    assert_int_equal(file->damaged, 0);
    closed(file, false);
}

static void the_lowest_go_first(void **state)
{
    (void)state;
    struct headers_file *file = opened();
    for (uint8_t mark = 1; file->headers.count + 512 <= HEADERS_FILE_MAX; mark++)
        (void)add(file, 512, 10000 - 600 * (uint64_t)mark, mark);
    assert_int_equal(file->headers.count, HEADERS_FILE_MAX);
    closed(file, true);
    file = opened();
    assert_int_equal(file->headers.count, HEADERS_FILE_MAX - HEADERS_FILE_MAX / 8);
    assert_int_equal(file->damaged, 0);
    assert_int_equal(file->headers.list[file->headers.count - 1].height, 10000 - 600 + 511);
    closed(file, false);
}

/* A disk that takes nothing says so in one sentence. */
static void what_cannot_be_kept_is_said(void **state)
{
    (void)state;
    struct headers_file *file = opened();
    (void)add(file, 2, 100, 1);
    snprintf(file->data, sizeof file->data, "/nowhere/at/all");
    assert_int_not_equal(headers_file_save(file, LATER, &complaint), TALLY_OK);
    assert_non_null(strstr(complaint.text, "/nowhere/at/all"));
    closed(file, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(what_is_kept_comes_back),
        TEST(two_processes_keep_both),
        TEST(a_damaged_file_is_worth_what_is_good_of_it),
        TEST(the_lowest_go_first),
        TEST(what_cannot_be_kept_is_said),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
