/* SPDX-License-Identifier: Apache-2.0 */
/* tally-sim: what a mesh does under partitions, liars, crashes and load, before it happens. */
#include "memory.h"
#include "scale.h"
#include "story.h"
#include "swarm.h"
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { EXIT_BROKEN = 1, EXIT_USAGE = 2 };

static const char usage[] =
    "usage: tally-sim run FILE [--seed N] [--crypto real|memo|fast] [--transcript FILE]\n"
    "                          [--trace-level error|warn|info|debug|trace]\n"
    "       tally-sim swarm --seeds N [--from N] [--print]\n"
    "       tally-sim scale --nodes N [--birth S] [--settle S] [--seconds S] [--seed N] [--crypto "
    "P]\n"
    "                       [--peers N | --bootstraps N] [--profile P] [--nat PERCENT]\n"
    "                       [--known N] [--links N] [--loss PERCENT]\n"
    "                       [--announces N] [--lookups N] [--colluders PERCENT]\n"
    "                       [--vanish PERCENT]\n"
    "\n"
    "run    plays a story and says whether all that must hold held, and what was expected came.\n"
    "       --transcript writes what happened as text (- is standard output); its last line is\n"
    "       the id of the run: equal ids are equal runs, byte for byte.\n"
    "swarm  draws stories from seeds and plays them; a failure prints its seed and its story.\n"
    "       --print shows the stories and plays none.\n"
    "scale  many nodes: what they cost in memory, time and traffic when they have nothing to do;\n"
    "       how fast --announces get round, what --lookups take, and both once more after\n"
    "       a share did --vanish. Each is told of the first so many nodes (--bootstraps) or\n"
    "       of so many others (--peers); --nat puts a share of them behind boxes; --known and\n"
    "       --links are the greatest numbers of peers and links of each; --colluders answer\n"
    "       lookups with each other alone.\n"
    "\n"
    "Exit status: 0 all is well, 1 something does not hold, 2 the command or story is wrong.\n";

static int misuse(const char *sentence, const char *word)
{
    fprintf(stderr, "tally-sim: %s%s\n%s", sentence, word, usage);
    return EXIT_USAGE;
}

/* Command-line options, as far as they were given. */
struct arguments {
    const char *file, *transcript;
    bool seeded, print;
    uint64_t seed, seeds, from;
    struct scale_options scale;
    bool crypto_given;
    enum provider_kind crypto;
    enum tally_level level;
};

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

/* One option with its value; false if either is wrong. */
static bool option_read(struct arguments *arguments, const char *option, const char *value)
{
    if (strcmp(option, "--seed") == 0)
        return arguments->seeded = number_read(value, &arguments->seed);
    if (strcmp(option, "--seeds") == 0)
        return number_read(value, &arguments->seeds);
    if (strcmp(option, "--from") == 0)
        return number_read(value, &arguments->from);
    if (strcmp(option, "--trace-level") == 0)
        return level_read(value, &arguments->level);
    if (strcmp(option, "--transcript") == 0) {
        arguments->transcript = value;
        return true;
    }
    if (strcmp(option, "--crypto") == 0) {
        arguments->crypto_given = true;
        return provider_word(value, &arguments->crypto);
    }
    return scale_option_read(&arguments->scale, option, value);
}

/* Everything behind the verb. Returns 0 or an exit status. */
static int arguments_read(struct arguments *arguments, int count, char **words)
{
    *arguments = (struct arguments){.level = TALLY_LEVEL_DEBUG, .from = 1};
    scale_defaults(&arguments->scale);
    arguments->scale.world.nodes = 0; /* Until it is said. */
    for (int i = 0; i < count; i++) {
        if (strcmp(words[i], "--print") == 0) {
            arguments->print = true;
        } else if (words[i][0] == '-' && words[i][1] != '\0') {
            if (i + 1 == count)
                return misuse("no value after ", words[i]);
            if (!option_read(arguments, words[i], words[i + 1]))
                return misuse("not understood: ", words[i]);
            i++;
        } else if (arguments->file == NULL) {
            arguments->file = words[i];
        } else {
            return misuse("one file at a time, not also ", words[i]);
        }
    }
    return 0;
}

/* A whole file, NUL-terminated; NULL after saying why not. */
static char *file_read(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    size_t size = 0, capacity = 0;
    if (file == NULL) {
        fprintf(stderr, "tally-sim: cannot open %s: %s\n", path, strerror(errno));
        return NULL;
    }
    for (;;) {
        text = memory_room(text, &capacity, size + 4096, 1);
        size_t more = fread(text + size, 1, 4095, file);
        if (more == 0)
            break;
        size += more;
    }
    text[size] = '\0';
    fclose(file);
    return text;
}

static bool transcript_write(const char *path, const struct story_end *end)
{
    FILE *file = strcmp(path, "-") == 0 ? stdout : fopen(path, "wb");
    if (file == NULL) {
        fprintf(stderr, "tally-sim: cannot write %s: %s\n", path, strerror(errno));
        return false;
    }
    fwrite(end->text, 1, end->text_size, file);
    fprintf(file, "id %s\n", end->id);
    return (file == stdout ? fflush(file) : fclose(file)) == 0;
}

static double seconds_of(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double seconds_now(void)
{
    return seconds_of(CLOCK_MONOTONIC);
}

static double seconds_of_core(void)
{
    return seconds_of(CLOCK_PROCESS_CPUTIME_ID);
}

static void report(const char *name, const struct scenario *scenario, const struct story_end *end,
                   double seconds)
{
    fprintf(stderr,
            "%s: %s\n"
            "  %.1f s of %" PRIu32 " nodes in %.2f s: %" PRIu64 " events, %" PRIu64
            " datagrams, %" PRIu64 " checks\n"
            "  %" PRIu64 " receipts acknowledged, %" PRIu64 " refused; %" PRIu64
            " signatures verified, %" PRIu64 " remembered\n"
            "  seed %" PRIu64 ", id %s\n",
            name, end->good ? "all is well" : end->message, (double)end->us / 1e6,
            scenario->options.nodes, seconds, end->events, end->datagrams, end->checks,
            end->acknowledged, end->refused, end->verified, end->remembered, scenario->options.seed,
            end->id);
}

static int run(const struct arguments *arguments)
{
    char message[256];
    struct scenario scenario;
    if (arguments->file == NULL)
        return misuse("which story?", "");
    char *text = file_read(arguments->file);
    if (text == NULL)
        return EXIT_USAGE;
    const char *slash = strrchr(arguments->file, '/');
    const char *name = slash != NULL ? slash + 1 : arguments->file;
    bool read = scenario_read(&scenario, name, text, message, sizeof message);
    memory_free(text);
    if (!read) {
        fprintf(stderr, "tally-sim: %s\n", message);
        return EXIT_USAGE;
    }
    if (arguments->seeded)
        scenario.options.seed = arguments->seed;
    if (arguments->crypto_given)
        scenario.options.crypto = arguments->crypto;
    const struct story_options options = {arguments->transcript != NULL, arguments->level};
    struct story_end end;
    double begin = seconds_now();
    story_run(&scenario, name, &options, &end);
    report(name, &scenario, &end, seconds_now() - begin);
    bool written = arguments->transcript == NULL || transcript_write(arguments->transcript, &end);
    memory_free(end.text);
    scenario_free(&scenario);
    return end.good && written ? 0 : EXIT_BROKEN;
}

/* One drawn story; false if something did not hold. */
static bool swarm_one(uint64_t seed, bool print)
{
    char text[SWARM_TEXT_MAX], message[256], name[32];
    struct scenario scenario;
    struct story_end end;
    swarm_draw(seed, text);
    if (print) {
        fputs(text, stdout);
        return true;
    }
    snprintf(name, sizeof name, "seed %" PRIu64, seed);
    if (!scenario_read(&scenario, name, text, message, sizeof message)) {
        fprintf(stderr, "tally-sim: %s\n%s", message, text);
        return false;
    }
    story_run(&scenario, name, &(struct story_options){0}, &end);
    if (!end.good)
        printf("%s\n\n%s\nagain: tally-sim swarm --from %" PRIu64 " --seeds 1 (--print > FILE "
               "writes the story)\n",
               end.message, text, seed);
    memory_free(end.text);
    scenario_free(&scenario);
    return end.good;
}

static int swarm(const struct arguments *arguments)
{
    if (arguments->seeds == 0)
        return misuse("how many? ", "--seeds N");
    uint64_t broken = 0;
    double begin = seconds_now();
    for (uint64_t i = 0; i < arguments->seeds; i++)
        broken += !swarm_one(arguments->from + i, arguments->print);
    if (!arguments->print)
        printf("%" PRIu64 " stories, %" PRIu64 " broken, %.1f s\n", arguments->seeds, broken,
               seconds_now() - begin);
    return broken > 0 ? EXIT_BROKEN : 0;
}

static int scale(struct arguments *arguments)
{
    struct scale_options *options = &arguments->scale;
    if (options->world.nodes == 0 || options->idle_s == 0)
        return misuse("how many, and how long? ", "--nodes N --seconds N");
    /* Each announce is of a larger log, and all its receipts wait for one seal. */
    options->world.pending_max += options->announces;
    options->seconds = seconds_now;
    options->core_seconds = seconds_of_core;
    if (arguments->seeded)
        options->world.seed = arguments->seed;
    if (arguments->crypto_given)
        options->world.crypto = arguments->crypto;
    return scale_run(options) ? 0 : EXIT_BROKEN;
}

int main(int count, char **words)
{
    struct arguments arguments;
    if (count < 2)
        return misuse("what is to be done?", "");
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
    if (strcmp(words[1], "run") == 0)
        return run(&arguments);
    if (strcmp(words[1], "swarm") == 0)
        return swarm(&arguments);
    if (strcmp(words[1], "scale") == 0)
        return scale(&arguments);
    return misuse("not a verb: ", words[1]);
}
