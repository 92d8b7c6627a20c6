/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UV_TRACE_H
#define UV_TRACE_H
/* The node's traces as log lines on stderr: logfmt, one line an event. */
#include "tally/trace.h"
#include "tally/windows.h"

enum { TRACE_LINE_MAX = 1024 }; /* Longer ones are cut. */

struct tracer {
    enum tally_level level; /* Lines above it are left out. */
    bool journal;           /* Under systemd: a <N> priority in front, and no time. */
};

/* The window; its context is the tracer. */
struct tally_trace_window trace_window(struct tracer *tracer);

/* What is told of a trace, behind time and level; its size. Some have a sentence for people, and a
   code that tally help explains. */
size_t trace_text(const struct tally_trace *trace, char line[TRACE_LINE_MAX]);

/* A line of the host's own: text is written after level and msg, already in logfmt. */
__attribute__((format(printf, 3, 4))) void
trace_line(const struct tracer *tracer, enum tally_level level, const char *format, ...);

/* "info" and so on; false if text is none of them. */
bool trace_level_read(const char *text, enum tally_level *level);

#endif
