/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Anchors as files: proofs that strangers write, and what a data directory holds. Views lie in the
 * pool; a record that is read is written again as one that says the same.
 */
#include "core/base/bytes.h"
#include "host/anchors/book_file.h"
#include "host/anchors/headers_file.h"
#include "host/anchors/light.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(const struct light *light, struct tally_bytes view)
{
    if (view.size > 0 &&
        (view.data < light->pool || view.data + view.size > light->pool + light->used))
        abort();
}

static void proof(struct tally_bytes bytes)
{
    struct light light;
    struct evm_light evm;
    struct btc_light btc;
    enum tally_anchor_kind kind;
    char chain[TALLY_ANCHOR_CHAIN_MAX + 1], transaction[TALLY_ANCHOR_TRANSACTION_MAX + 1];
    if (light_begin(&light, bytes)) {
        (void)light_name(&light, &kind, chain, transaction);
        if (light_evm(&light, &evm))
            inside(&light, evm.receipt);
        if (light_btc(&light, &btc) && btc.path.count > BITCOIN_PATH_MAX)
            abort();
        if (light.used > light.size)
            abort();
    }
    light_end(&light);
}

/* The id is in the bytes' own hands, so the name is computed for what is read under any. */
static void record(struct tally_bytes bytes)
{
    struct book_record *one = book_file_read(bytes, NULL);
    if (one == NULL)
        return;
    json_t *file = book_file_write(one);
    char *text = file != NULL ? json_dumps(file, 0) : NULL;
    struct book_record *again = text != NULL ? book_file_read(bytes_text(text), one->id) : NULL;
    if (again == NULL || again->proof_size != one->proof_size ||
        memcmp(&again->anchor, &one->anchor, sizeof one->anchor) != 0)
        abort();
    book_record_free(again);
    book_record_free(one);
    free(text);
    json_decref(file);
}

/* Whatever is in such a file: each header is in a run, which leads from its first to its tip. */
static void headers(struct tally_bytes bytes)
{
    static struct bitcoin_header list[16];
    static const char *const names[] = {"mainnet", "regtest"};
    for (size_t network = 0; network < 2; network++) {
        struct bitcoin_headers runs;
        bitcoin_headers_init(&runs, bitcoin_network_find(names[network]), list, 16);
        (void)headers_file_read(&runs, bytes, INT64_C(1) << 32);
        for (size_t i = 0; i < runs.count; i++) {
            const struct bitcoin_header *one = &list[i], *tip = bitcoin_headers_tip(&runs, one);
            if (one->run >= runs.count || list[one->run].run != one->run || tip->run != one->run ||
                bitcoin_headers_find(&runs, &one->hash) == NULL ||
                (one->run != i && one->height != list[one->before].height + 1))
                abort();
            (void)bitcoin_headers_best(&runs, one);
            (void)bitcoin_headers_compete(&runs, tip);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    headers(bytes_of(data, size));
    proof(bytes_of(data, size));
    record(bytes_of(data, size));
    return 0;
}
