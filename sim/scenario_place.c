/* SPDX-License-Identifier: Apache-2.0 */
#include "memory.h"
#include "scenario_read.h"
#include <string.h>

enum { TIMEOUT_MAX_S = 86400, FLAP_LEAST_US = 100000, FLAP_MAX_S = 86400 };

/* One of some words; false after saying which there are. */
static bool choose(struct words *words, const char *const *choices, size_t count, const char *what,
                   size_t *choice)
{
    const char *word = words_next(words);
    for (*choice = 0; *choice < count; ++*choice)
        if (strcmp(word, choices[*choice]) == 0)
            return true;
    *choice = 0;
    return words_fail(words, "\"%s\" is no %s", word, what);
}

static uint32_t read_one(struct words *words, const char *what)
{
    struct range who = words_who(words);
    if (who.from != who.to)
        words_fail(words, "%s one node", what);
    return who.from;
}

static void read_gateway_kind(struct words *words, struct line *line)
{
    static const char *const kinds[] = {
        [TALLY_MAPPING_NONE] = "none",
        [TALLY_MAPPING_PCP] = "pcp",
        [TALLY_MAPPING_NATPMP] = "natpmp",
    };
    size_t kind;
    choose(words, kinds, 3, "gateway: natpmp, pcp or none", &kind);
    line->box.nat.gateway = (enum tally_mapping)kind;
}

static void read_nat(struct words *words, struct line *line)
{
    static const char *const types[] = {
        [NAT_NONE] = "none", [NAT_FULL] = "full",           [NAT_ADDRESS] = "address",
        [NAT_PORT] = "port", [NAT_SYMMETRIC] = "symmetric",
    };
    size_t type;
    line->verb = VERB_NAT;
    line->who = words_who(words);
    choose(words, types, 5, "type of a nat: none, full, address, port or symmetric", &type);
    line->box.nat.type = (enum nat_type)type;
    while (words_left(words) && !words->failed) {
        if (words_take(words, "each")) {
            line->each = true;
        } else if (words_take(words, "timeout")) {
            line->box.nat.timeout_us =
                words_number(words, "seconds of a timeout", 1, TIMEOUT_MAX_S) * 1000000;
        } else if (words_take(words, "gateway")) {
            read_gateway_kind(words, line);
        } else if (words_take(words, "behind")) {
            line->box.behind = true;
            line->box.outside = read_one(words, "behind wants");
        } else if (words_take(words, "hairpin")) {
            line->box.nat.hairpin = true;
        } else if (words_take(words, "carrier")) {
            line->box.carrier = true;
        } else {
            words_fail(words,
                       "\"%s\" is no option of a nat: each, timeout, gateway, behind, "
                       "hairpin or carrier",
                       words_peek(words));
        }
    }
}

static void read_gateway(struct words *words, struct line *line)
{
    line->verb = VERB_GATEWAY;
    line->who = words_who(words);
    line->renumber = words_take(words, "renumber");
    if (!line->renumber && !words_take(words, "restart"))
        words_fail(words, "gateway WHO restart or renumber, not \"%s\"", words_peek(words));
    line->silent = words_take(words, "silent");
}

static void read_profile(struct words *words, struct line *line)
{
    static const char *const profiles[] = {
        [TALLY_PROFILE_STATIC] = "static",   [TALLY_PROFILE_AUTO] = "auto",
        [TALLY_PROFILE_LAN] = "lan",         [TALLY_PROFILE_SERVER] = "server",
        [TALLY_PROFILE_OFFLINE] = "offline",
    };
    size_t profile;
    line->verb = VERB_PROFILE;
    line->who = words_who(words);
    choose(words, profiles, 5, "profile: static, auto, lan, server or offline", &profile);
    line->profile = (enum tally_profile)profile;
}

/* Nodes as often as there are words that name some. */
static void read_list(struct words *words, struct line *line)
{
    while (words_is_who(words) && !words->failed) {
        struct range who = words_who(words);
        for (uint32_t slot = who.from; slot <= who.to; slot++) {
            line->list = memory_room(line->list, &line->list_capacity, line->list_count + 1,
                                     sizeof *line->list);
            line->list[line->list_count++] = slot;
        }
    }
}

static void read_bootstrap(struct words *words, struct line *line)
{
    line->verb = VERB_BOOTSTRAP;
    if (!words_is_who(words))
        words_fail(words, "bootstrap WHO WHO…: whom are the others told of?");
    read_list(words, line);
}

static void read_domain(struct words *words, struct line *line)
{
    const char *name = words_next(words);
    line->verb = VERB_DOMAIN;
    if (name[0] == '\0' || strlen(name) > TALLY_DOMAIN_MAX)
        words_fail(words, "domain NAME WHO…, none or silent: \"%s\" is no name", name);
    else
        strcpy(line->domain, name);
    line->silent = words_take(words, "silent");
    if (!line->silent && !words_take(words, "none") && !words_is_who(words))
        words_fail(words, "domain NAME WHO…, none or silent, not \"%s\"", words_peek(words));
    read_list(words, line);
    line->keyless = words_take(words, "keyless");
}

/* Of what is open and closed in turn: never without end at once. */
static uint64_t read_phase(struct words *words, const char *what)
{
    int64_t us = words_seconds(words, what);
    if (us < FLAP_LEAST_US || us > FLAP_MAX_S * INT64_C(1000000))
        words_fail(words, "%s is from 0.1 to %d seconds", what, FLAP_MAX_S);
    return us > 0 ? (uint64_t)us : 0;
}

static void read_flap(struct words *words, struct line *line)
{
    line->verb = VERB_FLAP;
    line->who = words_who(words);
    line->other = words_who(words);
    line->us = read_phase(words, "a time it is open");
    line->closed_us = read_phase(words, "a time it is closed");
}

bool scenario_read_place(struct words *words, struct line *line)
{
    if (words_take(words, "nat")) {
        read_nat(words, line);
    } else if (words_take(words, "lan")) {
        line->verb = VERB_LAN;
        line->who = words_who(words);
    } else if (words_take(words, "move")) {
        line->verb = VERB_MOVE;
        line->who = words_who(words);
        if (!words_take(words, "to"))
            words_fail(words, "move WHO to WHO, not \"%s\"", words_peek(words));
        line->other.from = line->other.to = read_one(words, "move to");
    } else if (words_take(words, "gateway")) {
        read_gateway(words, line);
    } else if (words_take(words, "profile")) {
        read_profile(words, line);
    } else if (words_take(words, "bootstrap")) {
        read_bootstrap(words, line);
    } else if (words_take(words, "domain")) {
        read_domain(words, line);
    } else if (words_take(words, "flap")) {
        read_flap(words, line);
    } else {
        return false;
    }
    return true;
}
