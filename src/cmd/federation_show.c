/* SPDX-License-Identifier: Apache-2.0 */
/* tally federation list, show: what the statements of the data directory come to. */
#include "cmd/ask.h"
#include "cmd/federation.h"
#include "cmd/grid.h"
#include "cmd/print.h"
#include "cmd/statement.h"
#include "cmd/trust.h"
#include "cmd/verbs.h"
#include "core/address/peer_id.h"
#include "core/base/bytes.h"
#include "core/base/hex.h"

#include <inttypes.h>
#include <stdlib.h>

static const struct grid_column columns[] = {
    {"PARTY", true},   {"STATE", false},   {"LEVEL", false}, {"ROLES", false},
    {"AGREED", false}, {"OFFERED", false}, {"POLICY", true}, {"NOTE", true}};

enum { COLUMNS = sizeof columns / sizeof *columns };

void federation_print(const struct tally_party *party)
{
    char id[PEER_ID_TEXT_MAX], roles[TALLY_ROLES_TEXT];
    (void)peer_id_print_key(&party->key, id);
    tally_roles_write(party->roles, roles);
    if (party->state == TALLY_PARTY_ADMITTED)
        (void)printf("%s admitted, level %s, roles %s%s\n", id, tally_trust_name(party->level),
                     roles, party->excused ? ", not asked to cosign" : "");
    else
        (void)printf("%s %s\n", id, tally_party_state_name(party->state));
}

json_t *federation_object(const struct tally_party *party)
{
    char did[TALLY_DID_SIZE + 1], id[PEER_ID_TEXT_MAX];
    bool admitted = party->state == TALLY_PARTY_ADMITTED;
    tally_did_write(&party->key, did);
    (void)peer_id_print_key(&party->key, id);
    return json_pack("{s:s, s:s, s:s, s:o, s:o}", "party", did, "peer_id", id, "state",
                     tally_party_state_name(party->state), "level",
                     admitted ? json_string(tally_trust_name(party->level)) : json_null(), "roles",
                     statement_roles(party->roles));
}

json_t *federation_mode(const struct fold *fold)
{
    struct tally_hash hash;
    fold_hash(fold, &hash);
    return json_pack("{s:s, s:b, s:o}", "mode", tally_mode_name(fold->mode), "strict",
                     fold_strict(fold), "hash", print_json_hash(&hash));
}

/* The last statement about a party, as it lies in the log. */
struct last {
    char time[PRINT_TIME];
    char note[FED_NOTE_MAX + 1];
    struct tally_hash receipt;
    bool any;
};

static void read_last(struct trust *trust, const struct tally_party *party, struct last *last)
{
    char origin[TALLY_ORIGIN_MAX + 1];
    struct shelf_log log;
    struct shelf_receipt found;
    struct fed_statement said;
    size_t size = tally_origin_write(&trust->fold.self, bytes_text(TALLY_STATEMENTS), origin);
    origin[size] = '\0';
    *last = (struct last){.any = false};
    if (!shelf_find(&trust->shelf, origin, &log) ||
        !shelf_receipt(&trust->shelf, &log, party->index, &found))
        return;
    uint8_t *body = shelf_body(&trust->shelf, &log, party->index, &size);
    if (body != NULL &&
        fed_read(found.receipt.type, bytes_of(body, size), &said) == TALLY_DROP_NONE) {
        last->any = true;
        last->receipt = found.hash;
        print_time(found.receipt.time, last->time);
        (void)snprintf(last->note, sizeof last->note, "%.*s", (int)said.note.size,
                       (const char *)said.note.data);
    }
    free(body);
}

/* ---- What is agreed, what is offered, and what the party stated that it answers ---- */

struct stand {
    struct bond bond;
    bool has_offer, ours; /* An offer that is unanswered: ours, or theirs. */
    enum tally_proposal_state offer;
    enum tally_trust level;
    const struct reception *reception;
};

static bool is_open(enum tally_proposal_state state)
{
    return state == TALLY_PROPOSAL_OPEN || state == TALLY_PROPOSAL_ACCEPTED;
}

static struct stand stand_of(const struct fold *fold, const struct tally_key *key)
{
    const struct agreement_pair *pair = agreements_find(&fold->agreements, key);
    const struct tally_wall clock = fold->agreements.clock;
    struct stand stand = {.reception = receptions_find(fold->receptions, key)};
    if (pair == NULL)
        return stand;
    agreement_bond(pair, clock, &stand.bond);
    for (int side = 0; side < 2 && !stand.has_offer; side++) {
        stand.ours = side == 1;
        stand.offer = agreement_proposal(pair, stand.ours, clock);
        stand.has_offer = is_open(stand.offer);
        stand.level = stand.ours ? pair->ours.offer.level : pair->theirs.offer.level;
    }
    return stand;
}

static void stand_json(json_t *object, const struct fold *fold, const struct tally_key *key)
{
    const struct stand stand = stand_of(fold, key);
    const struct bond *bond = &stand.bond;
    json_t *agreement = json_null(), *offer = json_null();
    if (bond->signature != NULL)
        agreement = json_pack("{s:s, s:s, s:o}", "state", tally_agreement_state_name(bond->state),
                              "level", tally_trust_name(bond->signature->level), "agreement_id",
                              print_json_hash(&bond->signature->agreement));
    if (stand.has_offer)
        offer = json_pack("{s:s, s:s, s:b}", "state", tally_proposal_state_name(stand.offer),
                          "level", tally_trust_name(stand.level), "ours", stand.ours);
    (void)json_object_set_new(object, "agreement", agreement);
    (void)json_object_set_new(object, "proposal", offer);
    (void)json_object_set_new(object, "policy", reception_object(stand.reception));
}

/* "active verify", "notice observe"; "" where nothing was signed. */
static void bond_text(const struct bond *bond, char text[RECEPTION_TEXT])
{
    text[0] = '\0';
    if (bond->signature != NULL)
        (void)snprintf(text, RECEPTION_TEXT, "%s %s", tally_agreement_state_name(bond->state),
                       tally_trust_name(bond->signature->level));
}

/* "theirs: verify", "ours: attest, accepted". */
static void offer_text(const struct stand *stand, char text[RECEPTION_TEXT])
{
    text[0] = '\0';
    if (stand->has_offer)
        (void)snprintf(text, RECEPTION_TEXT, "%s: %s%s", stand->ours ? "ours" : "theirs",
                       tally_trust_name(stand->level),
                       stand->offer == TALLY_PROPOSAL_ACCEPTED ? ", signed" : "");
}

static void stand_text(const struct fold *fold, const struct tally_key *key)
{
    const struct stand stand = stand_of(fold, key);
    char text[RECEPTION_TEXT];
    bond_text(&stand.bond, text);
    if (text[0] != '\0')
        (void)printf("agreed   %s\n", text);
    offer_text(&stand, text);
    if (text[0] != '\0')
        (void)printf("offered  %s\n", text);
    reception_text(stand.reception, text);
    if (text[0] != '\0')
        (void)printf("policy   proposals %s\n", text);
}

/* ---- list ---- */

static json_t *item(struct trust *trust, const struct tally_party *party)
{
    struct last last;
    json_t *object = federation_object(party);
    read_last(trust, party, &last);
    (void)json_object_set_new(object, "since", last.any ? json_string(last.time) : json_null());
    (void)json_object_set_new(object, "note", json_string(last.note));
    (void)json_object_set_new(object, "revoked",
                              json_boolean(revoked_find(&trust->revoked, &party->key) != NULL));
    stand_json(object, &trust->fold, &party->key);
    return object;
}

static void list_json(struct trust *trust)
{
    const struct agreements *agreements = &trust->fold.agreements;
    json_t *object = print_object("federation-list/1"), *items = json_array();
    json_t *others = json_array();
    for (size_t i = 0; i < trust->fold.count; i++)
        (void)json_array_append_new(items, item(trust, &trust->fold.parties[i]));
    for (size_t i = 0; i < agreements->count; i++) {
        const struct tally_party party = {.key = agreements->pairs[i].key};
        if (fold_find(&trust->fold, &party.key) != NULL)
            continue;
        json_t *one = federation_object(&party);
        stand_json(one, &trust->fold, &party.key);
        (void)json_array_append_new(others, one);
    }
    (void)json_object_update_new(object, federation_mode(&trust->fold));
    (void)json_object_set_new(object, "policy", reception_object(&trust->fold.reception));
    (void)json_object_set_new(object, "items", items);
    (void)json_object_set_new(object, "strangers", others);
    (void)json_object_set_new(object, "next", json_null());
    print_json(object);
}

/* One row; of whom nobody stated anything there may be an agreement, or an offer. */
static void add_row(struct trust *trust, struct grid *table, const struct tally_party *party)
{
    char id[PEER_ID_TEXT_MAX], roles[TALLY_ROLES_TEXT];
    char agreed[RECEPTION_TEXT], offered[RECEPTION_TEXT], policy[RECEPTION_TEXT];
    bool admitted = party->state == TALLY_PARTY_ADMITTED;
    const struct stand stand = stand_of(&trust->fold, &party->key);
    struct last last = {.any = false};
    if (party->state != TALLY_PARTY_STRANGER)
        read_last(trust, party, &last);
    (void)peer_id_print_key(&party->key, id);
    tally_roles_write(party->roles, roles);
    bond_text(&stand.bond, agreed);
    offer_text(&stand, offered);
    reception_text(stand.reception, policy);
    bool over = revoked_find(&trust->revoked, &party->key) != NULL;
    const char *const cells[COLUMNS] = {id,
                                        over ? "revoked" : tally_party_state_name(party->state),
                                        admitted ? tally_trust_name(party->level) : "",
                                        admitted ? roles : "",
                                        agreed,
                                        offered,
                                        policy,
                                        last.any ? last.note : ""};
    grid_add(table, cells);
}

static void list_table(struct trust *trust)
{
    const struct agreements *agreements = &trust->fold.agreements;
    struct grid *table = grid_new(columns, COLUMNS);
    for (size_t i = 0; i < trust->fold.count; i++)
        add_row(trust, table, &trust->fold.parties[i]);
    for (size_t i = 0; i < agreements->count; i++)
        if (fold_find(&trust->fold, &agreements->pairs[i].key) == NULL)
            add_row(trust, table, &(struct tally_party){.key = agreements->pairs[i].key});
    grid_print(table);
}

/* Beside the table, for people. */
static void tell_mode(const struct fold *fold)
{
    if (fold_strict(fold))
        (void)fprintf(stderr, "tally: strict: who is not in this list may nothing\n");
    else
        (void)fprintf(stderr, "tally: open: who is not in this list may all that strangers may\n");
    if (fold->lost > 0)
        (void)fprintf(stderr, "tally: %" PRIu64 " statements cannot be read: run tally fsck\n",
                      fold->lost);
}

enum exit_code verb_federation_list(struct call *call)
{
    struct trust trust;
    enum exit_code code = EXIT_DONE;
    if (!trust_open(&trust, call, false)) {
        code = trust.shelf.code;
    } else if (call->json) {
        list_json(&trust);
    } else {
        list_table(&trust);
        tell_mode(&trust.fold);
    }
    trust_close(&trust);
    return code;
}

/* ---- show ---- */

static json_t *may_object(const struct fold *fold, const struct tally_key *key)
{
    json_t *object = json_object();
    for (enum admission_act act = ADMISSION_LINK; act < ADMISSION_ACTS; act++) {
        enum tally_drop drop = admission(fold, key, act);
        (void)json_object_set_new(object, admission_act_name(act),
                                  drop == TALLY_DROP_NONE ? json_true()
                                                          : json_string(tally_drop_name(drop)));
    }
    return object;
}

/* That a key is no more, which one took over from it, and from which it did. */
static void ends_json(json_t *object, const struct trust *trust, const struct tally_key *key)
{
    const struct revoked_key *entry = revoked_find(&trust->revoked, key);
    const struct tally_key *successor = revoked_successor(&trust->revoked, key);
    const struct tally_key *elder = revoked_elder(&trust->revoked, key);
    char did[TALLY_DID_SIZE + 1];
    (void)json_object_set_new(object, "revoked",
                              entry != NULL ? json_string(tally_revoked_reason_name(
                                                  revoked_said(&trust->revoked, entry)->reason))
                                            : json_null());
    if (successor != NULL)
        tally_did_write(successor, did);
    (void)json_object_set_new(object, "successor",
                              successor != NULL ? json_string(did) : json_null());
    if (elder != NULL)
        tally_did_write(elder, did);
    (void)json_object_set_new(object, "succeeds", elder != NULL ? json_string(did) : json_null());
}

static void ends_text(const struct trust *trust, const struct tally_key *key)
{
    const struct revoked_key *entry = revoked_find(&trust->revoked, key);
    const struct tally_key *successor = revoked_successor(&trust->revoked, key);
    const struct tally_key *elder = revoked_elder(&trust->revoked, key);
    char id[PEER_ID_TEXT_MAX];
    if (entry != NULL)
        (void)printf("revoked  %s\n",
                     tally_revoked_reason_name(revoked_said(&trust->revoked, entry)->reason));
    if (successor != NULL) {
        (void)peer_id_print_key(successor, id);
        (void)printf("heir     %s took over from it\n", id);
    }
    if (elder != NULL) {
        (void)peer_id_print_key(elder, id);
        (void)printf("elder    it took over from %s, whose standing it has\n", id);
    }
}

static void show_json(const struct trust *trust, const struct tally_party *party,
                      const struct last *last)
{
    json_t *object = print_object("federation/1");
    (void)json_object_update_new(object, federation_object(party));
    (void)json_object_update_new(object, federation_mode(&trust->fold));
    (void)json_object_set_new(object, "may", may_object(&trust->fold, &party->key));
    stand_json(object, &trust->fold, &party->key);
    ends_json(object, trust, &party->key);
    (void)json_object_set_new(object, "since", last->any ? json_string(last->time) : json_null());
    (void)json_object_set_new(object, "note", json_string(last->note));
    (void)json_object_set_new(object, "index",
                              last->any ? json_integer((json_int_t)party->index) : json_null());
    (void)json_object_set_new(object, "receipt",
                              last->any ? print_json_hash(&last->receipt) : json_null());
    print_json(object);
}

static void show_text(const struct trust *trust, const struct tally_party *party,
                      const struct last *last)
{
    char did[TALLY_DID_SIZE + 1], id[PEER_ID_TEXT_MAX], roles[TALLY_ROLES_TEXT];
    tally_did_write(&party->key, did);
    (void)peer_id_print_key(&party->key, id);
    tally_roles_write(party->roles, roles);
    (void)printf("party    %s\npeer id  %s\nstate    %s\n", did, id,
                 tally_party_state_name(party->state));
    if (party->state == TALLY_PARTY_ADMITTED)
        (void)printf("level    %s\nroles    %s\n", tally_trust_name(party->level), roles);
    stand_text(&trust->fold, &party->key);
    ends_text(trust, &party->key);
    if (last->any) {
        char hash[PRINT_HASH];
        hex_write(bytes_of(last->receipt.bytes, sizeof last->receipt.bytes), hash);
        (void)printf("since    %s\nreceipt  %s, statement %" PRIu64 "\n", last->time, hash,
                     party->index);
        if (last->note[0] != '\0')
            print_member("note", last->note);
    }
    for (enum admission_act act = ADMISSION_LINK; act < ADMISSION_ACTS; act++) {
        enum tally_drop drop = admission(&trust->fold, &party->key, act);
        (void)printf("%-8s %-8s %s%s\n", act == ADMISSION_LINK ? "may" : "",
                     admission_act_name(act), drop == TALLY_DROP_NONE ? "yes" : "no: ",
                     drop == TALLY_DROP_NONE ? "" : tally_drop_text(drop));
    }
}

enum exit_code verb_federation_show(struct call *call)
{
    struct trust trust;
    struct tally_key key;
    enum exit_code code = EXIT_DONE;
    if (!trust_open(&trust, call, false)) {
        code = trust.shelf.code;
    } else if (trust_party(&trust, call, call->operands[0], &key, &code)) {
        const struct tally_party *found = fold_find(&trust.fold, &key);
        const struct tally_party party = found != NULL ? *found : (struct tally_party){.key = key};
        struct last last = {.any = false};
        if (found != NULL)
            read_last(&trust, &party, &last);
        if (call->json)
            show_json(&trust, &party, &last);
        else
            show_text(&trust, &party, &last);
    }
    trust_close(&trust);
    return code;
}
