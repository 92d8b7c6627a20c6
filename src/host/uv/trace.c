/* SPDX-License-Identifier: Apache-2.0 */
#include "host/uv/trace.h"

#include "core/address/scope.h"
#include "host/uv/address.h"
#include "host/uv/findings.h"
#include "tally/discrepancy.h"
#include "tally/federation.h"
#include "tally/node.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE = TRACE_LINE_MAX };

static const char *const names[] = {"error", "warn", "info", "debug", "trace"};
static const int priorities[] = {3, 4, 6, 7, 7}; /* sd-daemon(3) */

/* What some mean to an operator, with their address for %s; findings say what to do about it. */
static const char *const sentences[TALLY_TRACE_COUNT] = {
    [TALLY_TRACE_LEASED] = "mapped port: seen from outside at %s",
    [TALLY_TRACE_UNLEASED] = "the port at the gateway is lost: %s",
    [TALLY_TRACE_NO_LEASE] = "no gateway maps our port%s",
    [TALLY_TRACE_BEHIND_NAT] = "behind another NAT: the gateway's outer address %s is not global, "
                               "and not announced",
    [TALLY_TRACE_REACHABLE] = "reachable at %s",
    [TALLY_TRACE_UNREACHABLE] = "not reachable at %s",
};

bool trace_level_read(const char *text, enum tally_level *level)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(text, names[i]) == 0) {
            *level = (enum tally_level)i;
            return true;
        }
    return false;
}

/* Adds to a line, which is cut rather than grown. */
__attribute__((format(printf, 3, 4))) static void add(char line[LINE], size_t *size,
                                                      const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int more = vsnprintf(line + *size, LINE - *size, format, arguments);
    va_end(arguments);
    if (more > 0)
        *size += (size_t)more;
    if (*size >= LINE)
        *size = LINE - 1;
}

static void begin(const struct tracer *tracer, enum tally_level level, struct tally_wall wall,
                  char line[LINE], size_t *size)
{
    *size = 0;
    if (tracer->journal) {
        add(line, size, "<%d>", priorities[level]);
    } else {
        time_t seconds = (time_t)(wall.us / 1000000);
        struct tm parts;
        char text[32] = "";
        if (gmtime_r(&seconds, &parts) != NULL)
            (void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
        add(line, size, "time=%s.%03dZ ", text, (int)(wall.us / 1000 % 1000));
    }
    add(line, size, "level=%s ", names[level]);
}

/* One write a line, so that lines of two processes do not mix; a reader who is gone is no matter.
 */
static void end(char line[LINE], size_t size)
{
    line[size < LINE - 1 ? size : LINE - 2] = '\n';
    size = size < LINE - 1 ? size + 1 : LINE - 1;
    ssize_t written = write(STDERR_FILENO, line, size);
    (void)written;
}

static const char *state_of(enum tally_trace_kind kind, uint64_t number)
{
    if (kind == TALLY_TRACE_AGREEMENT)
        return tally_agreement_state_name((enum tally_agreement_state)number);
    if (kind == TALLY_TRACE_SETTLED)
        return tally_discrepancy_state_name((enum tally_discrepancy_state)number);
    return tally_guard_name((enum tally_guard)number);
}

/* As witnesses tell it (proto/federation.cddl, fed-witness-event). */
static const char *result_of(uint64_t number)
{
    return number == 0 ? "verified" : number == 1 ? "failed" : "not-shown";
}

static void add_number(char line[LINE], size_t *size, enum tally_trace_kind kind, const char *name,
                       uint64_t number)
{
    char roles[TALLY_ROLES_TEXT];
    if (strcmp(name, "error") == 0)
        add(line, size, " error=%s", tally_error_name((enum tally_error)number));
    else if (strcmp(name, "state") == 0)
        add(line, size, " state=%s", state_of(kind, number));
    else if (strcmp(name, "level") == 0) /* The line has a level of its own. */
        add(line, size, " trust=%s", tally_trust_name((enum tally_trust)number));
    else if (strcmp(name, "type") == 0)
        add(line, size, " type=%s", tally_discrepancy_name((enum tally_discrepancy)number));
    else if (strcmp(name, "reason") == 0)
        add(line, size, " reason=%s", tally_revoked_reason_name((enum tally_revoked_reason)number));
    else if (strcmp(name, "result") == 0)
        add(line, size, " result=%s", result_of(number));
    else if (strcmp(name, "roles") == 0) {
        tally_roles_write((uint8_t)(number & TALLY_ROLES_ALL), roles);
        add(line, size, " roles=%s", roles);
    } else if (name[0] != '\0')
        add(line, size, " %s=%llu", name, (unsigned long long)number);
}

/* The finding that explains it; false if there is nothing to be done. */
static bool finding_of(const struct tally_trace *trace, enum finding_code *code)
{
    bool shared = trace->address != NULL && address_scope_of(trace->address) == ADDRESS_SHARED;
    if (trace->kind == TALLY_TRACE_NO_LEASE || trace->kind == TALLY_TRACE_UNLEASED)
        *code = FINDING_NAT_NOMAP;
    else if (trace->kind == TALLY_TRACE_BEHIND_NAT)
        *code = shared ? FINDING_NAT_CGNAT : FINDING_NAT_DOUBLE;
    else if (trace->kind == TALLY_TRACE_UNREACHABLE)
        *code = FINDING_UNREACHABLE;
    else
        return false;
    return true;
}

static void add_sentence(char line[LINE], size_t *size, const struct tally_trace *trace)
{
    char text[ADDRESS_TEXT_MAX] = "", sentence[LINE / 2];
    const char *format = sentences[trace->kind];
    enum finding_code code;
    if (format == NULL)
        return;
    if (trace->address != NULL)
        address_write(trace->address, text);
    const char *place = strstr(format, "%s");
    (void)snprintf(sentence, sizeof sentence, "%.*s%s%s", (int)(place - format), format, text,
                   place + 2);
    add(line, size, " text=\"%s\"", sentence);
    if (finding_of(trace, &code))
        add(line, size, " code=%s remedy=\"%s\"", finding_name(code), finding_remedy(code));
}

size_t trace_text(const struct tally_trace *trace, char line[TRACE_LINE_MAX])
{
    size_t size = 0;
    add(line, &size, "msg=%s", tally_trace_word(trace->kind));
    if (trace->drop != TALLY_DROP_NONE)
        add(line, &size, " reason=%s", tally_drop_name(trace->drop));
    if (trace->peer != NULL)
        add(line, &size, " peer=%02x%02x%02x%02x", trace->peer->bytes[0], trace->peer->bytes[1],
            trace->peer->bytes[2], trace->peer->bytes[3]);
    if (trace->address != NULL) {
        char text[ADDRESS_TEXT_MAX];
        address_write(trace->address, text);
        add(line, &size, " address=%s", text);
    }
    if (trace->origin != NULL)
        add(line, &size, " origin=%s", trace->origin);
    add_number(line, &size, trace->kind, tally_trace_a(trace->kind), trace->a);
    add_number(line, &size, trace->kind, tally_trace_b(trace->kind), trace->b);
    add_sentence(line, &size, trace);
    return size;
}

static void on_say(void *context, struct tally_now now, const struct tally_trace *trace)
{
    const struct tracer *tracer = context;
    enum tally_level level = tally_trace_level(trace->kind);
    char line[LINE], text[LINE];
    size_t size;
    if (level > tracer->level)
        return;
    begin(tracer, level, now.wall, line, &size);
    (void)trace_text(trace, text);
    add(line, &size, "%s", text);
    end(line, size);
}

struct tally_trace_window trace_window(struct tracer *tracer)
{
    return (struct tally_trace_window){.context = tracer, .say = on_say};
}

void trace_line(const struct tracer *tracer, enum tally_level level, const char *format, ...)
{
    struct timespec now;
    char line[LINE], text[LINE];
    size_t size;
    if (level > tracer->level)
        return;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    (void)clock_gettime(CLOCK_REALTIME, &now);
    begin(tracer, level, (struct tally_wall){(int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000},
          line, &size);
    add(line, &size, "%s", text);
    end(line, size);
}
