/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tally receipt append. Receipts go to the node without waiting for one another; each is printed
 * when it is durable, in the order of the input. Whatever goes wrong, what was printed is durable.
 */
#include "cmd/door.h"
#include "cmd/print.h"
#include "cmd/shelf.h"
#include "cmd/source.h"
#include "cmd/verbs.h"
#include "core/base/bytes.h"
#include "core/base/hex.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    BYTES_IN_FLIGHT = 8 << 20,
    PROGRESS_MS = 200,
};

/* A receipt on its way. */
struct flight {
    bool answered;
    enum tally_error error;
    uint64_t index, line;
    size_t size;
    struct tally_hash receipt;
};

struct append {
    struct call *call;
    struct door *door;
    struct source source;
    struct tally_command command;
    struct tally_bytes held; /* A body the node had no room for; data NULL: none. */
    struct flight *flights;  /* DOOR_FLIGHT of them; id modulo that. */
    uint64_t given, answered, printed;
    size_t bytes; /* Of bodies not yet printed. */
    char origin[TALLY_ORIGIN_MAX + 1];
    bool closed;         /* Standard output is. */
    enum exit_code code; /* The first thing that went wrong. */
    bool progress, shown;
    uint64_t started_ms, told_ms;
};

static uint64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void show_progress(struct append *append, bool last)
{
    uint64_t now = now_ms();
    if (!append->progress || (!last && now - append->told_ms < PROGRESS_MS))
        return;
    append->told_ms = now;
    uint64_t spent = now - append->started_ms + 1;
    (void)fprintf(stderr, "\r\033[K%" PRIu64 " receipts durable, %" PRIu64 "/s%s", append->printed,
                  append->printed * 1000 / spent, last ? "\n" : "");
}

/* ---- Answers ---- */

static void on_answer(void *context, const struct door_answer *answer)
{
    struct append *append = context;
    struct flight *flight = &append->flights[answer->id % DOOR_FLIGHT];
    flight->answered = true;
    flight->error = answer->error;
    flight->index = answer->index;
    flight->receipt = answer->receipt;
    append->answered++;
    if (answer->origin != NULL && append->origin[0] == '\0')
        (void)snprintf(append->origin, sizeof append->origin, "%s", answer->origin);
}

/* What is too large for the source never gets to the node: there it is the number of logs. */
static void say_why(enum tally_error error, char *why, size_t capacity)
{
    if (error == TALLY_TOO_LARGE)
        (void)snprintf(why, capacity,
                       "a node writes in at most %d namespaces, those of its own statements among "
                       "them: choose one that tally log list shows",
                       TALLY_OWN_LOGS_MAX);
    else
        (void)snprintf(why, capacity, "%s", tally_error_text(error));
}

static void fail(struct append *append, const struct flight *flight)
{
    char where[300] = "", text[300], why[COMPLAINT_MAX];
    if (append->code != EXIT_DONE)
        return;
    if (append->source.lines)
        (void)snprintf(where, sizeof where, "line %" PRIu64 " was not appended: ", flight->line);
    else
        (void)snprintf(where, sizeof where, "not appended: ");
    say_why(flight->error, text, sizeof text);
    (void)snprintf(why, sizeof why, "%s%s%s", where, text,
                   append->printed > 0 ? "; what is printed above is durable" : "");
    append->code =
        call_fail_with(append->call, exit_of_error(flight->error), flight->error, NULL, "%s", why);
}

static void print_one(struct append *append, const struct flight *flight)
{
    char hash[PRINT_HASH];
    if (append->call->json) {
        json_t *object = print_object("receipt-append/1");
        (void)json_object_update_new(object,
                                     json_pack("{s:s, s:I, s:o}", "origin", append->origin, "index",
                                               (json_int_t)flight->index, "receipt",
                                               print_json_hash(&flight->receipt)));
        print_json(object);
    } else {
        hex_write(bytes_of(flight->receipt.bytes, sizeof flight->receipt.bytes), hash);
        (void)printf("%s %" PRIu64 " %s\n", append->origin, flight->index, hash);
    }
    append->printed++;
}

/* Prints what is answered, as far as the order of the input allows. */
static void drain(struct append *append, uint64_t *next)
{
    uint64_t before = *next;
    while (*next < append->given && append->flights[*next % DOOR_FLIGHT].answered) {
        struct flight *flight = &append->flights[*next % DOOR_FLIGHT];
        if (flight->error != TALLY_OK)
            fail(append, flight);
        else
            print_one(append, flight);
        append->bytes -= flight->size;
        flight->answered = false;
        ++*next;
    }
    if (*next != before && (fflush(stdout) != 0 || ferror(stdout)))
        append->closed = true;
    show_progress(append, false);
}

/* ---- Questions ---- */

static bool may_give(const struct append *append, uint64_t next)
{
    return append->code == EXIT_DONE && !append->closed && append->given - next < DOOR_FLIGHT &&
           append->bytes < BYTES_IN_FLIGHT && door_backlog(append->door) < BYTES_IN_FLIGHT;
}

static enum tally_error give(struct append *append, struct tally_bytes body)
{
    struct flight *flight = &append->flights[append->given % DOOR_FLIGHT];
    *flight = (struct flight){.line = append->source.line, .size = body.size};
    append->command.append.body = body;
    enum tally_error error =
        door_append(append->door, append->given, &append->command, &append->call->complaint);
    append->held = error == TALLY_BUSY ? body : (struct tally_bytes){0};
    if (error == TALLY_OK) {
        append->bytes += body.size;
        append->given++;
    }
    return error;
}

/* Gives as many as may be on their way. WAIT: the source must be read; BODY: answers are awaited.
 */
static enum source_state give_all(struct append *append, uint64_t next)
{
    while (may_give(append, next)) {
        struct tally_bytes body = append->held;
        enum source_state state = SOURCE_BODY;
        if (body.data == NULL)
            state = source_next(&append->source, &body, &append->call->complaint);
        if (state != SOURCE_BODY)
            return state;
        enum tally_error error = give(append, body);
        if (error == TALLY_BUSY)
            return SOURCE_BODY;
        if (error != TALLY_OK)
            return SOURCE_BAD;
    }
    return SOURCE_BODY;
}

static void pump(struct append *append)
{
    uint64_t next = 0; /* To be printed. */
    enum source_state state = SOURCE_WAIT;
    for (;;) {
        if (state != SOURCE_END && state != SOURCE_BAD)
            state = give_all(append, next);
        if (state == SOURCE_BAD && append->code == EXIT_DONE)
            append->code = call_fail(append->call, append->source.path);
        drain(append, &next); /* What was refused at once is answered already. */
        bool more = state != SOURCE_END && append->code == EXIT_DONE && !append->closed;
        if (!more && next == append->given)
            return;
        bool readable = false;
        int input = more && state == SOURCE_WAIT ? append->source.fd : -1;
        struct complaint *complaint = &append->call->complaint;
        enum tally_error error = door_wait(append->door, input, &readable, complaint);
        if (error == TALLY_OK && readable)
            error = source_read(&append->source, complaint);
        drain(append, &next);
        if (error != TALLY_OK) {
            if (append->code == EXIT_DONE)
                append->code = call_fail(append->call, append->call->operands[0]);
            return;
        }
    }
}

static enum exit_code finish(struct append *append)
{
    struct call *call = append->call;
    struct complaint complaint;
    show_progress(append, true);
    if (door_close(append->door, &complaint) != TALLY_OK && append->code == EXIT_DONE) {
        call->complaint = complaint;
        append->code = call_fail(call, NULL);
    }
    if (append->source.skipped > 0)
        (void)fprintf(stderr, "tally: %" PRIu64 " empty line%s skipped\n", append->source.skipped,
                      append->source.skipped == 1 ? "" : "s");
    if (append->closed && append->code == EXIT_DONE)
        append->code = call_fail_with(call, EXIT_FAILED, TALLY_CLOSED, NULL,
                                      "standard output was closed: stopped reading; %" PRIu64
                                      " receipts are durable, also "
                                      "those that could not be printed",
                                      append->answered);
    else if (append->given == 0 && append->code == EXIT_DONE)
        append->code = call_fail_with(call, EXIT_FAILED, TALLY_NOT_FOUND, call->operands[0],
                                      "nothing to append: %s is empty", append->source.path);
    return append->code;
}

/* ---- The command line ---- */

static enum exit_code read_names(struct call *call, struct tally_command *command)
{
    const char *name_space = call_option(call, "namespace"), *type = call_option(call, "type");
    const char *profile = call_option(call, "profile");
    if (name_space == NULL)
        return call_usage(call, "in which namespace? --namespace NAME");
    command->kind = TALLY_COMMAND_APPEND;
    command->append.name_space = bytes_text(name_space);
    command->append.type = bytes_text(type == NULL ? "record" : type);
    command->append.profile = bytes_text(profile == NULL ? "" : profile);
    if (strcmp(name_space, "federation") == 0)
        return call_usage(call, "namespace \"federation\" is for the node's own statements: choose "
                                "another");
    if (!tally_namespace_valid(command->append.name_space))
        return call_usage(call,
                          "namespace \"%.80s\" is not allowed: 1 to %d of A-Z a-z 0-9 . _ : -, the "
                          "first a letter or digit, and not witness, mirror or auditor",
                          name_space, TALLY_NAMESPACE_MAX);
    if (!tally_type_valid(command->append.type))
        return call_usage(call, "type \"%.80s\" is not allowed: 1 to %d visible ASCII characters",
                          type, TALLY_TYPE_MAX);
    if (!tally_profile_valid(command->append.profile))
        return call_usage(call,
                          "profile \"%.80s\" is not allowed: at most %d visible ASCII "
                          "characters",
                          profile, TALLY_PROFILE_MAX);
    return EXIT_DONE;
}

enum exit_code verb_append(struct call *call)
{
    char data[PATHS_MAX];
    struct append append = {.call = call};
    enum exit_code code = read_names(call, &append.command);
    if (code != EXIT_DONE || !shelf_data(call, data, &code))
        return code;
    append.flights = calloc(DOOR_FLIGHT, sizeof *append.flights);
    if (append.flights == NULL)
        return call_fail_with(call, EXIT_FAILED, TALLY_NO_MEMORY, NULL, "out of memory");
    source_init(&append.source, call->operands, call->operand_count, call_flag(call, "lines"));
    append.progress = !call->json && isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO);
    append.started_ms = now_ms();
    const struct door_options options = {
        .data = data, .alone = true, .on_answer = on_answer, .context = &append};
    bool known = paths_is_data(data);
    enum tally_error error = door_open(&options, &append.door, &call->complaint);
    if (error == TALLY_OK && !known)
        (void)fprintf(stderr, "tally: made a key and a data directory: %s\n", data);
    if (error != TALLY_OK) {
        code = call_fail(call, data);
    } else {
        pump(&append);
        code = finish(&append);
    }
    source_free(&append.source);
    free(append.flights);
    return code;
}
