/* SPDX-License-Identifier: Apache-2.0 */
#include "host/uv/dns_message.h"

#include "host/uv/dns.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

enum { TRIES = 2, SECOND = 1000, DATAGRAM = 4096 };

static uint64_t now_ms(void)
{
    return uv_hrtime() / 1000000;
}

static unsigned left_ms(uint64_t end_ms)
{
    uint64_t now = now_ms();
    return now >= end_ms ? 0 : (unsigned)(end_ms - now);
}

/* ---- Over TCP ---- */

/* Waits until the socket can be read or written; false if it cannot before the end. */
static bool wait_for(int fd, short events, uint64_t end_ms)
{
    struct pollfd one = {.fd = fd, .events = events};
    unsigned left = left_ms(end_ms);
    return left > 0 && poll(&one, 1, (int)left) == 1;
}

static bool send_all(int fd, const uint8_t *bytes, size_t size, uint64_t end_ms)
{
    while (size > 0 && wait_for(fd, POLLOUT, end_ms)) {
        ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        bytes += sent < 0 ? 0 : sent;
        size -= sent < 0 ? 0 : (size_t)sent;
    }
    return size == 0;
}

static bool receive_all(int fd, uint8_t *bytes, size_t size, uint64_t end_ms)
{
    while (size > 0 && wait_for(fd, POLLIN, end_ms)) {
        ssize_t got = recv(fd, bytes, size, 0);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
            return false;
        bytes += got < 0 ? 0 : got;
        size -= got < 0 ? 0 : (size_t)got;
    }
    return size == 0;
}

static size_t exchange(int fd, const uint8_t *query, size_t size, uint8_t *answer, uint64_t end_ms)
{
    uint8_t length[2] = {(uint8_t)(size >> 8), (uint8_t)size};
    if (!send_all(fd, length, sizeof length, end_ms) || !send_all(fd, query, size, end_ms) ||
        !receive_all(fd, length, sizeof length, end_ms))
        return 0;
    size_t announced = (size_t)length[0] << 8 | length[1];
    bool good = announced >= NS_HFIXEDSZ && receive_all(fd, answer, announced, end_ms) &&
                memcmp(answer, query, 2) == 0; /* The id. */
    return good ? announced : 0;
}

size_t dns_over_tcp(const struct sockaddr *server, socklen_t server_size, const uint8_t *query,
                    size_t size, uint8_t *answer, uint64_t end_ms)
{
    int fd = socket(server->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    size_t got = 0;
    if (fd < 0)
        return 0;
    if (connect(fd, server, server_size) == 0 || errno == EINPROGRESS)
        got = exchange(fd, query, size, answer, end_ms);
    (void)close(fd);
    return got;
}

/* ---- Asking ---- */

bool dns_asker_open(struct dns_asker *asker, const atomic_bool *stop)
{
    *asker = (struct dns_asker){.stop = stop, .end_ms = now_ms() + DNS_TIME_MS};
    asker->answer = malloc(NS_MAXMSG);
    if (asker->answer == NULL || res_ninit(&asker->state) != 0) {
        free(asker->answer);
        return false;
    }
    asker->servers = asker->state.nscount;
    asker->state.retry = 1; /* Trying again is ours, so that all of it ends in time. */
    asker->state.options &= ~(unsigned long)(RES_USEVC | RES_STAYOPEN);
    asker->state.options |= RES_IGNTC | RES_USE_EDNS0;
    return true;
}

void dns_asker_close(struct dns_asker *asker)
{
    asker->state.nscount = asker->servers; /* So that what belongs to each is freed. */
    res_nclose(&asker->state);
    free(asker->answer);
}

/* The library gives the n-th server at most twice `retrans` seconds. False: the time is over. */
static bool set_limits(struct dns_asker *asker, int try)
{
    unsigned seconds = left_ms(asker->end_ms) / SECOND;
    if (seconds == 0 || asker->queries == DNS_QUERIES_MAX || atomic_load(asker->stop))
        return false;
    asker->state.retrans = seconds >= 6 && try > 0 ? 2 : 1;
    int affordable = (int)seconds / asker->state.retrans;
    asker->state.nscount = asker->servers < affordable ? asker->servers : affordable;
    asker->queries++;
    return true;
}

/* The answer did not fit: again over TCP. What came before stays if there is no better. */
static int ask_over_tcp(struct dns_asker *asker, const char *name, int type, int size)
{
    uint8_t query[NS_PACKETSZ];
    struct __res_state *state = &asker->state;
    int query_size =
        res_nmkquery(state, ns_o_query, name, ns_c_in, type, NULL, 0, NULL, query, sizeof query);
    uint8_t *answer = malloc(NS_MAXMSG);
    size_t got = 0;
    for (int i = 0; answer != NULL && query_size > 0 && i < state->nscount && got == 0; i++) {
        const struct sockaddr_in *four = &state->nsaddr_list[i];
        const struct sockaddr_in6 *six = state->_u._ext.nsaddrs[i];
        bool is_four = four->sin_family == AF_INET;
        uint64_t end_ms = now_ms() + 2 * SECOND;
        if (!is_four && six == NULL)
            continue;
        got = dns_over_tcp(is_four ? (const struct sockaddr *)four : (const struct sockaddr *)six,
                           is_four ? sizeof *four : sizeof *six, query, (size_t)query_size, answer,
                           end_ms < asker->end_ms ? end_ms : asker->end_ms);
    }
    if (got > 0) {
        free(asker->answer);
        asker->answer = answer;
        return (int)got;
    }
    free(answer);
    return size;
}

static const HEADER *header_of(const struct dns_asker *asker)
{
    return (const HEADER *)(const void *)asker->answer;
}

/* One try; bytes of an answer that says something, 0: of one that says no, -1: of none. */
static int ask_once(struct dns_asker *asker, const char *name, int type)
{
    memset(asker->answer, 0, NS_HFIXEDSZ);
    int size = res_nquery(&asker->state, name, ns_c_in, type, asker->answer, DATAGRAM);
    bool cut_off = header_of(asker)->tc;
    int why = asker->state.res_h_errno;
    if (size > DATAGRAM)
        size = DATAGRAM;
    if (cut_off)
        size = ask_over_tcp(asker, name, type, size);
    if (size >= 0)
        return size;
    return !cut_off && (why == HOST_NOT_FOUND || why == NO_DATA) ? 0 : -1;
}

bool dns_ask_servers(void *context, const char *name, int type, ns_msg *message)
{
    struct dns_asker *asker = context;
    int size = -1;
    for (int try = 0; try < TRIES && size < 0 && set_limits(asker, try); try++)
        size = ask_once(asker, name, type);
    asker->silent = asker->silent || size < 0;
    return size > 0 && ns_initparse(asker->answer, size, message) == 0;
}

/* ---- Reading ---- */

bool dns_next(ns_msg *message, int *at, int type, ns_rr *record)
{
    int count = ns_msg_count(*message, ns_s_an);
    while (*at < count && *at < DNS_RECORDS_MAX) {
        if (ns_parserr(message, ns_s_an, (*at)++, record) != 0)
            return false;
        if ((int)ns_rr_type(*record) == type && ns_rr_class(*record) == ns_c_in)
            return true;
    }
    return false;
}

bool dns_name(const ns_msg *message, const uint8_t *at, char name[TALLY_DOMAIN_MAX + 1])
{
    char expanded[NS_MAXDNAME];
    int size =
        dn_expand(ns_msg_base(*message), ns_msg_end(*message), at, expanded, (int)sizeof expanded);
    if (size < 0 || !dns_name_valid(expanded))
        return false;
    memcpy(name, expanded, strlen(expanded) + 1);
    return true;
}
