/* SPDX-License-Identifier: Apache-2.0 */
#include "host/uv/notices.h"

#include "core/address/multiaddr.h"
#include "core/address/scope.h"
#include "core/base/bytes.h"
#include "host/uv/address.h"
#include "host/uv/findings.h"
#include "host/uv/inside.h"

#include <stdarg.h>
#include <stdio.h>

enum { LINE_MAX_SIZE = 768 };

__attribute__((format(printf, 3, 4))) static void
say(const struct notices *notices, enum tally_level level, const char *format, ...)
{
    char line[LINE_MAX_SIZE];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    notices->say(notices->context, level, line);
}

static struct notices_said *said_of(struct notices *notices, const struct tally_own_address *own)
{
    for (size_t i = 0; i < notices->count; i++)
        if (address_equal(&notices->said[i].address, &own->address) &&
            notices->said[i].transport == own->transport)
            return &notices->said[i];
    if (notices->count == NOTICES_MAX)
        return NULL;
    struct notices_said *said = &notices->said[notices->count++];
    *said = (struct notices_said){.address = own->address, .transport = own->transport};
    return said;
}

static void tell_one(const struct notices *notices, const struct tally_node_status *status,
                     const struct tally_own_address *own, struct notices_said *said)
{
    char address[MULTIADDR_TEXT_MAX] = "", gateway[ADDRESS_TEXT_MAX];
    bool tcp = own->transport == TALLY_TRANSPORT_TCP;
    (void)multiaddr_write_text(&own->address, tcp ? MULTIADDR_TCP : MULTIADDR_UDP, NULL, address,
                               sizeof address);
    if (own->source == TALLY_OWN_MAPPED && !said->mapped) {
        address_write_ip(&status->gateway, gateway);
        say(notices, TALLY_LEVEL_INFO, "msg=\"mapped port %u at the gateway: %s\" gateway=%s by=%s",
            (unsigned)own->address.port, address, gateway, tally_mapping_name(own->mapping));
    }
    if (own->state == TALLY_REACH_REACHABLE && !said->reachable)
        say(notices, TALLY_LEVEL_INFO, "msg=\"reachable at %s\" peer=%02x%02x%02x%02x", address,
            own->by.bytes[0], own->by.bytes[1], own->by.bytes[2], own->by.bytes[3]);
    if (own->state == TALLY_REACH_UNREACHABLE && !said->refused)
        say(notices, TALLY_LEVEL_WARN, "msg=\"%s at %s\" code=%s remedy=\"%s\"",
            said->reachable ? "no longer reachable" : "not reachable", address,
            finding_name(FINDING_UNREACHABLE), finding_remedy(FINDING_UNREACHABLE));
    said->mapped = own->source == TALLY_OWN_MAPPED;
    /* While it is asked again, what was said last still stands. */
    if (own->state == TALLY_REACH_REACHABLE || own->state == TALLY_REACH_UNREACHABLE) {
        said->reachable = own->state == TALLY_REACH_REACHABLE;
        said->refused = !said->reachable;
    }
}

static void tell_behind(struct notices *notices, const struct tally_node_status *status)
{
    static const struct tally_address nowhere;
    char outer[ADDRESS_TEXT_MAX], gateway[ADDRESS_TEXT_MAX];
    enum address_scope scope = address_scope_of(&status->outer);
    bool behind =
        memcmp(status->outer.ip, nowhere.ip, sizeof nowhere.ip) != 0 && scope != ADDRESS_GLOBAL;
    if (behind && !notices->behind) {
        enum finding_code code = scope == ADDRESS_SHARED ? FINDING_NAT_CGNAT : FINDING_NAT_DOUBLE;
        address_write_ip(&status->outer, outer);
        address_write_ip(&status->gateway, gateway);
        say(notices, TALLY_LEVEL_WARN,
            "msg=\"behind another NAT: the gateway's outer address is %s\" code=%s gateway=%s "
            "remedy=\"%s\"",
            outer, finding_name(code), gateway, finding_remedy(code));
    }
    notices->behind = behind;
}

void notices_tell(struct notices *notices, const struct tally_node_status *status,
                  const struct tally_own_address *own, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < notices->count; i++)
        notices->said[i].there = false;
    for (size_t i = 0; i < count; i++) {
        struct notices_said *said = said_of(notices, &own[i]);
        if (said == NULL)
            continue;
        said->there = true;
        tell_one(notices, status, &own[i], said);
    }
    for (size_t i = 0; i < notices->count; i++)
        if (notices->said[i].there)
            notices->said[kept++] = notices->said[i];
    notices->count = kept;
    tell_behind(notices, status);
}

/* ---- In the host ---- */

static bool is_ours(enum tally_trace_kind kind)
{
    return kind == TALLY_TRACE_LEASED || kind == TALLY_TRACE_UNLEASED ||
           kind == TALLY_TRACE_REACHABLE || kind == TALLY_TRACE_UNREACHABLE;
}

static void on_trace(void *context, struct tally_now now, const struct tally_trace *trace)
{
    struct notices *notices = context;
    bool ours = is_ours(trace->kind);
    if (!ours || trace->kind == TALLY_TRACE_UNLEASED ||
        notices->host->tracer.level >= TALLY_LEVEL_DEBUG)
        notices->log.say(notices->log.context, now, trace);
    if (!ours)
        return;
    notices->due = true;
    host_later(notices->host);
}

static void say_in_log(void *context, enum tally_level level, const char *text)
{
    const struct host *host = context;
    trace_line(&host->tracer, level, "%s", text);
}

void notices_open(struct notices *notices, struct host *host)
{
    notices->host = notices->context = host;
    notices->log = trace_window(&host->tracer);
    notices->say = say_in_log;
}

struct tally_trace_window notices_window(struct notices *notices)
{
    return (struct tally_trace_window){.context = notices, .say = on_trace};
}

void notices_later(struct notices *notices)
{
    struct tally_node_status status;
    struct tally_own_address own[NOTICES_MAX];
    size_t count = 0;
    if (!notices->due)
        return;
    notices->due = false;
    tally_node_status(notices->host->node, &status);
    while (count < NOTICES_MAX && tally_node_own_address(notices->host->node, count, &own[count]))
        count++;
    notices_tell(notices, &status, own, count);
}
