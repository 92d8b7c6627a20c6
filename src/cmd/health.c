/* SPDX-License-Identifier: Apache-2.0 */
/* tally health: one word and an exit code for whoever watches nodes. */
#include "cmd/agreement.h"
#include "cmd/ask.h"
#include "cmd/grid.h"
#include "cmd/print.h"
#include "cmd/sampled.h"
#include "cmd/verbs.h"
#include "core/address/peer_id.h"
#include "core/base/bytes.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LATE = 2 }; /* So many cycles without a good sample are too many. */

/* Why a node is not ready: reasons of a closed list (docs/operations.md). */
static json_t *reasons_of(const json_t *status)
{
    json_t *reasons = json_array();
    if (strcmp(text_of(json_object_get(status, "guard"), "state"), "passed") != 0)
        (void)json_array_append_new(reasons, json_string("guard"));
    if (!truth_of(status, "writable"))
        (void)json_array_append_new(reasons, json_string("read_only"));
    return reasons;
}

static bool linked(const json_t *peers, const char *did)
{
    size_t index;
    const json_t *peer;
    json_array_foreach(json_object_get(peers, "items"), index,
                       peer) if (strcmp(text_of(peer, "peer"), did) == 0) return truth_of(peer,
                                                                                          "mesh") ||
        truth_of(peer, "connected");
    return false;
}

/* When this node last saw receipts of the party that were in the tree it signed; us, 0: never. */
static int64_t verified(struct trust *trust, const struct tally_key *party)
{
    struct shelf *shelf = &trust->shelf;
    struct shelf_log log;
    int64_t last = 0;
    for (size_t i = 0; shelf_log_at(shelf, i, &log); i++)
        for (uint64_t at = log.view.durable;
             log.view.own && strcmp(log.name_space, TALLY_STATEMENTS) == 0 && last == 0 && at > 0;
             at--) {
            struct shelf_receipt receipt;
            struct tally_fed_witness_event event;
            struct tally_key issuer;
            struct tally_bytes name_space;
            uint8_t *body = sampled_read(shelf, &log, at - 1, &receipt, &event);
            if (body != NULL && event.result == 0 &&
                tally_origin_read(event.origin, &issuer, &name_space) && key_equal(&issuer, party))
                last = receipt.receipt.time.us;
            free(body);
        }
    return last;
}

/* One agreement that holds. `fresh`: there was a good sample in the last cycles, or there need not
   be, since none was due yet. */
static json_t *peer_object(struct trust *trust, const struct agreement *one, const json_t *peers)
{
    char did[TALLY_DID_SIZE + 1], time_text[PRINT_TIME];
    const struct tally_fed_terms *terms = &one->said.statement.agreement.terms;
    int64_t last = verified(trust, &one->pair->key), since = one->said.receipt.receipt.time.us;
    int64_t late_us = (int64_t)terms->verify_s * LATE * 1000000;
    bool fresh = (int64_t)time(NULL) * 1000000 - (last > since ? last : since) <= late_us;
    tally_did_write(&one->pair->key, did);
    print_time((struct tally_wall){last}, time_text);
    return json_pack("{s:s, s:o, s:s, s:b, s:o, s:i, s:b}", "party", did, "agreement_id",
                     print_json_hash(&one->bond.signature->agreement), "state",
                     tally_agreement_state_name(one->bond.state), "linked", linked(peers, did),
                     "verified_at", last > 0 ? json_string(time_text) : json_null(),
                     "verify_every_s", (int)terms->verify_s, "fresh", fresh);
}

static bool gather(struct call *call, json_t *items, enum exit_code *code)
{
    struct trust trust;
    struct agreement one;
    json_t *peers = ask(call, "peers", "", code);
    bool good = peers != NULL && trust_open(&trust, call, false);
    if (peers != NULL && !good)
        *code = trust.shelf.code;
    for (size_t i = 0; good && agreement_at(&trust, i, &one); i++) {
        if (one.bond.state == TALLY_AGREEMENT_ACTIVE)
            (void)json_array_append_new(items, peer_object(&trust, &one, peers));
        agreement_free(&one);
    }
    if (peers != NULL)
        trust_close(&trust);
    json_decref(peers);
    return good;
}

static bool all_well(const json_t *items)
{
    size_t index;
    const json_t *item;
    json_array_foreach(items, index, item) if (!truth_of(item, "linked") ||
                                               !truth_of(item, "fresh")) return false;
    return true;
}

static void show(bool ready, const json_t *reasons, const json_t *items)
{
    static const struct grid_column columns[] = {
        {"PARTY", true}, {"LINKED", false}, {"VERIFIED", false}, {"STATE", false}};
    size_t index;
    const json_t *item;
    (void)fputs(ready ? "ready" : "not ready:", stdout);
    json_array_foreach(reasons, index, item)(void) printf(" %s", json_string_value(item));
    (void)fputc('\n', stdout);
    struct grid *grid = grid_new(columns, sizeof columns / sizeof *columns);
    json_array_foreach(items, index, item)
    {
        const char *const cells[] = {text_of(item, "party"),
                                     truth_of(item, "linked") ? "yes" : "no",
                                     text_of(item, "verified_at"),
                                     !truth_of(item, "fresh")    ? "overdue"
                                     : !truth_of(item, "linked") ? "away"
                                                                 : "well"};
        grid_add(grid, cells);
    }
    grid_print(grid);
}

enum exit_code verb_health(struct call *call)
{
    enum exit_code code = EXIT_DONE;
    json_t *status = ask(call, "status", "", &code), *items = json_array();
    bool all = call_flag(call, "all-peers");
    bool good = status != NULL && (!all || gather(call, items, &code));
    if (good) {
        json_t *reasons = reasons_of(status);
        bool ready = json_array_size(reasons) == 0, well = all_well(items);
        code = ready && well ? EXIT_DONE : EXIT_FAILED;
        if (call->json) {
            json_t *object = print_object("health/1");
            (void)json_object_set_new(object, "ready", json_boolean(ready));
            (void)json_object_set(object, "reasons", reasons);
            (void)json_object_set_new(object, "healthy", json_boolean(ready && well));
            (void)json_object_set_new(object, "peers", all ? json_incref(items) : json_null());
            print_json(object);
        } else {
            show(ready, reasons, items);
        }
        json_decref(reasons);
    }
    json_decref(items);
    json_decref(status);
    return code;
}
