/* SPDX-License-Identifier: Apache-2.0 */
#include "host/uv/facts.h"

#include "host/store/store.h"
#include "host/uv/inside.h"

#include <stdlib.h>

/* What the running socket got, which is surer than what a new one would get. */
static void look_at_socket(const struct host *host, struct machine *machine)
{
    uv_os_fd_t fd;
    if (!host->udp.open || uv_fileno((const uv_handle_t *)&host->udp.socket, &fd) != 0)
        return;
    machine->receive_buffer = machine_buffer(fd, SO_RCVBUF);
    machine->send_buffer = machine_buffer(fd, SO_SNDBUF);
}

struct facts *facts_new(struct host *host)
{
    struct tally_node_status status;
    tally_node_status(host->node, &status);
    size_t room = status.peers, count = 0;
    struct facts *facts = calloc(1, sizeof *facts + room * sizeof *facts->peers);
    if (facts == NULL)
        return NULL;
    facts->now = host_now().mono;
    facts->status = status;
    facts->status.profile = host->options.network ? host->options.profile : TALLY_PROFILE_OFFLINE;
    machine_look(host->data, &facts->machine);
    look_at_socket(host, &facts->machine);
    facts->facts = (struct doctor_facts){.data = host->data,
                                         .machine = &facts->machine,
                                         .status = &facts->status,
                                         .uptime_ms = host_uptime_ms(host),
                                         .own = facts->own,
                                         .awaited = facts->awaited,
                                         .peers = facts->peers,
                                         .bootstraps = facts->bootstraps,
                                         .bootstrap_count = host->bootstrap.count};
    (void)store_writable(host->store, &facts->facts.missing_bytes);
    while (count < FACTS_OWN_MAX && tally_node_own_address(host->node, count, &facts->own[count]))
        count++;
    facts->facts.own_count = count;
    for (count = 0; count < FACTS_AWAITED_MAX &&
                    tally_node_awaited(host->node, count, &facts->awaited[count]);)
        count++;
    facts->facts.awaited_count = count;
    for (count = 0; count < room && tally_node_peer(host->node, count, &facts->peers[count]);)
        count++;
    facts->facts.peer_count = count;
    for (size_t i = 0; i < host->bootstrap.count; i++)
        facts->bootstraps[i] = host->bootstrap.items[i].view;
    doctor_examine(&facts->facts, &facts->findings);
    return facts;
}
