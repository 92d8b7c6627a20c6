/* SPDX-License-Identifier: Apache-2.0 */
/* tally-sim: what a mesh does under partitions, liars, crashes and load, before it happens. */
#include "command.h"
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char usage[] =
    "usage: tally-sim run FILE [--seed N] [--crypto real|memo|fast] [--json FILE] [--html FILE]\n"
    "                     [--transcript FILE] [--trace-level error|warn|info|debug|trace]\n"
    "       tally-sim watch FILE [--speed X] [--seed N]\n"
    "       tally-sim replay FILE [--until S] [--transcript FILE]\n"
    "       tally-sim swarm --minutes M | --seeds N | --hours-virtual H [--from N] [--jobs N]\n"
    "                       [--all] [--into DIR] [--nodes A..B] [--print]\n"
    "       tally-sim shrink FILE [--jobs N] [--seconds N] [--into FILE]\n"
    "       tally-sim scale --nodes N [--birth S] [--settle S] [--seconds S] [--seed N] [--crypto "
    "P]\n"
    "                       [--peers N | --bootstraps N] [--profile P] [--nat PERCENT]\n"
    "                       [--known N] [--links N] [--loss PERCENT]\n"
    "                       [--announces N] [--revocations N] [--lookups N] [--colluders PERCENT]\n"
    "                       [--vanish PERCENT]\n"
    "\n"
    "run    plays a story and says whether all that must hold held, what was expected came, and\n"
    "       how soon. --json and --html write the figures, the second as one page with plots;\n"
    "       --transcript what happened, as text (- is standard output); its last line is the\n"
    "       id of the run: equal ids are equal runs, byte for byte.\n"
    "watch  shows a run in the terminal, X times as fast as it is. q leaves, the space bar holds\n"
    "       it, + and - change the speed.\n"
    "replay plays a story again, tells it as text, up to second S; compares the id with the one\n"
    "       that stands in the story.\n"
    "swarm  draws stories from seeds and plays them on all cores, until one fails (--all: to the\n"
    "       end). A failure prints its seed; its story and the least one that still fails are\n"
    "       written. --nodes A..B: each has so many nodes. --print shows the stories and plays\n"
    "       none. The last lines tell how many stories there were a second, and in how many\n"
    "       nobody was excused. --hours-virtual H: until the network was divided in H hours of\n"
    "       virtual time, all of it clean; it tells each minute how far it is, and from which\n"
    "       seed one goes on (--from) after it was interrupted.\n"
    "shrink the least story that fails as this one does: fewest lines, nodes and seconds.\n"
    "scale  many nodes: what they cost in memory, time and traffic when they have nothing to do;\n"
    "       how fast --announces and --revocations get round, what --lookups take, and both once "
    "more after\n"
    "       a share did --vanish. Each is told of the first so many nodes (--bootstraps) or\n"
    "       of so many others (--peers); --nat puts a share of them behind boxes; --known and\n"
    "       --links are the greatest numbers of peers and links of each; --colluders answer\n"
    "       lookups with each other alone.\n"
    "\n"
    "Exit status: 0 all is well, 1 something does not hold, 2 the command or story is wrong.\n";

int command_misuse(const char *sentence, const char *word)
{
    fprintf(stderr, "tally-sim: %s%s; tally-sim --help says what there is\n", sentence, word);
    return EXIT_USAGE;
}

/* A value that is none of this option's. */
static int misused(const char *option, const char *value)
{
    char words[80];
    (void)snprintf(words, sizeof words, "%.20s %.50s", option, value);
    return command_misuse("not understood: ", words);
}

static bool number_read(const char *text, uint64_t *number)
{
    char *end;
    if (text[0] < '0' || text[0] > '9')
        return false;
    *number = strtoull(text, &end, 10);
    return *end == '\0';
}

static bool level_read(const char *word, enum tally_level *level)
{
    static const char *const words[] = {"error", "warn", "info", "debug", "trace"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(word, words[i]) == 0) {
            *level = (enum tally_level)i;
            return true;
        }
    return false;
}

/* One option of scale with its value. */
static bool scale_option_read(struct scale_options *scale, const char *option, const char *value)
{
    const struct {
        const char *option;
        uint32_t *value;
        uint64_t most;
    } numbers[] = {
        {"--nodes", &scale->world.nodes, SCENARIO_NODES_MAX},
        {"--seconds", &scale->idle_s, 1000000},
        {"--birth", &scale->birth_s, 1000000},
        {"--settle", &scale->settle_s, 1000000},
        {"--peers", &scale->world.peers_max, TALLY_LINKS_MAX},
        {"--bootstraps", &scale->bootstraps, 1000},
        {"--known", &scale->world.known_max, TALLY_PEERS_MAX},
        {"--links", &scale->world.links_max, TALLY_LINKS_MAX},
        {"--nat", &scale->nat, 100},
        {"--loss", &scale->loss, 100},
        {"--announces", &scale->announces, 1000},
        {"--revocations", &scale->revocations, 16},
        {"--lookups", &scale->lookups, 100000},
        {"--colluders", &scale->colluders, 99},
        {"--vanish", &scale->vanish, 99},
    };
    uint64_t number;
    if (strcmp(option, "--profile") == 0) {
        for (scale->profile = TALLY_PROFILE_STATIC; scale->profile <= TALLY_PROFILE_OFFLINE;
             scale->profile++)
            if (strcmp(tally_profile_name(scale->profile), value) == 0)
                return true;
        return false;
    }
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (strcmp(option, numbers[i].option) == 0) {
            if (!number_read(value, &number) || number > numbers[i].most)
                return false;
            *numbers[i].value = (uint32_t)number;
            return true;
        }
    return false;
}

/* A number with a fraction, above 0. */
static bool fraction_read(const char *text, double least, double most, double *number)
{
    char *end;
    *number = strtod(text, &end);
    return end != text && *end == '\0' && *number >= least && *number <= most;
}

/* «8..32» nodes of each drawn story. */
static bool sizes_read(struct swarm_sizes *sizes, const char *value)
{
    char end;
    return sscanf(value, "%" SCNu32 "..%" SCNu32 "%c", &sizes->least, &sizes->most, &end) == 2 &&
           sizes->least >= SWARM_NODES_LEAST && sizes->least <= sizes->most &&
           sizes->most <= SWARM_NODES_MOST;
}

/* Options whose value is a word as it stands; false if it is none of them. */
static bool word_read(struct arguments *arguments, const char *option, const char *value)
{
    const struct {
        const char *option, **value;
    } words[] = {
        {"--transcript", &arguments->transcript},
        {"--json", &arguments->json},
        {"--html", &arguments->html},
        {"--into", &arguments->into},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(option, words[i].option) == 0) {
            *words[i].value = value;
            return true;
        }
    return false;
}

/* One option with its value; false if either is wrong. */
static bool option_read(struct arguments *arguments, const char *option, const char *value)
{
    const struct {
        const char *option;
        uint64_t *value, most;
    } numbers[] = {
        {"--seeds", &arguments->seeds, UINT64_MAX / 2},
        {"--from", &arguments->from, UINT64_MAX / 2},
        {"--minutes", &arguments->minutes, 100000},
        {"--hours-virtual", &arguments->hours, 100000},
        {"--jobs", &arguments->jobs, 64},
    };
    double until;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (strcmp(option, numbers[i].option) == 0)
            return number_read(value, numbers[i].value) && *numbers[i].value <= numbers[i].most;
    if (strcmp(option, "--seed") == 0)
        return arguments->seeded = number_read(value, &arguments->seed);
    if (strcmp(option, "--trace-level") == 0)
        return level_read(value, &arguments->level);
    if (strcmp(option, "--speed") == 0)
        return fraction_read(value, 0.01, 100000, &arguments->speed);
    if (strcmp(option, "--until") == 0) {
        bool good = fraction_read(value, 0, 1e9, &until);
        arguments->until_us = good ? (uint64_t)(until * 1e6) : 0;
        return good;
    }
    if (strcmp(option, "--seconds") == 0)
        (void)number_read(value, &arguments->seconds);
    if (strcmp(option, "--nodes") == 0 && strchr(value, '.') != NULL)
        return sizes_read(&arguments->sizes, value);
    if (strcmp(option, "--crypto") == 0) {
        arguments->crypto_given = true;
        return provider_word(value, &arguments->crypto);
    }
    return word_read(arguments, option, value) ||
           scale_option_read(&arguments->scale, option, value);
}

/* Everything behind the verb. Returns 0 or an exit status. */
static int arguments_read(struct arguments *arguments, int count, char **words)
{
    *arguments = (struct arguments){.level = TALLY_LEVEL_DEBUG, .until_us = UINT64_MAX, .speed = 1};
    scale_defaults(&arguments->scale);
    arguments->scale.world.nodes = 0; /* Until it is said. */
    for (int i = 0; i < count; i++) {
        if (strcmp(words[i], "--print") == 0) {
            arguments->print = true;
        } else if (strcmp(words[i], "--all") == 0) {
            arguments->all = true;
        } else if (words[i][0] == '-' && words[i][1] != '\0') {
            if (i + 1 == count)
                return command_misuse("no value after ", words[i]);
            if (!option_read(arguments, words[i], words[i + 1]))
                return misused(words[i], words[i + 1]);
            i++;
        } else if (arguments->file == NULL) {
            arguments->file = words[i];
        } else {
            return command_misuse("one file at a time, not also ", words[i]);
        }
    }
    return 0;
}

double command_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

uint64_t command_fresh_seed(void)
{
    return (uint64_t)time(NULL) * 1000;
}

static double core_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int scale(const struct arguments *arguments)
{
    struct scale_options copy = arguments->scale, *options = &copy;
    if (options->world.nodes == 0 || options->idle_s == 0)
        return command_misuse("how many, and how long? ", "--nodes N --seconds N");
    /* Each announce is of a larger log, and all its receipts wait for one seal. */
    options->world.pending_max += options->announces;
    options->world.own_logs_max += options->revocations > 0; /* For statements. */
    scale_sizes(options);
    options->seconds = command_seconds;
    options->core_seconds = core_seconds;
    if (arguments->seeded)
        options->world.seed = arguments->seed;
    if (arguments->crypto_given)
        options->world.crypto = arguments->crypto;
    return scale_run(options) ? 0 : EXIT_BROKEN;
}

int main(int count, char **words)
{
    static const struct {
        const char *verb;
        int (*command)(const struct arguments *arguments);
    } verbs[] = {
        {"run", command_run},     {"watch", command_watch},   {"replay", command_replay},
        {"swarm", command_swarm}, {"shrink", command_shrink}, {"scale", scale},
    };
    struct arguments arguments;
    if (count < 2) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    if (sodium_init() < 0) { /* Chooses the code for this processor; results are the same. */
        fputs("tally-sim: libsodium does not start\n", stderr);
        return 1;
    }
    if (strcmp(words[1], "--help") == 0 || strcmp(words[1], "-h") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    int status = arguments_read(&arguments, count - 2, words + 2);
    if (status != 0)
        return status;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(words[1], verbs[i].verb) == 0)
            return verbs[i].command(&arguments);
    return command_misuse("not a verb: ", words[1]);
}
