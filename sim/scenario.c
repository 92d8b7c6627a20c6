/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario.h"
#include "memory.h"
#include "scenario_read.h"
#include <stdio.h>
#include <string.h>

enum {
    DELAY_MAX_MS = 60000,
    STORY_MAX_S = 1000000,
    STATE_GAP_US = 200000,
};

/* ---- Setup. ---- */

static void read_crypto(struct words *words, struct scenario *scenario)
{
    const char *word = words_next(words);
    if (!provider_word(word, &scenario->options.crypto))
        words_fail(words, "\"%s\" is no crypto: real, memo or fast", word);
}

static void read_option(struct words *words, struct world_options *options)
{
    const char *limit = words_next(words);
    if (strcmp(limit, "verify") == 0) {
        if (words_take(words, "checkpoint"))
            options->verify = TALLY_VERIFY_CHECKPOINT;
        else if (words_take(words, "every"))
            options->verify = TALLY_VERIFY_EVERY;
        else
            words_fail(words, "verify is every or checkpoint, not \"%s\"", words_peek(words));
        return;
    }
    const struct {
        const char *word;
        unsigned *value;
        unsigned most;
    } limits[] = {
        {"connections", &options->connections_max, TALLY_CONNECTIONS_MAX},
        {"logs", &options->logs_max, TALLY_LOGS_MAX},
        {"own_logs", &options->own_logs_max, TALLY_OWN_LOGS_MAX},
        {"known", &options->known_max, TALLY_PEERS_MAX},
        {"links", &options->links_max, TALLY_LINKS_MAX},
        {"dht_values", &options->dht_values_max, 65536},
        {"seen", &options->seen_max, TALLY_SEEN_MAX},
        {"records", &options->records_max, 1024},
        {"senders", &options->senders_max, 65536},
        {"pending", &options->pending_max, TALLY_PENDING_MAX},
        {"seal_receipts", &options->seal_receipts, TALLY_SEAL_RECEIPTS},
        {"seal_ms", &options->seal_ms, 3600000},
        {"seal_quiet_ms", &options->seal_quiet_ms, 3600000},
        {"peers", &options->peers_max, TALLY_LINKS_MAX},
    };
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        if (strcmp(limit, limits[i].word) == 0) {
            /* Without configured peers there are others to find. */
            unsigned least = limits[i].value == &options->peers_max ? 0 : 1;
            *limits[i].value = (unsigned)words_number(words, "this limit", least, limits[i].most);
            return;
        }
    words_fail(
        words,
        "\"%s\" is no option: connections, logs, own_logs, pending, known, links, "
        "dht_values, seen, records, senders, seal_receipts, seal_ms, seal_quiet_ms, peers or "
        "verify",
        limit);
}

static void read_link(struct words *words, struct line *line)
{
    struct link_change *link = &line->link;
    line->verb = VERB_LINK;
    line->everywhere = !words_is_who(words);
    if (!line->everywhere) {
        line->who = words_who(words);
        line->other = words_who(words);
    }
    if (!words_left(words))
        words_fail(words, "link wants an option: delay, loss, duplicate, reorder, corrupt, "
                          "replay, rate or mtu");
    while (words_left(words) && !words->failed) {
        if ((words_take(words, "delay") && (link->delay = true)))
            link->values.delay_ms = words_range(words, "a delay in ms", DELAY_MAX_MS);
        else if (words_take(words, "loss") && (link->loss = true))
            link->values.loss = words_percent(words, "a loss");
        else if (words_take(words, "duplicate") && (link->duplicate = true))
            link->values.duplicate = words_percent(words, "a share");
        else if (words_take(words, "reorder") && (link->reorder = true))
            link->values.reorder = words_percent(words, "a share");
        else if (words_take(words, "corrupt") && (link->corrupt = true))
            link->values.corrupt = words_percent(words, "a share");
        else if (words_take(words, "replay") && (link->replay = true))
            link->values.replay = words_percent(words, "a share");
        else if (words_take(words, "rate") && (link->rate = true))
            link->values.rate = (uint32_t)words_number(words, "bytes a second", 1, UINT32_MAX);
        else if (words_take(words, "mtu") && (link->mtu = true))
            link->values.mtu = (uint32_t)words_number(words, "an mtu", 1, 65535);
        else
            words_fail(words, "\"%s\" is no option of a link", words_peek(words));
    }
}

static void read_clock(struct words *words, struct line *line)
{
    line->verb = VERB_CLOCK;
    line->who = words_who(words);
    if (!words_left(words))
        words_fail(words, "clock wants offset S or drift PPM");
    while (words_left(words) && !words->failed) {
        if (words_take(words, "offset"))
            line->offset_us = words_seconds(words, "an offset");
        else if (words_take(words, "drift"))
            line->drift_ppm = (int32_t)(words_seconds(words, "a drift in ppm") / 1000000);
        else
            words_fail(words, "\"%s\" is not offset or drift", words_peek(words));
    }
}

static void read_disk(struct words *words, struct line *line)
{
    line->verb = VERB_DISK;
    line->who = words_who(words);
    if (!words_left(words))
        words_fail(words, "disk wants sync A..B, slow P, failed P, torn P or full BYTES");
    struct disk_setting *disk = &line->disk;
    while (words_left(words) && !words->failed) {
        if (words_take(words, "sync") && (disk->sync = true))
            disk->values.sync_us = words_range(words, "microseconds of a sync", 10000000);
        else if (words_take(words, "slow") && (disk->slow = true))
            disk->values.slow = words_percent(words, "a share");
        else if (words_take(words, "failed") && (disk->failed = true))
            disk->values.failed = words_percent(words, "a share");
        else if (words_take(words, "torn") && (disk->torn = true))
            disk->values.torn = words_percent(words, "a share");
        else if (words_take(words, "full") && (disk->full = true))
            disk->values.capacity =
                words_number(words, "bytes it has, 0 for enough", 0, UINT32_MAX);
        else
            words_fail(words, "\"%s\" is no option of a disk: sync, slow, failed, torn or full",
                       words_peek(words));
    }
}

/* ---- Actions. ---- */

static void read_append(struct words *words, struct line *line)
{
    line->verb = VERB_APPEND;
    line->who = words_who(words);
    line->count = (uint32_t)words_number(words, "how many", 1, SCENARIO_APPEND_MAX);
    line->size = (struct range){40, 120};
    strcpy(line->name, "audit");
    while (words_left(words) && !words->failed) {
        if (words_take(words, "in")) {
            const char *name = words_next(words);
            if (!tally_namespace_valid((struct tally_bytes){(const uint8_t *)name, strlen(name)}))
                words_fail(words, "\"%s\" is no namespace: 1 to %d of A-Z a-z 0-9 . _ : -", name,
                           TALLY_NAMESPACE_MAX);
            else
                strcpy(line->name, name);
        } else if (words_take(words, "size")) {
            line->size = words_range(words, "bytes of a body", TALLY_BODY_MAX);
        } else {
            words_fail(words, "\"%s\" is not in NAME or size A..B", words_peek(words));
        }
    }
}

static void read_partition(struct words *words, struct line *line)
{
    line->verb = VERB_PARTITION;
    if (words->nodes == 0) {
        words_fail(words, "say \"nodes N\" before a partition");
        return;
    }
    line->islands = memory_new(words->nodes, sizeof *line->islands);
    for (uint32_t i = 0; i < words->nodes && !words->failed; i++) {
        if (!words_left(words))
            words_fail(words, "a partition names the island of each node: %u numbers, here are %u",
                       (unsigned)words->nodes, (unsigned)i);
        else
            line->islands[i] = (uint32_t)words_number(words, "an island", 0, 1000);
    }
}

static void read_lie(struct words *words, struct line *line)
{
    line->verb = VERB_LIE;
    line->who = words_who(words);
    const char *word = words_next(words);
    if (!adversary_lie(word, &line->lie))
        words_fail(words,
                   "\"%s\" is no lie: ahead, root, fork, gap, silent, forged, rewind, rewrite, "
                   "flood, replay, spoof, garbled, half-open, collude, perjury, "
                   "revoked-user or amends",
                   word);
    if (words_left(words))
        line->count = (uint32_t)words_number(words, "how many", 1, 10000);
}

/* Verbs with nodes and nothing else, or one time. */
static bool read_simple(struct words *words, struct line *line)
{
    if (words_take(words, "heal")) {
        line->verb = VERB_HEAL;
    } else if (words_take(words, "seal")) {
        line->verb = VERB_SEAL;
        line->who = words_who(words);
    } else if (words_take(words, "crash")) {
        line->verb = VERB_CRASH;
        line->who = words_who(words);
    } else if (words_take(words, "restart")) {
        line->verb = VERB_RESTART;
        line->who = words_who(words);
    } else if (words_take(words, "join")) {
        line->verb = VERB_JOIN;
        line->who = words_who(words);
    } else if (words_take(words, "leave")) {
        line->verb = VERB_LEAVE;
        line->who = words_who(words);
    } else if (words_take(words, "backup")) {
        line->verb = VERB_BACKUP;
        line->who = words_who(words);
    } else if (words_take(words, "restore")) {
        line->verb = VERB_RESTORE;
        line->who = words_who(words);
        line->held = words_take(words, "held");
    } else if (words_take(words, "recover")) {
        line->verb = VERB_RECOVER;
        line->who = words_who(words);
        if (words_take(words, "within"))
            line->within_us = (uint64_t)words_seconds(words, "a time");
    } else if (words_take(words, "suspend")) {
        line->verb = VERB_SUSPEND;
        line->who = words_who(words);
        line->us = (uint64_t)words_seconds(words, "a time");
    } else if (words_take(words, "step")) {
        line->verb = VERB_STEP;
        line->who = words_who(words);
        line->offset_us = words_seconds(words, "a step");
    } else if (words_take(words, "cut")) {
        line->verb = VERB_CUT;
        line->who = words_who(words);
        if (!words_take(words, "from"))
            words_fail(words, "cut WHO from WHO, not \"%s\"", words_peek(words));
        line->other = words_who(words);
    } else {
        return false;
    }
    return true;
}

static void read_action(struct words *words, struct line *line)
{
    if (read_simple(words, line) || scenario_read_place(words, line) ||
        scenario_read_trust(words, line))
        return;
    if (words_take(words, "link"))
        read_link(words, line);
    else if (words_take(words, "clock"))
        read_clock(words, line);
    else if (words_take(words, "disk"))
        read_disk(words, line);
    else if (words_take(words, "append"))
        read_append(words, line);
    else if (words_take(words, "partition"))
        read_partition(words, line);
    else if (words_take(words, "lie"))
        read_lie(words, line);
    else if (words_take(words, "expect"))
        scenario_read_expect(words, line);
    else
        words_fail(words, "unknown word \"%s\"", words_peek(words));
}

/* ---- Lines. ---- */

/* What only stands before everything else; true if it was that. */
static bool read_head(struct words *words, struct scenario *scenario)
{
    if (words_take(words, "nodes")) {
        if (scenario->options.nodes != 0)
            words_fail(words, "nodes was said before");
        scenario->options.nodes = words->nodes =
            (uint32_t)words_number(words, "a number of nodes", 1, SCENARIO_NODES_MAX);
    } else if (words_take(words, "seed")) {
        scenario->options.seed = words_number(words, "a seed", 0, UINT64_C(1) << 58);
    } else if (words_take(words, "crypto")) {
        read_crypto(words, scenario);
    } else if (words_take(words, "option")) {
        read_option(words, &scenario->options);
    } else {
        return false;
    }
    return true;
}

static uint64_t read_time(struct words *words)
{
    int64_t us = words_seconds(words, "a time");
    if (us < 0 || us > (int64_t)STORY_MAX_S * 1000000)
        words_fail(words, "a time is from 0 to %d seconds", STORY_MAX_S);
    return (uint64_t)us;
}

static void read_line(struct words *words, struct scenario *scenario)
{
    if (!words_left(words) || read_head(words, scenario))
        return;
    struct line line = {.number = words->number, .until_us = UINT64_MAX};
    if (words_take(words, "at")) {
        line.timed = true;
        line.at_us = read_time(words);
    } else if (words_take(words, "every")) {
        line.timed = true;
        line.at_us = line.every_us = read_time(words);
        if (line.every_us == 0)
            words_fail(words, "every wants a time above 0");
        if (words_take(words, "until"))
            line.until_us = read_time(words);
    }
    read_action(words, &line);
    bool setup = line.verb == VERB_LINK || line.verb == VERB_CLOCK || line.verb == VERB_DISK ||
                 line.verb == VERB_NAT || line.verb == VERB_LAN || line.verb == VERB_PROFILE ||
                 line.verb == VERB_BOOTSTRAP || line.verb == VERB_DOMAIN;
    if (!line.timed && !setup && line.verb != VERB_EXPECT)
        words_fail(words, "when? say \"at T %s ...\"", words->words[0]);
    scenario->lines = memory_room(scenario->lines, &scenario->capacity, scenario->count + 1,
                                  sizeof *scenario->lines);
    scenario->lines[scenario->count++] = line;
    /* A node judges one statement after the other: of several parties it speaks one by one. */
    while (line.verb == VERB_STATE && line.other.from < line.other.to) {
        struct line *before = &scenario->lines[scenario->count - 1];
        before->other.to = line.other.from++;
        line.at_us += STATE_GAP_US;
        scenario->lines = memory_room(scenario->lines, &scenario->capacity, scenario->count + 1,
                                      sizeof *scenario->lines);
        scenario->lines[scenario->count++] = line;
    }
}

/* A line of the file without what is around it: blanks, a comment. */
static char *line_text(const char *source)
{
    source += strspn(source, " \t");
    size_t size = strcspn(source, "#\r\n");
    while (size > 0 && (source[size - 1] == ' ' || source[size - 1] == '\t'))
        size--;
    char *text = memory_new(size + 1, 1);
    memcpy(text, source, size);
    return text;
}

bool scenario_read(struct scenario *scenario, const char *name, const char *text, char *message,
                   size_t size)
{
    memset(scenario, 0, sizeof *scenario);
    scenario->options.seed = 1;
    scenario->options.crypto = PROVIDER_MEMO;
    scenario->options.peers_max = 16;
    struct words *words = memory_new(1, sizeof *words);
    words->name = name;
    words->message = message;
    words->message_size = size;
    char *copy = memory_copy(text, strlen(text) + 1), *rest = copy;
    while (rest != NULL && !words->failed) {
        char *line = strsep(&rest, "\n");
        words->number++;
        const char *source = text + (line - copy);
        size_t count = scenario->count;
        words_split(words, line);
        read_line(words, scenario);
        if (scenario->count > count)
            scenario->lines[count].text = line_text(source);
        if (words_left(words))
            words_fail(words, "what is \"%s\" doing here?", words_peek(words));
    }
    if (scenario->options.nodes == 0)
        words_fail(words, "a story begins with \"nodes N\"");
    bool good = !words->failed;
    memory_free(copy);
    memory_free(words);
    if (!good)
        scenario_free(scenario);
    return good;
}

void scenario_free(struct scenario *scenario)
{
    for (size_t i = 0; i < scenario->count; i++) {
        memory_free(scenario->lines[i].islands);
        memory_free(scenario->lines[i].list);
        memory_free(scenario->lines[i].text);
    }
    memory_free(scenario->lines);
    memset(scenario, 0, sizeof *scenario);
}
