/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/help.h"

#include "cmd/verbs.h"
#include "host/uv/findings.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    int code;
    const char *means;
} exits[] = {
    {EXIT_DONE, "done"},
    {EXIT_FAILED, "failed; the message says why"},
    {EXIT_USAGE, "usage"},
    {EXIT_NO_DAEMON, "no node is running there"},
    {EXIT_NOT_FOUND, "not found"},
    {EXIT_UNVERIFIED, "verification failed"},
    {EXIT_FORK, "a fork is proved; the evidence file is named"},
    {EXIT_POLICY, "policy or quorum not met"},
    {EXIT_LOCKED, "data directory locked; the holder's pid is named"},
    {EXIT_TIMED_OUT, "timed out"},
    {EXIT_CONFIGURATION, "configuration invalid"},
};

void verb_title(const struct verb *verb, char *title, size_t size)
{
    (void)snprintf(title, size, "%s%s%s", verb->noun == NULL ? "" : verb->noun,
                   verb->noun == NULL ? "" : " ", verb->name);
}

void help_overview(FILE *file)
{
    const struct verb *verb;
    (void)fprintf(file, "usage: tally VERB [options]\n\n");
    for (size_t i = 0; (verb = verb_at(i)) != NULL; i++) {
        char title[64];
        verb_title(verb, title, sizeof title);
        (void)fprintf(file, "  %-22s %s\n", title, verb->summary);
    }
    (void)fprintf(file, "\ntally VERB --help explains one; tally help --man is the manual page\n");
}

static void print_options(FILE *file, const struct option *option)
{
    for (; option != NULL && option->name != NULL; option++) {
        char left[64];
        (void)snprintf(left, sizeof left, "--%s%s%s", option->name,
                       option->value == NULL ? "" : " ",
                       option->value == NULL ? "" : option->value);
        (void)fprintf(file, "  %-22s %s\n", left, option->help);
    }
}

static const char *meaning(int code)
{
    for (size_t i = 0; i < sizeof exits / sizeof *exits; i++)
        if (exits[i].code == code)
            return exits[i].means;
    return "";
}

/* The codes a verb may end with: those all have, and those of its list "4 5". */
static bool has_exit(const struct verb *verb, int code)
{
    if (code <= EXIT_USAGE)
        return true;
    const char *at = verb->exits;
    while (*at != '\0') {
        char *end;
        if (strtol(at, &end, 10) == code)
            return true;
        at = *end == ' ' ? end + 1 : end;
    }
    return false;
}

void help_verb(FILE *file, const struct verb *verb)
{
    char title[64];
    verb_title(verb, title, sizeof title);
    (void)fprintf(file, "usage: tally %s [options]%s%s\n", title,
                  verb->operands[0] == '\0' ? "" : " ", verb->operands);
    if (verb->alias != NULL)
        (void)fprintf(file, "       tally %s ... for short\n", verb->alias);
    (void)fprintf(file, "\n%s.\n", verb->summary);
    if (verb->details[0] != '\0')
        (void)fprintf(file, "\n%s\n", verb->details);
    (void)fprintf(file, "\n");
    print_options(file, verb->options);
    print_options(file, verb_common());
    if (verb->schema != NULL)
        (void)fprintf(file, "\nwith --json: tally/%s\nexit codes: ", verb->schema);
    else
        (void)fprintf(file, "\nexit codes: ");
    bool first = true;
    for (int code = 0; code <= EXIT_CONFIGURATION; code++) {
        if (!has_exit(verb, code))
            continue;
        (void)fprintf(file, "%s%d %s", first ? "" : "; ", code,
                      code == EXIT_FAILED ? "failed" : meaning(code));
        first = false;
    }
    (void)fprintf(file, "\n");
}

/* ---- The man page ---- */

/* roff takes a dot or quote at the beginning of a line, and a backslash, for its own. */
static void roff(FILE *file, const char *text)
{
    bool begin = true;
    for (; *text != '\0'; text++) {
        if (begin && (*text == '.' || *text == '\''))
            (void)fputs("\\&", file);
        if (*text == '\\')
            (void)fputs("\\e", file);
        else if (*text == '-')
            (void)fputs("\\-", file);
        else
            (void)fputc(*text, file);
        begin = *text == '\n';
    }
}

static void man_options(FILE *file, const struct option *option)
{
    for (; option != NULL && option->name != NULL; option++) {
        (void)fprintf(file, ".TP\n\\fB\\-\\-");
        roff(file, option->name);
        (void)fprintf(file, "\\fR");
        if (option->value != NULL)
            (void)fprintf(file, " \\fI%s\\fR", option->value);
        (void)fprintf(file, "\n");
        roff(file, option->help);
        (void)fprintf(file, "\n");
    }
}

static void man_verb(FILE *file, const struct verb *verb)
{
    char title[64];
    verb_title(verb, title, sizeof title);
    (void)fprintf(file, ".SS tally %s %s\n", title, verb->operands);
    roff(file, verb->summary);
    (void)fprintf(file, ".\n");
    if (verb->alias != NULL)
        (void)fprintf(file, "\\fBtally %s\\fR for short.\n", verb->alias);
    if (verb->details[0] != '\0') {
        (void)fprintf(file, ".PP\n");
        roff(file, verb->details);
        (void)fprintf(file, "\n");
    }
    man_options(file, verb->options);
    if (verb->schema != NULL)
        (void)fprintf(file, ".PP\nWith \\fB\\-\\-json\\fR: tally/%s.\n", verb->schema);
}

void help_man(FILE *file)
{
    const struct verb *verb;
    (void)fprintf(file,
                  ".\\\" SPDX-License-Identifier: Apache-2.0\n"
                  ".\\\" Written by tally help \\-\\-man.\n"
                  ".TH TALLY 1 \"\" \"tally %s\" \"User commands\"\n"
                  ".SH NAME\ntally \\- federate signed receipts between nodes\n"
                  ".SH SYNOPSIS\n.B tally\n\\fIverb\\fR [\\fIoptions\\fR]\n.SH DESCRIPTION\n"
                  "Nodes of different owners fetch each other's receipts, check every one, and "
                  "keep them durably.\nData goes to standard output, everything else to standard "
                  "error.\n.SH VERBS\n",
                  TALLY_VERSION);
    for (size_t i = 0; (verb = verb_at(i)) != NULL; i++)
        man_verb(file, verb);
    (void)fprintf(file, ".SH OPTIONS OF ALL VERBS\n");
    man_options(file, verb_common());
    (void)fprintf(file, ".SH EXIT STATUS\n");
    for (size_t i = 0; i < sizeof exits / sizeof *exits; i++)
        (void)fprintf(file, ".TP\n%d\n%s\n", exits[i].code, exits[i].means);
    (void)fprintf(file, ".SH FINDINGS\nWhat \\fBtally doctor\\fR, warnings of \\fBtally "
                        "status\\fR and lines of the log name by these codes.\n");
    for (unsigned code = 0; code < FINDING_CODES; code++) {
        (void)fprintf(file, ".TP\n%s\n", finding_name((enum finding_code)code));
        roff(file, finding_title((enum finding_code)code));
        (void)fprintf(file, ".\n");
        roff(file, finding_meaning((enum finding_code)code));
        (void)fprintf(file, "\nWhat to do: ");
        roff(file, finding_remedy((enum finding_code)code));
        (void)fprintf(file, ".\n");
    }
    (void)fprintf(file, ".SH ENVIRONMENT\n.TP\nTALLY_DATA_DIR\nThe data directory, where "
                        "\\-\\-data is not given.\n.TP\nXDG_STATE_HOME\nElse the data directory "
                        "is tally in it, or in ~/.local/state.\n");
}

static enum exit_code help_finding(struct call *call, const char *name)
{
    enum finding_code code;
    if (!finding_read(name, &code))
        return call_usage(call, "there is no finding \"%.64s\": tally help --man lists them", name);
    (void)printf("%s: %s\n\n%s\n\nWhat to do: %s.\n", name, finding_title(code),
                 finding_meaning(code), finding_remedy(code));
    return EXIT_DONE;
}

enum exit_code verb_help(struct call *call)
{
    char wanted[64], title[64];
    const struct verb *verb;
    if (call_flag(call, "man")) {
        help_man(stdout);
        return EXIT_DONE;
    }
    if (call->operand_count == 0) {
        help_overview(stdout);
        return EXIT_DONE;
    }
    if (call->operand_count == 1 && strncmp(call->operands[0], "E_", 2) == 0)
        return help_finding(call, call->operands[0]);
    (void)snprintf(wanted, sizeof wanted, "%.30s%s%.30s", call->operands[0],
                   call->operand_count > 1 ? " " : "",
                   call->operand_count > 1 ? call->operands[1] : "");
    unsigned found = 0;
    for (size_t i = 0; (verb = verb_at(i)) != NULL; i++) {
        verb_title(verb, title, sizeof title);
        bool noun = verb->noun != NULL && strcmp(verb->noun, wanted) == 0;
        bool alias = verb->alias != NULL && strcmp(verb->alias, wanted) == 0;
        if (strcmp(title, wanted) != 0 && !noun && !alias)
            continue;
        if (found++ > 0)
            (void)printf("\n");
        help_verb(stdout, verb);
    }
    if (found == 0)
        return call_usage(call, "there is no verb \"%s\"", wanted);
    return EXIT_DONE;
}
