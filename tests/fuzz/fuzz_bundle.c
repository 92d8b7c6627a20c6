/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bundles of entries and of bodies, as peers and files hold them: each item lies inside, nothing is
 * skipped and nothing read twice, and to skip as many as there are comes to the same end.
 */
#include "core/base/bytes.h"
#include "core/log/bundle.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(struct tally_bytes whole, size_t head,
                 bool (*take)(struct tally_bytes *rest, struct tally_bytes *item),
                 bool (*skip)(struct tally_bytes bytes, unsigned count, size_t *size))
{
    struct tally_bytes rest = whole, item;
    unsigned count = 0;
    size_t at = 0, skipped;
    while (take(&rest, &item)) {
        assert(item.data == NULL ? item.size == 0 : item.data == whole.data + at + head);
        at += head + item.size;
        count++;
        assert(rest.size == whole.size - at);
    }
    assert(skip(whole, count, &skipped) && skipped == at);
    assert(!skip(whole, count + 1, &skipped));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    walk(bytes_of(data, size), 2, bundle_take_entry, tally_entries_skip);
    walk(bytes_of(data, size), 4, bundle_take_body, tally_bodies_skip);
    return 0;
}
