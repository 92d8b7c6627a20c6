/* SPDX-License-Identifier: Apache-2.0 */
#include "host/uv/gateway.h"

#include "core/base/bytes.h"
#include "host/uv/address.h"
#include "host/uv/inside.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

/* A gateway that is short of something, or whose own link is down, is asked again soon: NAT-PMP
   does not say for how long an error counts, PCP calls these short-lived (RFC 6887 section 7.4). */
enum { SHORT_ERROR_S = 30 };

static bool is_natpmp(const struct gateway_request *request)
{
    return request->event.mapped.protocol == TALLY_MAPPING_NATPMP;
}

/* ---- The life of a request ---- */

static void on_closed(uv_handle_t *handle)
{
    struct gateway_request *request = handle->data;
    if (--request->handles == 0)
        request->used = false;
}

static void clear(struct gateway_request *request)
{
    if (request->done)
        return;
    request->done = true;
    uv_close((uv_handle_t *)&request->timer, on_closed);
    if (!request->polled)
        return;
    uv_close((uv_handle_t *)&request->poll, on_closed);
    if (is_natpmp(request))
        (void)closenatpmp(&request->natpmp);
    else
        (void)close(request->fd);
}

static void finish(struct gateway_request *request, enum tally_error error)
{
    struct host *host = request->gateway->host;
    request->event.mapped.error = error;
    clear(request);
    host_step(host, &request->event);
    if (gateway_flushed(request->gateway))
        host_later(host);
}

/* ---- PCP ---- */

static void on_pcp(struct gateway_request *request)
{
    struct gateway *gateway = request->gateway;
    struct pcp_answer answer;
    ssize_t size = recv(request->fd, gateway->buffer, sizeof gateway->buffer, MSG_DONTWAIT);
    if (size < 0 || pcp_answer_read(bytes_of(gateway->buffer, (size_t)size), &request->map,
                                    &answer) != TALLY_DROP_NONE)
        return;
    request->event.mapped.lifetime_s = answer.lifetime_s;
    request->event.mapped.epoch_s = answer.epoch_s;
    request->event.mapped.outer = answer.outer;
    finish(request, answer.error);
}

static bool ask_pcp(struct gateway_request *request)
{
    uint8_t bytes[PCP_MAP_SIZE];
    pcp_map_write(&request->map, bytes);
    return send(request->fd, bytes, sizeof bytes, 0) == sizeof bytes;
}

/* ---- NAT-PMP ---- */

static enum natpmp_operation natpmp_operation(const struct gateway_request *request)
{
    if (!request->has_outer)
        return NATPMP_OUTER_ADDRESS;
    return request->map.transport == TALLY_TRANSPORT_TCP ? NATPMP_MAP_TCP : NATPMP_MAP_UDP;
}

/* The mapping's answer does not name the outer address: that is asked first. */
static bool ask_natpmp(struct gateway_request *request)
{
    const struct pcp_map *map = &request->map;
    if (!request->has_outer)
        return sendpublicaddressrequest(&request->natpmp) > 0;
    return sendnewportmappingrequest(&request->natpmp,
                                     map->transport == TALLY_TRANSPORT_TCP ? NATPMP_PROTOCOL_TCP
                                                                           : NATPMP_PROTOCOL_UDP,
                                     map->client.port, map->outer.port, map->lifetime_s) > 0;
}

static enum tally_error natpmp_error(int code)
{
    switch (code) {
    case NATPMP_ERR_UNSUPPORTEDVERSION:
    case NATPMP_ERR_UNSUPPORTEDOPCODE:
        return TALLY_NEWER;
    case NATPMP_ERR_NETWORKFAILURE:
        return TALLY_UNREACHABLE;
    case NATPMP_ERR_OUTOFRESOURCES:
        return TALLY_TOO_LARGE;
    default:
        return TALLY_REFUSED;
    }
}

static void on_natpmp_address(struct gateway_request *request, const natpmpresp_t *answer)
{
    struct sockaddr_in outer = {.sin_family = AF_INET, .sin_addr = answer->pnu.publicaddress.addr};
    (void)address_of_socket((const struct sockaddr *)&outer, &request->event.mapped.outer);
    request->has_outer = true;
    if (!ask_natpmp(request))
        finish(request, TALLY_UNREACHABLE);
}

static void on_natpmp(struct gateway_request *request)
{
    char *buffer = request->gateway->buffer;
    size_t capacity = sizeof request->gateway->buffer;
    natpmpresp_t answer;
    /* libnatpmp reads as many bytes as there should be; and without any it would send again. */
    ssize_t size = recv(request->fd, buffer, capacity, MSG_PEEK | MSG_DONTWAIT);
    if (size < 0)
        return;
    if (!natpmp_is_answer(bytes_of(buffer, (size_t)size), natpmp_operation(request),
                          request->map.client.port)) {
        (void)recv(request->fd, buffer, capacity, MSG_DONTWAIT);
        return;
    }
    int code = readnatpmpresponseorretry(&request->natpmp, &answer);
    if (code == NATPMP_TRYAGAIN || code == NATPMP_ERR_WRONGPACKETSOURCE)
        return;
    if (code != 0) {
        enum tally_error error = natpmp_error(code);
        if (error == TALLY_UNREACHABLE || error == TALLY_TOO_LARGE)
            request->event.mapped.lifetime_s = SHORT_ERROR_S;
        finish(request, error);
        return;
    }
    request->event.mapped.epoch_s = answer.epoch;
    if (!request->has_outer) {
        on_natpmp_address(request, &answer);
        return;
    }
    request->event.mapped.outer.port = answer.pnu.newportmapping.mappedpublicport;
    request->event.mapped.lifetime_s = answer.pnu.newportmapping.lifetime;
    finish(request, TALLY_OK);
}

/* ---- Sockets ---- */

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct gateway_request *request = poll->data;
    (void)events;
    if (status < 0) {
        /* ICMP: nobody is there at this moment, as while a router starts. That is silence. */
        int error;
        socklen_t size = sizeof error;
        (void)getsockopt(request->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        (void)uv_poll_start(poll, UV_READABLE, on_readable);
        return;
    }
    if (is_natpmp(request))
        on_natpmp(request);
    else
        on_pcp(request);
}

static void on_timeout(uv_timer_t *timer)
{
    struct gateway_request *request = timer->data;
    finish(request, request->event.mapped.error);
}

/* As the system wants it: a link-local address is one of a link. */
static socklen_t socket_address(const struct tally_address *address, bool ipv6, uint32_t interface,
                                struct sockaddr_storage *to)
{
    struct sockaddr_in6 v6;
    (void)address_to_socket(address, ipv6 ? AF_INET6 : AF_INET, to);
    if (!ipv6)
        return sizeof(struct sockaddr_in);
    memcpy(&v6, to, sizeof v6);
    if (IN6_IS_ADDR_LINKLOCAL(&v6.sin6_addr))
        v6.sin6_scope_id = interface;
    memcpy(to, &v6, sizeof v6);
    return sizeof v6;
}

/* From the address we listen at: PCP maps the one that a request comes from, and no other. */
static int open_pcp(const struct route *route, bool ipv6)
{
    struct tally_address to = route->gateway;
    struct sockaddr_storage own, gateway;
    to.port = PCP_PORT;
    socklen_t size = socket_address(&route->source, ipv6, route->interface, &own);
    (void)socket_address(&to, ipv6, route->interface, &gateway);
    int fd = socket(own.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && bind(fd, (const struct sockaddr *)&own, size) == 0 &&
        connect(fd, (const struct sockaddr *)&gateway, size) == 0)
        return fd;
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

/* libnatpmp binds to no address: where the kernel would choose another one than we listen at, the
   mapping would lead there. */
static int open_natpmp(natpmp_t *natpmp, const struct route *route)
{
    struct sockaddr_storage bound;
    struct tally_address own;
    in_addr_t gateway;
    socklen_t size = sizeof bound;
    memcpy(&gateway, route->gateway.ip + 12, sizeof gateway);
    if (initnatpmp(natpmp, 1, gateway) == 0 &&
        getsockname(natpmp->s, (struct sockaddr *)&bound, &size) == 0 &&
        address_of_socket((const struct sockaddr *)&bound, &own) &&
        memcmp(own.ip, route->source.ip, sizeof own.ip) == 0)
        return natpmp->s;
    if (natpmp->s >= 0)
        (void)closenatpmp(natpmp);
    return -1;
}

/* Finds the gateway and asks it; false if there is none. */
static bool ask(struct gateway_request *request, bool ipv6)
{
    struct gateway *gateway = request->gateway;
    const struct tally_address *listen = &gateway->host->address;
    struct route route;
    if (!route_find(ipv6, &route))
        return false;
    gateway->asked[ipv6] = route;
    if (!address_is_any(listen))
        route.source = *listen;
    route.source.port = 0;
    request->fd =
        is_natpmp(request) ? open_natpmp(&request->natpmp, &route) : open_pcp(&route, ipv6);
    if (request->fd < 0)
        return false;
    if (uv_poll_init(&gateway->host->loop, &request->poll, request->fd) != 0) {
        (void)close(request->fd);
        return false;
    }
    request->poll.data = request;
    request->polled = true;
    request->handles++;
    request->event.mapped.gateway = route.gateway;
    memcpy(request->map.client.ip, route.source.ip, sizeof route.source.ip);
    (void)uv_poll_start(&request->poll, UV_READABLE, on_readable);
    return is_natpmp(request) ? ask_natpmp(request) : ask_pcp(request);
}

static struct gateway_request *slot(struct gateway *gateway)
{
    for (size_t i = 0; i < TALLY_MAPS_MAX; i++)
        if (!gateway->requests[i].used)
            return &gateway->requests[i];
    return NULL;
}

void gateway_map(struct gateway *gateway, const struct tally_action *action)
{
    struct gateway_request *request = slot(gateway);
    assert(request != NULL);
    *request = (struct gateway_request){.gateway = gateway,
                                        .used = true,
                                        .handles = 1,
                                        .fd = -1,
                                        .map = {.client = {.port = action->map.inner_port},
                                                .transport = action->map.transport,
                                                .outer = {.port = action->map.outer_port},
                                                .lifetime_s = action->map.lifetime_s},
                                        .has_outer = action->map.lifetime_s ==
                                                     0, /* Nobody wants to know it then. */
                                        .event = {.kind = TALLY_EVENT_MAPPED,
                                                  .mapped = {.ticket = action->map.ticket,
                                                             .error = TALLY_TIMED_OUT,
                                                             .protocol = action->map.protocol}}};
    memcpy(request->map.outer.ip, action->map.outer_ip, sizeof request->map.outer.ip);
    memcpy(request->map.nonce, action->map.nonce, sizeof request->map.nonce);
    (void)uv_timer_init(&gateway->host->loop, &request->timer);
    request->timer.data = request;
    bool asked = ask(request, action->map.ipv6);
    if (!asked) {
        request->event.mapped.error = TALLY_UNREACHABLE;
        request->event.mapped.gateway = (struct tally_address){0};
    }
    /* An action is not answered while actions are performed. */
    (void)uv_timer_start(&request->timer, on_timeout, asked ? action->map.timeout_ms : 0, 0);
}

bool gateway_flushed(const struct gateway *gateway)
{
    for (size_t i = 0; i < TALLY_MAPS_MAX; i++)
        if (gateway->requests[i].used && !gateway->requests[i].done &&
            gateway->requests[i].map.lifetime_s == 0)
            return false;
    return true;
}

/* ---- Announcements ---- */

static void on_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct gateway *gateway = handle->data;
    (void)suggested;
    *buffer = uv_buf_init(gateway->buffer, sizeof gateway->buffer);
}

/* Address, port and, of a link-local one, the link. */
static bool is_gateway(const struct route *asked, const struct sockaddr *from)
{
    struct tally_address theirs;
    struct sockaddr_in6 v6;
    if (!address_of_socket(from, &theirs) || theirs.port != PCP_PORT ||
        memcmp(theirs.ip, asked->gateway.ip, sizeof theirs.ip) != 0)
        return false;
    if (from->sa_family == AF_INET)
        return true;
    memcpy(&v6, from, sizeof v6);
    return v6.sin6_scope_id == 0 || v6.sin6_scope_id == asked->interface;
}

static void on_announcement(uv_udp_t *socket, ssize_t size, const uv_buf_t *buffer,
                            const struct sockaddr *from, unsigned flags)
{
    struct gateway *gateway = socket->data;
    struct pcp_announcement announcement;
    struct tally_event event = {.kind = TALLY_EVENT_GATEWAY};
    if (size <= 0 || from == NULL || (flags & UV_UDP_PARTIAL) != 0 ||
        !is_gateway(&gateway->asked[from->sa_family == AF_INET6], from) ||
        pcp_announcement_read(bytes_of(buffer->base, (size_t)size), &announcement) !=
            TALLY_DROP_NONE)
        return;
    event.gateway.protocol = announcement.protocol;
    event.gateway.epoch_s = announcement.epoch_s;
    event.gateway.outer = announcement.outer;
    (void)address_of_socket(from, &event.gateway.gateway);
    event.gateway.gateway.port = 0;
    host_step(gateway->host, &event);
}

/* Every host is in 224.0.0.1 and ff02::1 without joining. Bound to the IPv4 group, the socket does
   not see what is sent to our own address; an IPv6 group would want one socket a link. */
static void listen_for(struct gateway *gateway, unsigned family)
{
    static const char *const groups[] = {"224.0.0.1", "::"};
    static const int families[] = {AF_INET, AF_INET6};
    uv_udp_t *socket = &gateway->listeners[family];
    struct tally_address group;
    struct sockaddr_storage to;
    unsigned flags = family == GATEWAY_IPV6 ? UV_UDP_REUSEADDR | UV_UDP_IPV6ONLY : UV_UDP_REUSEADDR;
    (void)address_read(groups[family], &group);
    group.port = PCP_PORT_ANNOUNCED;
    (void)address_to_socket(&group, families[family], &to);
    if (uv_udp_init_ex(&gateway->host->loop, socket, (unsigned)families[family]) != 0)
        return;
    socket->data = gateway;
    gateway->listening[family] = true;
    int code = uv_udp_bind(socket, (const struct sockaddr *)&to, flags);
    if (code == 0)
        code = uv_udp_recv_start(socket, on_buffer, on_announcement);
    if (code != 0)
        trace_line(&gateway->host->tracer, TALLY_LEVEL_DEBUG,
                   "msg=\"announcements of gateways are not heard\" port=%d reason=\"%s\"",
                   PCP_PORT_ANNOUNCED, uv_strerror(code));
}

void gateway_open(struct gateway *gateway, struct host *host)
{
    gateway->host = host;
    for (unsigned i = 0; i < GATEWAY_FAMILIES; i++)
        listen_for(gateway, i);
}

void gateway_close(struct gateway *gateway)
{
    for (size_t i = 0; i < TALLY_MAPS_MAX; i++)
        if (gateway->requests[i].used)
            clear(&gateway->requests[i]);
    for (unsigned i = 0; i < GATEWAY_FAMILIES; i++) {
        if (gateway->listening[i])
            uv_close((uv_handle_t *)&gateway->listeners[i], NULL);
        gateway->listening[i] = false;
    }
}
