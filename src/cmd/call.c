/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/call.h"

#include "cmd/help.h"
#include "cmd/print.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Asking for what was given ---- */

const char *call_option_at(const struct call *call, const char *name, size_t index)
{
    for (size_t i = 0; i < call->value_count; i++)
        if (strcmp(call->values[i].option->name, name) == 0 && index-- == 0)
            return call->values[i].text;
    return NULL;
}

const char *call_option(const struct call *call, const char *name)
{
    const char *found = NULL;
    for (size_t i = 0; i < call->value_count; i++)
        if (strcmp(call->values[i].option->name, name) == 0)
            found = call->values[i].text;
    return found;
}

bool call_flag(const struct call *call, const char *name)
{
    return call_option(call, name) != NULL;
}

bool call_number(struct call *call, const char *what, const char *text, uint64_t least,
                 uint64_t most, uint64_t *number)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno == 0 && text[0] >= '0' && text[0] <= '9' && *end == '\0' && value >= least &&
        value <= most) {
        *number = value;
        return true;
    }
    (void)call_usage(call, "%s \"%.64s\" is not a whole number from %llu to %llu", what, text,
                     (unsigned long long)least, (unsigned long long)most);
    return false;
}

/* ---- How it ends ---- */

enum exit_code exit_of_error(enum tally_error error)
{
    switch (error) {
    case TALLY_OK:
        return EXIT_DONE;
    case TALLY_LOCKED:
        return EXIT_LOCKED;
    case TALLY_NOT_FOUND:
        return EXIT_NOT_FOUND;
    case TALLY_NO_DAEMON:
        return EXIT_NO_DAEMON;
    case TALLY_TIMED_OUT:
        return EXIT_TIMED_OUT;
    case TALLY_DAMAGED:
    case TALLY_MISMATCH:
        return EXIT_UNVERIFIED;
    case TALLY_FROZEN:
        return EXIT_FORK;
    case TALLY_BAD_NAME:
        return EXIT_USAGE;
    case TALLY_IO:
    case TALLY_FULL:
    case TALLY_PERMISSION:
    case TALLY_NEWER:
    case TALLY_TOO_LARGE:
    case TALLY_READ_ONLY:
    case TALLY_BUSY:
    case TALLY_REFUSED:
    case TALLY_UNREACHABLE:
    case TALLY_CLOSED:
    case TALLY_IN_USE:
    case TALLY_NO_MEMORY:
    case TALLY_MALFORMED:
    case TALLY_GUARDED:
    case TALLY_STOPPING:
    case TALLY_FORBIDDEN:
    case TALLY_UNCONFIRMED:
    case TALLY_REVOKED:
        return EXIT_FAILED;
    }
    return EXIT_FAILED;
}

/* What to do; the message says what is wrong. */
static const char *remedy_of(enum tally_error error)
{
    switch (error) {
    case TALLY_NOT_FOUND:
        return "check the name: tally log list, receipt list and fork list show what there is";
    case TALLY_DAMAGED:
        return "run tally fsck, which names each damaged file, and put those back from a copy";
    case TALLY_MISMATCH:
        return "do not rely on it: get it again, and check that the key is whose it should be";
    case TALLY_LOCKED:
        return "stop that process, or let it do the work: most verbs go through a running node";
    case TALLY_PERMISSION:
        return "run tally as the owner of the files, with modes 0700 and 0600";
    case TALLY_TOO_LARGE:
        return "split it, or give less; docs/operations.md has the limits";
    case TALLY_BAD_NAME:
        return "choose another name";
    case TALLY_FROZEN:
        return "see tally fork list: the evidence is against the issuer of the log";
    case TALLY_REFUSED:
    case TALLY_UNREACHABLE:
    case TALLY_TIMED_OUT:
    case TALLY_CLOSED:
        return "check that the other side runs and can be reached, then try again";
    case TALLY_IN_USE:
        return "stop the other program, or choose another port with --port";
    case TALLY_NO_MEMORY:
        return "free some memory, then try again";
    case TALLY_MALFORMED:
        return "get it again: it is damaged, or not what it is taken for";
    case TALLY_STOPPING:
        return "start the node again with tally run";
    case TALLY_FORBIDDEN:
        return "tally federation list shows what was stated";
    case TALLY_REVOKED:
        return "tally key show says by whom, and which key took over";
    case TALLY_OK:
    case TALLY_IO:
    case TALLY_FULL:
    case TALLY_NEWER:
    case TALLY_READ_ONLY:
    case TALLY_BUSY:
    case TALLY_NO_DAEMON:
    case TALLY_GUARDED:
    case TALLY_UNCONFIRMED:
        break; /* Their text says it. */
    }
    return tally_error_text(error);
}

static void say(const struct call *call, enum exit_code code, const char *name, const char *where,
                const char *remedy)
{
    const char *text = call->complaint.text;
    if (!call->json) {
        (void)fprintf(stderr, "tally: ");
        print_escaped(stderr, text, strlen(text));
        (void)fprintf(stderr, "\n");
        return;
    }
    json_t *error =
        json_pack("{s:s, s:s, s:s, s:s, s:i}", "schema", "tally/error/1", "code", name, "message",
                  print_utf8(text) ? text : "(not text)", "remedy", remedy, "exit", (int)code);
    if (error != NULL && where != NULL && print_utf8(where))
        (void)json_object_set_new(error, "where", json_string(where));
    print_json(error);
}

enum exit_code call_fail(struct call *call, const char *where)
{
    enum tally_error error = call->complaint.error;
    enum exit_code code = exit_of_error(error);
    say(call, code, tally_error_name(error), where,
        call->remedy != NULL ? call->remedy : remedy_of(error));
    return code;
}

enum exit_code call_fail_with(struct call *call, enum exit_code code, enum tally_error error,
                              const char *where, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(call->complaint.text, sizeof call->complaint.text, format, arguments);
    va_end(arguments);
    call->complaint.error = error;
    say(call, code, tally_error_name(error), where,
        call->remedy != NULL ? call->remedy : remedy_of(error));
    return code;
}

enum exit_code call_usage(struct call *call, const char *format, ...)
{
    va_list arguments;
    char title[64] = "help";
    va_start(arguments, format);
    (void)vsnprintf(call->complaint.text, sizeof call->complaint.text, format, arguments);
    va_end(arguments);
    if (call->verb != NULL)
        verb_title(call->verb, title, sizeof title);
    char remedy[96];
    (void)snprintf(remedy, sizeof remedy,
                   call->verb != NULL ? "see tally %s --help" : "see tally %s", title);
    say(call, EXIT_USAGE, "USAGE", NULL, remedy);
    if (!call->json)
        (void)fprintf(stderr, "tally: %s\n", remedy);
    return EXIT_USAGE;
}

enum exit_code call_finish(struct call *call, enum exit_code code)
{
    bool good = !ferror(stdout);
    errno = 0;
    if (fflush(stdout) == 0 && good)
        return code;
    int why = errno != 0 ? errno : EPIPE;
    (void)fprintf(stderr, "tally: standard output cannot be written: %s\n", strerror(why));
    (void)call;
    return code == EXIT_DONE ? EXIT_FAILED : code;
}

/* ---- Reading the arguments ---- */

/* The fewest letters to insert, remove or change; both at most 31 letters. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[32];
    size_t size = strlen(b);
    if (strlen(a) > 31 || size > 31)
        return 99;
    for (unsigned j = 0; j <= size; j++)
        row[j] = j;
    for (unsigned i = 1; *a != '\0'; a++, i++) {
        unsigned corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= size; j++) {
            unsigned change = corner + (*a != b[j - 1]);
            unsigned other = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            corner = row[j];
            row[j] = change < other ? change : other;
        }
    }
    return row[size];
}

struct guess {
    const char *name;
    unsigned far;
};

static void consider(struct guess *guess, const char *given, const char *name)
{
    unsigned far = name == NULL ? 99 : distance(given, name);
    if (far < guess->far)
        *guess = (struct guess){name, far};
}

/* Nouns may be written in singular or plural. */
static bool same_noun(const char *noun, const char *given)
{
    size_t size = strlen(noun);
    return strncmp(noun, given, size) == 0 &&
           (given[size] == '\0' || (given[size] == 's' && given[size + 1] == '\0'));
}

static const struct verb *find_verb(const char *first, const char *second, int *used)
{
    const struct verb *verb;
    for (size_t i = 0; (verb = verb_at(i)) != NULL; i++) {
        bool alone = (verb->noun == NULL && strcmp(verb->name, first) == 0) ||
                     (verb->alias != NULL && strcmp(verb->alias, first) == 0);
        bool pair = verb->noun != NULL && second != NULL && same_noun(verb->noun, first) &&
                    strcmp(verb->name, second) == 0;
        if (!alone && !pair)
            continue;
        *used = pair ? 2 : 1;
        return verb;
    }
    return NULL;
}

static enum exit_code unknown_verb(struct call *call, const char *first, const char *second)
{
    struct guess guess = {NULL, 4};
    bool noun = false;
    const struct verb *verb;
    for (size_t i = 0; (verb = verb_at(i)) != NULL; i++) {
        if (verb->noun != NULL && same_noun(verb->noun, first)) {
            noun = true;
            if (second != NULL)
                consider(&guess, second, verb->name);
        } else if (!noun) {
            consider(&guess, first, verb->noun != NULL ? verb->noun : verb->name);
            consider(&guess, first, verb->alias);
        }
    }
    const char *given = noun && second != NULL ? second : first;
    if (noun && second == NULL)
        return call_usage(call, "%s wants a verb: tally help lists them", first);
    if (guess.name != NULL)
        return call_usage(call, "there is no verb \"%.64s\": did you mean \"%s\"?", given,
                          guess.name);
    return call_usage(call, "there is no verb \"%.64s\"", given);
}

static const struct option *find_in(const struct option *options, const char *name, size_t size,
                                    struct guess *guess)
{
    char given[32];
    (void)snprintf(given, sizeof given, "%.*s", size < 31 ? (int)size : 31, name);
    for (; options != NULL && options->name != NULL; options++) {
        if (strlen(options->name) == size && strncmp(options->name, name, size) == 0)
            return options;
        consider(guess, given, options->name);
    }
    return NULL;
}

/* One argument that begins with two dashes; *at moves over a value that follows. */
static enum exit_code read_option(struct call *call, int count, char **arguments, int *at)
{
    const char *name = arguments[*at] + 2, *equals = strchr(name, '=');
    size_t size = equals != NULL ? (size_t)(equals - name) : strlen(name);
    struct guess guess = {NULL, 4};
    const struct option *option = find_in(call->verb->options, name, size, &guess);
    if (option == NULL)
        option = find_in(verb_common(), name, size, &guess);
    if (option == NULL && guess.name != NULL)
        return call_usage(call, "there is no option --%.*s here: did you mean --%s?",
                          size > 64 ? 64 : (int)size, name, guess.name);
    if (option == NULL)
        return call_usage(call, "there is no option --%.*s here", size > 64 ? 64 : (int)size, name);
    const char *text = equals != NULL ? equals + 1 : NULL;
    if (option->value == NULL && text != NULL)
        return call_usage(call, "--%s takes no value", option->name);
    if (option->value != NULL && text == NULL &&
        (++*at == count || strncmp(arguments[*at], "--", 2) == 0))
        return call_usage(call, "--%s wants a value: --%s %s", option->name, option->name,
                          option->value);
    if (call->value_count == CALL_VALUES_MAX)
        return call_usage(call, "more than %d options", CALL_VALUES_MAX);
    call->values[call->value_count].option = option;
    call->values[call->value_count++].text = option->value == NULL ? ""
                                             : text != NULL        ? text
                                                                   : arguments[*at];
    return EXIT_DONE;
}

/* Operands are moved to the front of the arguments. */
static enum exit_code read_arguments(struct call *call, int count, char **arguments)
{
    int operands = 0;
    bool literal = false;
    for (int i = 0; i < count; i++) {
        const char *argument = arguments[i];
        enum exit_code code = EXIT_DONE;
        if (!literal && strcmp(argument, "--") == 0)
            literal = true;
        else if (!literal && strcmp(argument, "-h") == 0)
            call->help = true;
        else if (!literal && strncmp(argument, "--", 2) == 0)
            code = read_option(call, count, arguments, &i);
        else if (!literal && argument[0] == '-' && argument[1] != '\0')
            code = call_usage(call, "there is no option \"%.64s\": options begin with two dashes",
                              argument);
        else
            arguments[operands++] = arguments[i];
        if (code != EXIT_DONE)
            return code;
    }
    call->operands = (const char *const *)arguments;
    call->operand_count = (size_t)operands;
    call->json = call_flag(call, "json");
    call->help = call->help || call_flag(call, "help");
    return EXIT_DONE;
}

static enum exit_code check_operands(struct call *call)
{
    const struct verb *verb = call->verb;
    if (call->operand_count < verb->least)
        return call_usage(call, "an operand is missing: %s", verb->operands);
    if (call->operand_count > verb->most)
        return call_usage(call, "\"%.64s\" is one operand too many", call->operands[verb->most]);
    return EXIT_DONE;
}

enum exit_code call_main(int count, char **arguments)
{
    struct call call = {0};
    int used = 0;
    for (int i = 1; i < count; i++) /* So that mistakes before the verb's options are JSON too. */
        call.json = call.json || strcmp(arguments[i], "--json") == 0;
    if (count < 2) {
        help_overview(stderr);
        return EXIT_USAGE;
    }
    const char *first = arguments[1];
    const char *second = count > 2 && arguments[2][0] != '-' ? arguments[2] : NULL;
    if (strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0) {
        help_overview(stdout);
        return call_finish(&call, EXIT_DONE);
    }
    if (strcmp(first, "--version") == 0)
        first = "version";
    call.verb = find_verb(first, second, &used);
    if (call.verb == NULL)
        return unknown_verb(&call, first, second);
    enum exit_code code = read_arguments(&call, count - 1 - used, arguments + 1 + used);
    if (code != EXIT_DONE)
        return code;
    if (call.help) {
        help_verb(stdout, call.verb);
        return call_finish(&call, EXIT_DONE);
    }
    code = check_operands(&call);
    if (code == EXIT_DONE)
        code = call.verb->run(&call);
    return call_finish(&call, code);
}
