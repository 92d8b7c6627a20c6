/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UV_FINDINGS_H
#define UV_FINDINGS_H
/*
 * What can be wrong with a node, as its operator is told: in tally doctor, in warnings of tally
 * status, in the log. Each has a code that stays what it is, a title, what it means, and what to
 * do; tally help CODE prints them. The list is the only place where they stand.
 */
#include <stdbool.h>
#include <stddef.h>

/* clang-format off */
/*    name            title, meaning, remedy */
#define FINDINGS(X)                                                                                \
    X(NO_NODE,                                                                                     \
      "no node is running",                                                                        \
      "Nothing answers at the admin socket of the data directory, so only the machine was looked " \
      "at, not the network.",                                                                      \
      "start it with tally run")                                                                   \
    X(DATA_MODE,                                                                                   \
      "others may read the data directory",                                                        \
      "The data directory holds the node's key. Its mode lets others than its owner in, or it "    \
      "belongs to somebody else.",                                                                 \
      "chmod 700 the directory, and chown it to the user that runs the node")                      \
    X(DISK_FULL,                                                                                   \
      "read-only: the disk is full",                                                               \
      "Less space is free than --min-free asks for. The node goes on serving and takes nothing "   \
      "in; it is writable again by itself when there is space.",                                   \
      "free some space, or put the data directory on a larger disk")                               \
    X(OLD_COPY,                                                                                    \
      "this data directory is an old copy, or one of two",                                         \
      "A peer holds a larger checkpoint of our own log than we do. To sign anything now would be " \
      "a fork of our own log.",                                                                    \
      "tally log recover --from-peers fetches what is missing, if no other node runs with this "   \
      "key; else go on with the newest copy of the data directory")                                \
    X(UNCONFIRMED,                                                                                 \
      "nobody has said how far our logs had got",                                                  \
      "A data directory that was put back from a backup looks like any other. So before anything " \
      "is signed, those who knew this node are asked for the largest checkpoint of ours they "     \
      "hold. Reading, serving and replication go on meanwhile.",                                   \
      "start one of them, or see why it is not reached; if they are gone for good, tally node "    \
      "confirm-latest --yes says that this is the latest copy; if the key was rotated or revoked " \
      "after this copy was made, nobody answers it: begin with the key that took over, in an "     \
      "empty directory")                                    \
    X(FORK,                                                                                        \
      "a log is frozen at a fork",                                                                 \
      "The issuer of a log signed two checkpoints that contradict each other. Both are kept as "   \
      "evidence, and nothing is added to that log any more.",                                      \
      "see tally fork list, and ask the issuer")                                                   \
    X(CLOCK,                                                                                       \
      "the clock differs from those of the peers",                                                 \
      "The median of the linked peers' clocks is more than 5 s away from ours. Receipts carry "    \
      "our time as a claim; from 300 s on, peers refuse our datagrams.",                           \
      "set this machine's clock, and let it be kept by NTP (timedatectl set-ntp true)")            \
    X(UDP_BUFFER,                                                                                  \
      "the buffers of the UDP socket are small",                                                   \
      "The system gave less than the 2 MiB the node asks for. In a burst, datagrams are lost "     \
      "before the node can read them; they are repeated, later.",                                  \
      "sysctl -w net.core.rmem_max=2097152 net.core.wmem_max=2097152, and start the node again")   \
    X(UDP_BLOCKED,                                                                                 \
      "UDP seems to be blocked",                                                                   \
      "Greetings were sent, and no datagram at all came back from there. A firewall on this "      \
      "machine or of this network is the usual reason.",                                           \
      "let UDP out, and answers to it in; tally status names our port")                            \
    X(NO_NETWORK,                                                                                  \
      "this machine is on no network",                                                             \
      "It has no address but those of itself (loopback).",                                         \
      "connect it, or run the node with --profile offline")                                        \
    X(MDNS_PORT,                                                                                   \
      "port 5353 is taken",                                                                        \
      "Another program holds the port of multicast DNS and does not share it, so neighbours on "   \
      "the LAN are not found by themselves.",                                                      \
      "stop that program (ss -ulpn 'sport = 5353' names it), or let it share the port")            \
    X(NAT_NOMAP,                                                                                   \
      "behind a NAT, and no port is mapped",                                                       \
      "The gateway does not answer PCP or NAT-PMP, or refuses. Others cannot dial this node; it "  \
      "dials them, and links stay open.",                                                          \
      "switch NAT-PMP or PCP on at the gateway, or forward UDP and TCP of our port to here")       \
    X(NAT_DOUBLE,                                                                                  \
      "behind another NAT",                                                                        \
      "The gateway maps our port, but its own outer address is a private one: behind it is one "   \
      "more NAT that nobody asked.",                                                               \
      "put the gateway into bridge mode, or forward our port on the outer one too")                \
    X(NAT_CGNAT,                                                                                   \
      "behind the NAT of the provider",                                                            \
      "The gateway's outer address is of 100.64.0.0/10 (RFC 6598): the provider shares one "       \
      "address among customers. Others reach this node by punching only.",                         \
      "ask the provider for an address of your own, or use IPv6")                                  \
    X(NAT_SYMMETRIC,                                                                               \
      "the NAT gives another port to each peer",                                                   \
      "Peers see us at different ports. Nobody can be told where to reach us, and punching does "  \
      "not work with others like us.",                                                             \
      "switch NAT-PMP or PCP on at the gateway, or use IPv6")                                      \
    X(UNREACHABLE,                                                                                 \
      "others cannot dial this node",                                                              \
      "A peer we had no link with tried the address and did not get through.",                     \
      "let UDP and TCP of our port in: at the firewall of this machine, and at the gateway")       \
    X(NO_PEERS,                                                                                    \
      "no link with anybody",                                                                      \
      "None of those this node was told of, or remembers, is linked with it.",                     \
      "see what is said of each; tally peers shows them all")                                      \
    X(ALONE,                                                                                       \
      "nobody to begin with",                                                                      \
      "No peer was named, none is remembered, none was found.",                                    \
      "start a second node on this LAN, or name one with --peer or --bootstrap")                   \
    X(PEER_IDENTITY,                                                                               \
      "another node answers than the one that was named",                                          \
      "At the address of a peer answers a node of another key. It made a new key, or the address " \
      "is somebody else's now.",                                                                   \
      "correct the id after /p2p/, or the address")                                                \
    X(PEER_SILENT,                                                                                 \
      "a peer that was named does not answer",                                                     \
      "Nothing came back from its address.",                                                       \
      "check that it runs, and that its UDP port is open to us")                                   \
    X(PEER_REFUSED,                                                                                \
      "no link with a peer that was named",                                                        \
      "It answers, but there is no link; the reason is told.",                                     \
      "check that both run the same version, and the same --network")                              \
    X(NAME,                                                                                        \
      "a name is not known to DNS",                                                                \
      "The name of a --bootstrap has no address, or DNS does not answer.",                         \
      "check the name, and the servers in /etc/resolv.conf")                                       \
    X(DOMAIN,                                                                                      \
      "a domain names no nodes",                                                                   \
      "DNS has neither _tally._udp nor _vaultmesh._tcp (SRV) nor _dnsaddr (TXT) records below "    \
      "the domain, or does not answer.",                                                           \
      "check the domain, and the servers in /etc/resolv.conf")
/* clang-format on */

enum finding_code {
#define X(name, title, meaning, remedy) FINDING_##name,
    FINDINGS(X)
#undef X
        FINDING_CODES
};

enum { FINDING_TEXT_MAX = 640, FINDINGS_MAX = 64 };

/* One thing that is not as it should be. */
struct finding {
    enum finding_code code;
    bool urgent; /* Something must be done; else the node works, but worse than it should. */
    char sentence[FINDING_TEXT_MAX];
    char remedy[FINDING_TEXT_MAX];
};

/* In the order they were found; more than FINDINGS_MAX are left out. */
struct findings {
    struct finding list[FINDINGS_MAX];
    size_t count;
};

/* Adds one, its remedy from the table; the sentence is cut rather than too long. NULL if the list
   is full. */
__attribute__((format(printf, 4, 5))) struct finding *findings_add(struct findings *findings,
                                                                   enum finding_code code,
                                                                   bool urgent, const char *format,
                                                                   ...);

/* How many are urgent; the first of a code, or NULL. */
size_t findings_urgent(const struct findings *findings);
const struct finding *findings_find(const struct findings *findings, enum finding_code code);

/* "E_NAT_NOMAP"; and back, false if there is no such code. */
const char *finding_name(enum finding_code code);
bool finding_read(const char *name, enum finding_code *code);
const char *finding_title(enum finding_code code);
const char *finding_meaning(enum finding_code code);
const char *finding_remedy(enum finding_code code);

#endif
