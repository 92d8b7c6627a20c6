/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIBP2P_IDENTIFY_H
#define LIBP2P_IDENTIFY_H
/*
 * identify and its push (libp2p chapter, section 9), with the signed peer record inside (section
 * 10): what a peer says of itself. Hints all of it; its key is the one that Noise proved.
 */
#include "tally/error.h"
#include "tally/types.h"
#include "tally/windows.h"

enum {
    IDENTIFY_OUT_MAX = 4096,    /* rust refuses more. */
    IDENTIFY_IN_MAX = 8192,     /* A message; go and js send up to this ... */
    IDENTIFY_MESSAGES_MAX = 10, /* ... and up to so many on a stream. */
    IDENTIFY_ADDRESSES_MAX = 8,
    IDENTIFY_AGENT_MAX = 64,
    IDENTIFY_PROTOCOLS_MAX = 32, /* Of ours, for the bits of `protocols`. */
};

struct identify_own {
    const struct tally_key *key;
    const struct tally_address *listen; /* TCP; those that this peer may hear of. */
    size_t listen_count;
    const char *(*protocol)(const void *context, unsigned i); /* NULL past the last. */
    const void *context;
    struct tally_address observed; /* The peer, as we see it. */
    const char *agent;
};

/* Writes the message behind its length; bytes written. Addresses are left out first if it would be
   above IDENTIFY_OUT_MAX; 0 if even that is too long. out has room for that and two bytes. */
size_t identify_write(const struct identify_own *own, uint8_t *out);

/* The state of what a peer said: merged from messages. Begin with all zero. */
struct identify {
    char agent[IDENTIFY_AGENT_MAX + 1];
    bool has_observed;
    struct tally_address observed;
    struct tally_address addresses[IDENTIFY_ADDRESSES_MAX];
    size_t address_count;
    uint32_t protocols;                    /* Bits of the list that was given to identify_read. */
    bool fresh_addresses, fresh_protocols; /* The next of these replaces what an older one said. */
    bool recorded; /* Addresses come from a signed record, the later ones not. */
    uint64_t record_seq;
};

/* Before the first message of a stream: its lists replace older ones, missing fields stay. */
void identify_begin(struct identify *identify);

/* Merges one message. MALFORMED: not protobuf;
   IDENTITY: it names another key than peer. Nothing changed then. */
enum tally_drop identify_read(struct tally_bytes message, const struct tally_key *peer,
                              const struct tally_crypto *crypto, const char *const *protocols,
                              size_t protocol_count, struct identify *identify);

#endif
