/* SPDX-License-Identifier: Apache-2.0 */
#include "shrink_fair.h"

/* ---- What ends what. ---- */

static uint64_t ends_us(const struct line *line)
{
    if (line->verb == VERB_RECOVER)
        return line->at_us + line->within_us;
    return line->every_us > 0 && line->until_us != UINT64_MAX ? line->until_us : line->at_us;
}

static bool meets(struct range a, struct range b)
{
    return a.from <= b.to && b.from <= a.to;
}

static bool same_range(struct range a, struct range b)
{
    return a.from == b.from && a.to == b.to;
}

static bool is_setting(enum verb verb)
{
    return verb == VERB_LINK || verb == VERB_DISK || verb == VERB_CLOCK || verb == VERB_PROFILE;
}

/* Another key is to take over, at a start after all is sealed. */
static bool is_rotation(const struct line *line)
{
    return line->verb == VERB_STATE && line->state.kind == FED_REVOKE_KEY && line->succeeded;
}

/* Whether `after` ends or corrects what `before` begins. */
static bool repairs(const struct line *before, const struct line *after)
{
    if (before->verb == VERB_PARTITION || before->verb == VERB_CUT || before->verb == VERB_FLAP)
        return after->verb == VERB_HEAL;
    if (before->verb == VERB_CRASH || before->verb == VERB_LEAVE)
        return (after->verb == VERB_RESTART || after->verb == VERB_JOIN) &&
               meets(before->who, after->who);
    if (before->verb == VERB_RESTORE)
        return after->verb == VERB_RECOVER && meets(before->who, after->who);
    return false;
}

/* The same for what counts only as the last word: of settings, of what DNS says; and whose write
   failed is started again. */
static bool corrects(const struct line *before, const struct line *after)
{
    if (before->verb == VERB_DOMAIN)
        return before->timed && after->verb == VERB_DOMAIN && after->timed;
    return is_setting(before->verb) && after->verb == before->verb && after->timed &&
           after->everywhere == before->everywhere && same_range(after->who, before->who) &&
           same_range(after->other, before->other);
}

static bool revives(const struct line *before, const struct line *after)
{
    return before->verb == VERB_DISK && before->disk.failed && before->disk.values.failed > 0 &&
           after->verb == VERB_RESTART && meets(before->who, after->who);
}

typedef bool relation(const struct line *before, const struct line *after);

/* Keeps a line; false if there is none (SIZE_MAX), or it was kept already. */
static bool keep(const struct scenario *scenario, size_t at, bool *kept)
{
    if (at == SIZE_MAX || kept[scenario->lines[at].number - 1])
        return false;
    return kept[scenario->lines[at].number - 1] = true;
}

/* The last line of them is kept; unless one is, if any will do. */
static bool keep_last(const struct scenario *scenario, size_t at, bool *kept, relation *is,
                      bool any)
{
    const struct line *line = &scenario->lines[at];
    size_t last = SIZE_MAX;
    for (size_t i = 0; i < scenario->count; i++) {
        const struct line *after = &scenario->lines[i];
        if (i == at || ends_us(after) < ends_us(line) || !is(line, after))
            continue;
        last = i;
        if (kept[after->number - 1] && any)
            return false;
    }
    return keep(scenario, last, kept);
}

/* Where a key ended, the start before the last one is when the rest is sealed: both are kept. */
static bool keep_starts(const struct scenario *scenario, size_t at, bool *kept)
{
    const struct line *line = &scenario->lines[at], *lines = scenario->lines;
    size_t last = SIZE_MAX, before = SIZE_MAX;
    for (size_t i = 0; is_rotation(line) && i < scenario->count; i++) {
        if (lines[i].verb != VERB_RESTART || !meets(line->who, lines[i].who) ||
            lines[i].at_us < line->at_us)
            continue;
        if (last == SIZE_MAX || lines[i].at_us >= lines[last].at_us) {
            before = last;
            last = i;
        } else if (before == SIZE_MAX || lines[i].at_us >= lines[before].at_us) {
            before = i;
        }
    }
    bool more = keep(scenario, last, kept);
    return keep(scenario, before, kept) || more;
}

static bool fair_line(const struct scenario *scenario, size_t at, bool *kept)
{
    return keep_last(scenario, at, kept, repairs, true) ||
           keep_last(scenario, at, kept, corrects, false) ||
           keep_last(scenario, at, kept, revives, false) || keep_starts(scenario, at, kept);
}

/* Whether a line is nothing without one that went before: a stolen key is one that was revoked, or
   nobody could know; who comes back from a copy was copied; what folds was stated; and a
   segment has its box. */
static bool needs(const struct line *line, const struct line *before)
{
    if ((before->at_us > line->at_us && line->timed) || !meets(before->who, line->who))
        return false;
    if (line->verb == VERB_EXPECT &&
        (line->condition == CONDITION_FOLDED || line->condition == CONDITION_SUCCEEDED))
        return is_rotation(before);
    if (line->verb == VERB_LIE && line->lie == LIE_REVOKED)
        return before->verb == VERB_STATE && before->state.kind == FED_REVOKE_KEY;
    if (line->verb == VERB_LAN)
        return before->verb == VERB_NAT && !before->timed;
    return line->verb == VERB_RESTORE && before->verb == VERB_BACKUP;
}

/* The last such line is kept. */
static bool ground_line(const struct scenario *scenario, size_t at, bool *kept)
{
    size_t last = SIZE_MAX;
    for (size_t i = 0; i < scenario->count; i++)
        if (needs(&scenario->lines[at], &scenario->lines[i]))
            last = i;
    return keep(scenario, last, kept);
}

/* Who expects a fork wants somebody who forks. */
static bool fork_line(const struct scenario *scenario, size_t at, bool *kept)
{
    const struct line *line = &scenario->lines[at];
    for (size_t i = 0; line->verb == VERB_EXPECT && line->condition == CONDITION_FORK &&
                       !line->negated && i < scenario->count;
         i++) {
        const struct line *lie = &scenario->lines[i];
        if (lie->verb == VERB_LIE && meets(lie->who, line->who) && !kept[lie->number - 1])
            return kept[lie->number - 1] = true;
    }
    return false;
}

/* Whether somebody is brought to where they are. */
static bool is_sought(const struct scenario *scenario, const struct line *line)
{
    for (size_t i = 0; i < scenario->count; i++)
        if (scenario->lines[i].verb == VERB_MOVE && meets(scenario->lines[i].other, line->who))
            return true;
    return false;
}

/* Neighbours hear each other; one alone has none, unless somebody comes. */
static bool is_segment(const struct scenario *scenario, const struct line *line)
{
    return line->verb == VERB_LAN && !line->timed &&
           (line->who.from < line->who.to || is_sought(scenario, line));
}

/* Who is where in the end: neighbours that were left out of their segment, or not brought back to
   it, never hear of each other. */
static bool places(const struct scenario *scenario, const struct line *line)
{
    bool box = line->verb == VERB_NAT && !line->timed;
    /* And nothing leads out of a segment without its box. */
    for (size_t i = 0; box && i < scenario->count; i++)
        if (is_segment(scenario, &scenario->lines[i]) && meets(scenario->lines[i].who, line->who))
            return true;
    for (size_t i = 0; line->verb == VERB_MOVE && i < scenario->count; i++) {
        const struct line *later = &scenario->lines[i];
        if (later->verb == VERB_MOVE && later->at_us > line->at_us && meets(later->who, line->who))
            return false;
    }
    return line->verb == VERB_MOVE || is_segment(scenario, line);
}

void shrink_fair(const struct scenario *scenario, bool *kept, size_t count)
{
    bool more = true;
    for (size_t i = 0; i < scenario->count; i++) {
        const struct line *line = &scenario->lines[i];
        bool told =
            line->verb == VERB_PROFILE || line->verb == VERB_BOOTSTRAP || line->verb == VERB_DOMAIN;
        if (line->number <= count && ((told && !line->timed) || places(scenario, line)))
            kept[line->number - 1] = true;
    }
    while (more) {
        more = false;
        for (size_t i = 0; i < scenario->count; i++)
            if (scenario->lines[i].number <= count && kept[scenario->lines[i].number - 1])
                more |= fair_line(scenario, i, kept) || ground_line(scenario, i, kept) ||
                        fork_line(scenario, i, kept);
    }
}

/* How far any two clocks are apart at most. */
static int64_t clocks_apart(const struct scenario *scenario)
{
    int64_t least = 0, most = 0;
    for (uint32_t slot = 0; slot < scenario->options.nodes; slot++) {
        int64_t off = 0;
        for (size_t i = 0; i < scenario->count; i++) {
            const struct line *line = &scenario->lines[i];
            if (slot < line->who.from || slot > line->who.to)
                continue;
            if (line->verb == VERB_CLOCK)
                off = line->offset_us;
            else if (line->verb == VERB_STEP)
                off += line->offset_us;
            least = off < least ? off : least;
            most = off > most ? off : most;
        }
    }
    return most - least;
}

static bool is_liar(const struct scenario *scenario, uint32_t slot)
{
    for (size_t i = 0; i < scenario->count; i++) {
        const struct line *line = &scenario->lines[i];
        if (line->verb == VERB_LIE && line->who.from <= slot && slot <= line->who.to)
            return true;
    }
    return false;
}

static bool is_listed(const struct line *line, uint32_t slot)
{
    for (size_t i = 0; i < line->list_count; i++)
        if (line->list[i] == slot)
            return true;
    return false;
}

/* Who stands in DNS is not told of it: if several do, somebody honest asks whom they all meet. */
static bool is_asked(const struct scenario *scenario, const struct line *domain)
{
    uint32_t honest = 0, ask = 0;
    for (uint32_t slot = 0; slot < scenario->options.nodes; slot++)
        if (!is_liar(scenario, slot)) {
            honest++;
            ask += !is_listed(domain, slot);
        }
    return honest < 2 || ask > 0;
}

bool shrink_is_fair(const struct scenario *scenario, const struct scenario *first)
{
    for (size_t i = 0; i < scenario->count; i++) {
        const struct line *line = &scenario->lines[i];
        if (line->verb == VERB_DOMAIN && !line->timed && !is_asked(scenario, line))
            return false;
    }
    return clocks_apart(scenario) <= clocks_apart(first);
}
