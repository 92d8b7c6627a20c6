/* SPDX-License-Identifier: Apache-2.0 */
#include "core/federation/conduct.h"

#include "core/base/bytes.h"
#include "core/base/fsm.h"
#include "tally/log.h"

#include <stdlib.h>

/* What it takes to break a clause, and whether silence about it heals it: nobody says that it asks
   no more. */
static const struct {
    const char *name, *text;
    unsigned least; /* Signs. */
    bool patient;   /* And for how long: conducts->patience_ms. */
    bool quiet;
} clauses[CONDUCT_CLAUSES] = {
    [CONDUCT_SHARES] = {"shares", "a scroll that is shared is refused, or not offered", 3, true,
                        false},
    [CONDUCT_KEEPS] = {"keeps", "bodies are gone before the time that was agreed", 1, false, false},
    [CONDUCT_VERIFIES] = {"verifies", "a log of a shared scroll is not verified as often as agreed",
                          1, false, false},
    [CONDUCT_SHOWS] = {"shows", "a log is offered that is of no shared scroll", 3, true, false},
    [CONDUCT_ASKS] = {"asks", "a log is asked for that is of no shared scroll", 3, true, true},
};

static const fsm_moves moves[CONDUCT_STATES] = {
    [CONDUCT_KEPT] = TO(CONDUCT_DOUBTED),
    [CONDUCT_DOUBTED] = TO(CONDUCT_KEPT) | TO(CONDUCT_BROKEN),
    [CONDUCT_BROKEN] = TO(CONDUCT_KEPT),
};

const char *conduct_clause_name(enum conduct_clause clause)
{
    return clause < CONDUCT_CLAUSES ? clauses[clause].name : "unknown";
}

const char *conduct_clause_text(enum conduct_clause clause)
{
    return clause < CONDUCT_CLAUSES ? clauses[clause].text : "unknown";
}

bool conducts_new(struct conducts *conducts, size_t capacity, uint64_t patience_ms,
                  const struct tally_ledger *ledger)
{
    *conducts =
        (struct conducts){.capacity = capacity,
                          .patience_ms = patience_ms > 0 ? patience_ms : CONDUCT_PATIENCE_MS,
                          .ledger = ledger};
    conducts->list = calloc(capacity, sizeof *conducts->list);
    return conducts->list != NULL || capacity == 0;
}

void conducts_free(struct conducts *conducts)
{
    free(conducts->list);
}

/* ---- What is agreed. ---- */

struct conduct *conduct_find(const struct conducts *conducts, const struct tally_key *party)
{
    for (size_t i = 0; conducts != NULL && i < conducts->count; i++)
        if (key_equal(&conducts->list[i].party, party))
            return &conducts->list[i];
    return NULL;
}

static void origin_of(const struct tally_key *key, struct tally_bytes name,
                      struct tally_hash *origin_hash)
{
    char origin[TALLY_ORIGIN_MAX + 1];
    tally_origin_hash(bytes_of(origin, tally_origin_write(key, name, origin)), origin_hash);
}

bool conduct_watch(struct conducts *conducts, const struct tally_key *self,
                   const struct tally_key *party, const struct tally_hash *agreement,
                   enum tally_trust level, const struct tally_fed_terms *terms)
{
    struct conduct *one = conduct_find(conducts, party);
    if (one != NULL && hash_equal(&one->agreement, agreement))
        return true;
    if (one == NULL && conducts->count == conducts->capacity)
        return false;
    if (one == NULL)
        one = &conducts->list[conducts->count++];
    *one = (struct conduct){.party = *party,
                            .agreement = *agreement,
                            .verify_s = terms->verify_s,
                            .retention_days = (uint16_t)terms->retention_days,
                            .verifies = level >= TALLY_TRUST_VERIFY && terms->verify_s > 0,
                            .scroll_count = (unsigned)terms->scrolls_count};
    for (unsigned i = 0; i < one->scroll_count; i++) {
        origin_of(party, terms->scrolls[i], &one->scrolls[i].theirs);
        origin_of(self, terms->scrolls[i], &one->scrolls[i].ours);
    }
    return true;
}

void conduct_end(struct conducts *conducts, const struct tally_key *party)
{
    struct conduct *one = conduct_find(conducts, party);
    if (one != NULL)
        *one = conducts->list[--conducts->count];
}

/* ---- Signs. ---- */

/* What a sign was about. */
struct about {
    const struct tally_hash *log;
    uint64_t size, held;
    enum tally_drop reason;
};

static void move(struct conduct_term *term, enum conduct_state next)
{
    FSM_MOVE(moves, &term->state, next);
    term->news |= term->state != CONDUCT_DOUBTED;
}

/* The clause was seen to be kept. The first time it is news too: of an earlier life there may be an
   open case. */
static void hold(struct conduct *one, enum conduct_clause clause)
{
    struct conduct_term *term = &one->terms[clause];
    term->news |= !term->seen;
    term->seen = true;
    if (term->state != CONDUCT_KEPT)
        move(term, CONDUCT_KEPT);
    term->signs = 0;
    term->there_ms = term->quiet_ms = 0;
}

static void fail(const struct conducts *conducts, struct conduct *one, enum conduct_clause clause,
                 struct tally_now now, const struct about *about)
{
    struct conduct_term *term = &one->terms[clause];
    if (term->signs++ == 0) {
        term->first = now.wall;
        term->there_ms = 0;
    }
    term->last = now.wall;
    term->quiet_ms = 0;
    if (term->state == CONDUCT_BROKEN)
        return; /* One cause: what it was about at first stays. */
    term->log = *about->log;
    term->size = about->size;
    term->held = about->held;
    term->reason = about->reason;
    if (term->state == CONDUCT_KEPT)
        move(term, CONDUCT_DOUBTED);
    if (term->signs >= clauses[clause].least &&
        (!clauses[clause].patient || term->there_ms >= conducts->patience_ms))
        move(term, CONDUCT_BROKEN);
}

/* ---- What it does. ---- */

void conduct_told(struct conducts *conducts, const struct tally_key *party, const uint8_t hint[8],
                  uint64_t size)
{
    struct conduct *one = conduct_find(conducts, party);
    for (unsigned i = 0; one != NULL && i < one->scroll_count; i++)
        if (memcmp(one->scrolls[i].theirs.bytes, hint, 8) == 0 && one->scrolls[i].told < size)
            one->scrolls[i].told = size;
}

void conduct_answered(struct conducts *conducts, const struct tally_key *party,
                      struct tally_now now)
{
    struct conduct *one = conduct_find(conducts, party);
    if (one == NULL)
        return;
    uint64_t gap = one->any ? now.mono.ms - one->answered.ms : CONDUCT_GAP_MS + 1;
    one->any = true;
    one->answered = now.mono;
    if (gap > CONDUCT_GAP_MS)
        return; /* It was away, or we were: see above. */
    one->gap_ms += gap;
    for (unsigned i = 0; i < CONDUCT_CLAUSES; i++) {
        one->terms[i].there_ms += gap;
        one->terms[i].quiet_ms += gap;
    }
}

void conduct_lists(struct conducts *conducts, const struct tally_key *party)
{
    struct conduct *one = conduct_find(conducts, party);
    if (one == NULL)
        return;
    one->overs = 0;
    for (unsigned i = 0; i < one->scroll_count; i++)
        one->scrolls[i].shown = false;
}

static struct conduct_scroll *scroll_find(struct conduct *one, const struct tally_hash *origin_hash)
{
    for (unsigned i = 0; one != NULL && i < one->scroll_count; i++)
        if (hash_equal(&one->scrolls[i].theirs, origin_hash))
            return &one->scrolls[i];
    return NULL;
}

void conduct_shows(struct conducts *conducts, const struct tally_key *party,
                   const struct tally_hash *origin_hash, uint64_t size)
{
    struct conduct_scroll *scroll = scroll_find(conduct_find(conducts, party), origin_hash);
    if (scroll == NULL)
        return;
    scroll->shown = true;
    if (scroll->told < size)
        scroll->told = size;
}

/* What it is that we did not agree to; a log that one of us put aside, suspended or revoked is
   another matter. */
static bool not_agreed(enum tally_drop why)
{
    return why == TALLY_DROP_UNADMITTED || why == TALLY_DROP_LEVEL || why == TALLY_DROP_ROLE;
}

void conduct_oversteps(struct conducts *conducts, const struct tally_key *party,
                       const struct tally_hash *origin_hash, uint64_t size, enum tally_drop why)
{
    struct conduct *one = conduct_find(conducts, party);
    if (one == NULL || !not_agreed(why) || one->overs++ > 0)
        return;
    one->over = *origin_hash;
    one->over_size = size;
}

static uint64_t held_of(const struct conducts *conducts, const struct tally_hash *origin_hash)
{
    struct tally_log_view view;
    const struct tally_ledger *ledger = conducts->ledger;
    return ledger != NULL && ledger->find(ledger->context, origin_hash, &view) ? view.size : 0;
}

/* How it stands with what it shares. Who shows more than we hold, and does not refuse it, is being
   fetched from: that says nothing yet. */
static void look_shares(struct conducts *conducts, struct conduct *one, struct tally_now now)
{
    bool waits = false;
    for (unsigned i = 0; i < one->scroll_count; i++) {
        struct conduct_scroll *scroll = &one->scrolls[i];
        uint64_t held = held_of(conducts, &scroll->theirs);
        if (held > scroll->refused_held)
            scroll->refused = TALLY_DROP_NONE;
        if (held >= scroll->told)
            continue;
        if (scroll->shown && scroll->refused == TALLY_DROP_NONE) {
            waits = true;
            continue;
        }
        const struct about about = {&scroll->theirs, scroll->told, held, scroll->refused};
        fail(conducts, one, CONDUCT_SHARES, now, &about);
        return;
    }
    if (!waits)
        hold(one, CONDUCT_SHARES);
}

void conduct_listed(struct conducts *conducts, const struct tally_key *party, struct tally_now now)
{
    struct conduct *one = conduct_find(conducts, party);
    if (one == NULL)
        return;
    look_shares(conducts, one, now);
    const struct about about = {&one->over, one->over_size, 0, TALLY_DROP_NONE};
    if (one->overs > 0)
        fail(conducts, one, CONDUCT_SHOWS, now, &about);
    else
        hold(one, CONDUCT_SHOWS);
    one->looked = conducts->fresh = true;
}

void conduct_refuses(struct conducts *conducts, const struct tally_key *party,
                     const struct tally_hash *origin_hash, enum tally_drop reason,
                     struct tally_now now)
{
    struct conduct *one = conduct_find(conducts, party);
    /* Busy is no refusal, nor is what its time has passed of: that may be all that was asked for.
     */
    bool old = reason == TALLY_DROP_PRUNED && one != NULL && one->retention_days > 0;
    if (one == NULL || old || reason == TALLY_DROP_NONE || reason == TALLY_DROP_BUSY ||
        reason == TALLY_DROP_UNKNOWN)
        return;
    for (unsigned i = 0; i < one->scroll_count; i++) {
        struct conduct_scroll *scroll = &one->scrolls[i];
        if (origin_hash != NULL && !hash_equal(&scroll->theirs, origin_hash))
            continue;
        scroll->refused = reason;
        scroll->refused_held = held_of(conducts, &scroll->theirs);
    }
    if (origin_hash != NULL)
        return; /* It counts when the list is next told. */
    look_shares(conducts, one, now);
    one->looked = conducts->fresh = true;
}

void conduct_pruned(struct conducts *conducts, const struct tally_key *party,
                    const struct tally_hash *origin_hash, uint64_t index)
{
    struct conduct *one = conduct_find(conducts, party);
    for (unsigned i = 0; one != NULL && !one->pruned && i < one->scroll_count; i++) {
        if (!hash_equal(&one->scrolls[i].ours, origin_hash))
            continue;
        one->pruned = true;
        one->pruned_log = *origin_hash;
        one->pruned_index = index;
    }
}

void conduct_asks(struct conducts *conducts, const struct tally_key *party,
                  const struct tally_hash *origin_hash, enum tally_drop why)
{
    struct conduct *one = conduct_find(conducts, party);
    if (one == NULL || !not_agreed(why) || one->asks++ > 0)
        return;
    one->asked = *origin_hash;
    conducts->fresh = true;
}

/* ---- Looking. ---- */

void conduct_owes(struct conduct *one, unsigned scroll, bool owed, unsigned good, uint64_t size,
                  unsigned status)
{
    struct conduct_scroll *it = &one->scrolls[scroll];
    struct conduct_term *term = &one->terms[CONDUCT_VERIFIES];
    it->owed_ms = owed && one->verifies && it->good == good ? it->owed_ms + one->gap_ms : 0;
    it->good = good;
    if (it->owed_ms == 0 || term->state == CONDUCT_BROKEN)
        return;
    term->size = size;
    term->held = status;
}

static void look_verifies(const struct conducts *conducts, struct conduct *one,
                          struct tally_now now)
{
    uint64_t late_ms = (uint64_t)one->verify_s * 1000 * CONDUCT_FACTOR;
    if (late_ms < conducts->patience_ms)
        late_ms = conducts->patience_ms;
    bool owes = false;
    for (unsigned i = 0; i < one->scroll_count; i++) {
        const struct conduct_scroll *scroll = &one->scrolls[i];
        const struct conduct_term *term = &one->terms[CONDUCT_VERIFIES];
        const struct about about = {&scroll->ours, term->size, term->held, TALLY_DROP_NONE};
        owes |= scroll->owed_ms > 0;
        if (scroll->owed_ms < late_ms)
            continue;
        fail(conducts, one, CONDUCT_VERIFIES, now, &about);
        return;
    }
    if (!owes)
        hold(one, CONDUCT_VERIFIES);
}

void conduct_look(struct conducts *conducts, struct conduct *one, struct tally_now now)
{
    struct conduct_term *term = &one->terms[CONDUCT_ASKS];
    const struct about about = {&one->asked, 0, 0, TALLY_DROP_NONE};
    if (one->asks > 0)
        fail(conducts, one, CONDUCT_ASKS, now, &about);
    else if (term->state == CONDUCT_KEPT || term->quiet_ms >= conducts->patience_ms)
        hold(one, CONDUCT_ASKS);
    one->asks = 0;
    if (one->looked)
        look_verifies(conducts, one, now);
    if (one->looked)
        one->gap_ms = 0;
    one->looked = false;
}

void conduct_judge_pruned(struct conducts *conducts, struct conduct *one, struct tally_now now,
                          struct tally_wall made)
{
    const int64_t kept_us = (int64_t)one->retention_days * 86400 * 1000000;
    const struct about about = {&one->pruned_log, one->pruned_index, 0, TALLY_DROP_PRUNED};
    bool over = one->retention_days > 0 && now.wall.us - made.us >= kept_us;
    if (!over && one->terms[CONDUCT_KEEPS].state == CONDUCT_KEPT)
        fail(conducts, one, CONDUCT_KEEPS, now, &about);
    one->pruned = false;
}

bool conducts_holds(const struct conducts *conducts)
{
    for (size_t i = 0; i < conducts->count; i++) {
        const struct conduct *one = &conducts->list[i];
        if (one->scroll_count > TALLY_FED_TERMS_SCROLLS_MAX)
            return false;
        for (unsigned j = 0; j < CONDUCT_CLAUSES; j++)
            if (one->terms[j].state != CONDUCT_KEPT && one->terms[j].signs == 0)
                return false;
        for (size_t j = 0; j < i; j++)
            if (key_equal(&conducts->list[j].party, &one->party))
                return false;
    }
    return conducts->count <= conducts->capacity;
}
