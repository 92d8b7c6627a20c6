/* SPDX-License-Identifier: Apache-2.0 */
#include "host/uv/report_witness.h"

#include "core/base/bytes.h"
#include "core/base/hex.h"
#include "host/store/store.h"
#include "host/uv/inside.h"
#include "tally/log.h"
#include "tally/witness.h"

#include <time.h>

static json_t *time_text(uint64_t time_s)
{
    char text[32];
    struct tm utc;
    time_t when = (time_t)time_s;
    if (time_s == 0 || gmtime_r(&when, &utc) == NULL ||
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        return json_null();
    return json_string(text);
}

/* One stable word, null before the first answer. */
static json_t *status_text(const struct tally_cosigned_view *view)
{
    if (view->error != TALLY_OK)
        return json_string("failed");
    if (view->disbelieved)
        return json_string("disbelieved");
    return view->status == 0 ? json_null() : json_string(tally_witness_name(view->status));
}

/* One of our logs and one who is asked to cosign it. */
static json_t *cosigned_object(const struct tally_ledger *ledger,
                               const struct tally_cosigned_view *view)
{
    char did[TALLY_DID_SIZE + 1], vkey[TALLY_VKEY_MAX] = "";
    struct tally_log_view log;
    const char *words = tally_cosigned_words(view);
    tally_did_write(&view->party, did);
    if (view->has_key)
        (void)tally_vkey_write(&view->vkey, vkey);
    bool held = ledger->find(ledger->context, &view->origin_hash, &log);
    json_t *item = json_pack(
        "{s:s, s:s, s:I, s:I, s:o, s:o, s:b, s:i, s:i, s:i, s:o}", "party",
        view->url != NULL ? view->vkey.name : did, "origin", held ? log.origin : "", "head",
        (json_int_t)view->head, "size", (json_int_t)view->size, "time", time_text(view->time_s),
        "status", status_text(view), "connected", view->connected, "http_status", (int)view->status,
        "cosigned", (int)view->rounds, "refused", (int)view->refused, "vkey",
        view->has_key ? json_string(vkey) : json_null());
    (void)json_object_set_new(item, "url",
                              view->url != NULL ? json_string(view->url) : json_null());
    (void)json_object_set_new(item, "reason", *words != '\0' ? json_string(words) : json_null());
    return item;
}

/* One log that we cosigned for. */
static json_t *witnessed_object(const struct tally_ledger *ledger,
                                const struct tally_hash *origin_hash)
{
    uint8_t bytes[TALLY_WITNESS_NOTE_MAX];
    struct tally_note note;
    struct tally_checkpoint checkpoint;
    char hex[2 * sizeof origin_hash->bytes + 1], root[sizeof hex];
    size_t size =
        ledger->kept(ledger->context, TALLY_KEPT_WITNESSED, origin_hash, bytes, sizeof bytes);
    hex_write(bytes_of(origin_hash->bytes, sizeof origin_hash->bytes), hex);
    if (tally_note_read(bytes_of(bytes, size), &note) != TALLY_DROP_NONE ||
        tally_checkpoint_read(note.text, &checkpoint) != TALLY_DROP_NONE)
        return json_pack("{s:n, s:s, s:i, s:b}", "origin", "origin_hash", hex, "size", 0, "damaged",
                         1);
    hex_write(bytes_of(checkpoint.root.bytes, sizeof checkpoint.root.bytes), root);
    return json_pack("{s:s%, s:s, s:I, s:s}", "origin", (const char *)checkpoint.origin.data,
                     checkpoint.origin.size, "origin_hash", hex, "size",
                     (json_int_t)checkpoint.size, "root", root);
}

json_t *report_witnesses(const struct host *host)
{
    struct tally_cosigned_view view;
    struct tally_hash origin_hash;
    const struct tally_ledger ledger = store_ledger(host->store);
    json_t *ours = json_array(), *theirs = json_array();
    for (size_t i = 0; tally_node_cosigned(host->node, i, &view); i++)
        (void)json_array_append_new(ours, cosigned_object(&ledger, &view));
    for (size_t i = 0; ledger.kept_at(ledger.context, TALLY_KEPT_WITNESSED, i, &origin_hash); i++)
        (void)json_array_append_new(theirs, witnessed_object(&ledger, &origin_hash));
    return json_pack("{s:s, s:o, s:o, s:n}", "schema", "tally/witness-list/1", "items", ours,
                     "witnessed", theirs, "next");
}
