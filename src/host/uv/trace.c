/* SPDX-License-Identifier: Apache-2.0 */
#include "host/uv/trace.h"

#include "host/uv/address.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE = 1024 };

static const char *const names[] = {"error", "warn", "info", "debug", "trace"};
static const int priorities[] = {3, 4, 6, 7, 7}; /* sd-daemon(3) */

/* What an operator may want to know or do about it. */
static const char *const advice[TALLY_TRACE_COUNT] = {
    [TALLY_TRACE_NO_LEASE] = "no gateway maps our port: others can dial this node only if UDP and "
                             "TCP are forwarded to it by hand",
    [TALLY_TRACE_BEHIND_NAT] = "the outer address of the gateway is not global: another NAT is "
                               "behind it, so this address is not announced",
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

static void add_number(char line[LINE], size_t *size, const char *name, uint64_t number)
{
    if (strcmp(name, "error") == 0)
        add(line, size, " error=%s", tally_error_name((enum tally_error)number));
    else if (name[0] != '\0')
        add(line, size, " %s=%llu", name, (unsigned long long)number);
}

static void on_say(void *context, struct tally_now now, const struct tally_trace *trace)
{
    const struct tracer *tracer = context;
    enum tally_level level = tally_trace_level(trace->kind);
    char line[LINE];
    size_t size;
    if (level > tracer->level)
        return;
    begin(tracer, level, now.wall, line, &size);
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
    add_number(line, &size, tally_trace_a(trace->kind), trace->a);
    add_number(line, &size, tally_trace_b(trace->kind), trace->b);
    if (advice[trace->kind] != NULL)
        add(line, &size, " text=\"%s\"", advice[trace->kind]);
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
