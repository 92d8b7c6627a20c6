/* SPDX-License-Identifier: Apache-2.0 */
#include "command.h"
#include "memory.h"
#include "report.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

char *command_file(const char *path)
{
    if (path == NULL) {
        (void)command_misuse("which story?", "");
        return NULL;
    }
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
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
    if (file != stdin)
        fclose(file);
    return text;
}

bool command_story(const struct arguments *arguments, struct scenario *scenario, char **text,
                   const char **name)
{
    char message[256];
    *text = command_file(arguments->file);
    if (*text == NULL)
        return false;
    const char *slash = strrchr(arguments->file, '/');
    *name = slash != NULL ? slash + 1 : arguments->file;
    if (!scenario_read(scenario, *name, *text, message, sizeof message)) {
        fprintf(stderr, "tally-sim: %s\n", message);
        memory_free(*text);
        return false;
    }
    if (arguments->seeded)
        scenario->options.seed = arguments->seed;
    if (arguments->crypto_given)
        scenario->options.crypto = arguments->crypto;
    return true;
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

/* What was asked for beside the verdict, which goes to standard error. */
static bool reports_write(const struct arguments *arguments, const struct report *report)
{
    struct sheet sheet = {0};
    bool good = true;
    report_text(report, &sheet);
    fputs(sheet.text, stderr);
    sheet_free(&sheet);
    if (arguments->json != NULL) {
        report_json(report, &sheet);
        good &= sheet_write(&sheet, arguments->json);
        sheet_free(&sheet);
    }
    if (arguments->html != NULL) {
        report_html(report, &sheet);
        good &= sheet_write(&sheet, arguments->html);
        sheet_free(&sheet);
    }
    return good;
}

int command_run(const struct arguments *arguments)
{
    struct scenario scenario;
    struct story_end end;
    struct figures figures;
    char *text;
    const char *name;
    if (!command_story(arguments, &scenario, &text, &name))
        return EXIT_USAGE;
    figures_init(&figures);
    const struct story_options options = {.transcript = arguments->transcript != NULL,
                                          .level = arguments->level,
                                          .observer = &figures.observer};
    double begin = command_seconds();
    story_run(&scenario, name, &options, &end);
    const struct report report = {
        .name = name,
        .scenario = &scenario,
        .end = &end,
        .figures = &figures,
        .text = text,
        .seconds = command_seconds() - begin,
    };
    bool written = arguments->transcript == NULL || transcript_write(arguments->transcript, &end);
    written &= reports_write(arguments, &report);
    figures_free(&figures);
    memory_free(end.text);
    memory_free(text);
    scenario_free(&scenario);
    return end.good && written ? EXIT_FINE : EXIT_BROKEN;
}

/* ---- Replay. ---- */

/* The id that a story names in a comment, «# id 0f…»; NULL: none. */
static const char *id_in(const char *text)
{
    static const char mark[] = "# id ";
    for (const char *at = text; (at = strstr(at, mark)) != NULL; at++)
        if ((at == text || at[-1] == '\n') &&
            strspn(at + sizeof mark - 1, "0123456789abcdef") == 32)
            return at + sizeof mark - 1;
    return NULL;
}

/* Looks once, when it is enough. */
struct until {
    uint64_t us;
    const struct world *world;
};

static void until_begin(void *context, struct world *world)
{
    ((struct until *)context)->world = world;
}

static uint64_t until_pulse(void *context)
{
    const struct until *until = context;
    return until->world->now_us < until->us ? until->us : 0;
}

int command_replay(const struct arguments *arguments)
{
    struct scenario scenario;
    struct story_end end;
    char *text;
    const char *name;
    if (!command_story(arguments, &scenario, &text, &name))
        return EXIT_USAGE;
    struct until until = {.us = arguments->until_us};
    const struct story_observer observer = {
        .context = &until, .begin = until_begin, .pulse = until_pulse};
    bool whole = arguments->until_us == UINT64_MAX;
    const struct story_options options = {
        .transcript = true, .level = arguments->level, .observer = whole ? NULL : &observer};
    story_run(&scenario, name, &options, &end);
    bool written =
        transcript_write(arguments->transcript != NULL ? arguments->transcript : "-", &end);
    const char *id = whole ? id_in(text) : NULL;
    bool same = id == NULL || strncmp(id, end.id, 32) == 0;
    fprintf(stderr, "%s: %s\n  id %s%s\n", name,
            end.left   ? "as far as that nothing is broken"
            : end.good ? "all is well"
                       : end.message,
            end.id,
            id == NULL ? ""
            : same     ? ", as the story says: the same run, byte for byte"
                       : ", which is not the one in the story: the code has changed since");
    memory_free(end.text);
    memory_free(text);
    scenario_free(&scenario);
    return end.good && written && same ? EXIT_FINE : EXIT_BROKEN;
}
