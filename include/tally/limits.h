/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_LIMITS_H
#define TALLY_LIMITS_H
/*
 * Every bound in the system, each with its reason. Sizes are bytes, counts are items, _MS are
 * milliseconds. A refusal names the limit. Sources: protocols, log and libp2p chapters of docs/.
 */
enum {
    /* Receipts and logs. */
    TALLY_ENVELOPE_MAX = 1024,    /* A 16-bit length in entry bundles; proofs stay small. */
    TALLY_BODY_MAX = 16 << 20,    /* One body fits memory of a small machine. */
    TALLY_BODY_INLINE_MAX = 4096, /* Larger bodies are fetched one by one, not in packages. */
    TALLY_NAMESPACE_MAX = 64,     /* Origins stay below 255 with a did:key in front. */
    TALLY_TYPE_MAX = 64,
    TALLY_PROFILE_MAX = 32,
    TALLY_REFERENCES_MAX = 8,
    TALLY_ORIGIN_MAX = 255,     /* ML-DSA cosignatures have a one-byte length. */
    TALLY_NOTE_MAX = 64 << 10,  /* C2SP signed-note: we read up to this. */
    TALLY_NOTE_LINES_MAX = 64,  /* C2SP asks for at least 16 signatures. */
    TALLY_CHECKPOINT_MAX = 680, /* One signature at a 255-byte origin, in an announce. */
    TALLY_PROOF_MAX = 63,       /* Hashes: sizes fit 63 bits. */
    TALLY_TILE_WIDTH = 256,     /* C2SP tlog-tiles. */
    TALLY_LOGS_MAX = 1024,      /* Logs held by one node; 1 kB each in the core. */
    TALLY_PARTIES_MAX = 1024,   /* Keys that statements speak of: as many as peers are known. */
    TALLY_PAIRS_MAX = 256,      /* Parties a node negotiates with: 2.5 kB each in the core. */
    TALLY_SUITORS_MAX = 64,     /* Of these, such as it never said a word to. */
    TALLY_REVOKED_MAX = 512,    /* Revocations kept; 3 kB each, once they are there. */
    TALLY_OWN_LOGS_MAX = 64,    /* Namespaces a node writes in; 3 kB each in the core. */

    /* Sealing: what comes first. */
    TALLY_SEAL_RECEIPTS = 4096,  /* As many as one batch of the store. */
    TALLY_SEAL_MS = 1000,        /* An announce a log each 2 s at most, so faster is unseen. */
    TALLY_SEAL_QUIET_MS = 60000, /* What only tells of transfers: a peer is told once in this time,
                                    and each seal goes to all who hold the log. */
    TALLY_PENDING_MAX = 16384,   /* Own receipts that are durable but not sealed. */

    /* Witnessing (log chapter 5). */
    TALLY_WITNESSED_MAX = 1024,   /* Logs we cosign for: as many as a node holds. */
    TALLY_WITNESSES_MAX = 16,     /* Parties asked to cosign: a note is read with 16 signatures. */
    TALLY_WITNESS_GAP_MS = 10000, /* Rounds of a log: what is sealed in between goes together. */
    TALLY_WITNESS_CYCLE_MS = 3600000, /* Samples of a witnessed log, unless another
                                         time was agreed on. */

    /* Datagrams. */
    TALLY_DATAGRAM_MAX = 1200,      /* IPv6's least MTU less headers, as QUIC rounds it. */
    TALLY_DATAGRAM_MIN = 43,        /* Version, kind, sender, shortest numbers, tag. */
    TALLY_RECORD_MAX = 1100,        /* So that relay, 79 bytes round it, fits a datagram. */
    TALLY_SIGNED_BODY_MAX = 979,    /* 1,100 less the overhead of a record, 121. */
    TALLY_LINKS_MAX = 64,           /* protocols 4.1. */
    TALLY_COOKIE_MS = 60000,        /* Key redrawn; the one before stays valid. */
    TALLY_REPLAY_WINDOW = 2048,     /* Counters; 1.3 s of reordering at 1,600 a second. */
    TALLY_LINK_RATE = 200,          /* Datagrams a second a link; burst twice that. */
    TALLY_TAG_RATE = 100000,        /* Tag checks a second: a tenth of a core. */
    TALLY_VERIFY_RATE = 2000,       /* Datagram signatures a second: a quarter of a core. */
    TALLY_HELLO_RATE = 500,         /* Hellos with a good cookie a second in all. */
    TALLY_HELLO_PREFIX_RATE = 50,   /* The same for a /24 or /48. */
    TALLY_SEEN_MAX = 65536,         /* Record ids a generation, two generations. */
    TALLY_LINK_SILENCE_MS = 180000, /* A link ends after this silence. */
    TALLY_DRIFT_MS = 300000,        /* A datagram from further ahead is dropped. */
    TALLY_HEARTBEAT_MS = 5000,      /* Interval, +- 20 %: with news, ... */
    TALLY_HEARTBEAT_MAX_MS = 20000, /* ... and without. NATs forget after 30 s of silence. */
    TALLY_ANNOUNCE_MS = 2000,       /* One announce a log in this time. */
    TALLY_PEERS_MAX = 1024,         /* Peers known by key, DHT contacts too; 64 in the mesh. */
    TALLY_ADDRESSES_MAX = 8,        /* Addresses a peer. */
    TALLY_NAMESPACES_MAX = 32,      /* Namespaces followed, told in hello and welcome. */
    TALLY_DOMAIN_MAX = 253,         /* RFC 1035 section 2.3.4, as text. */
    TALLY_MDNS_PACKET_MAX = 1400,   /* Of ours: below Ethernet's MTU with any tunnel in between. */
    TALLY_MDNS_READ_MAX = 9000,     /* RFC 6762 section 17: what others may send. */

    /* Port mapping (protocols 7.1). */
    TALLY_LEASE_S = 7200,       /* Asked for; RFC 6886 section 3.3 recommends it. */
    TALLY_LEASE_MOST_S = 86400, /* A longer one counts as this: RFC 6887 section 15. */
    TALLY_LEASE_TRY_MS = 250,   /* Silence after a request; doubling. */
    TALLY_LEASE_TRIES = 4,      /* 3.75 s; RFC 6886 section 3.1 goes on to 64 s. */
    TALLY_LEASE_PCP_TRIES = 2,  /* Before NAT-PMP is tried: older gateways are silent to PCP. */
    TALLY_LEASE_PAUSE_MS = 15 * 60 * 1000, /* Without a gateway; a change of links ends it. */
    TALLY_LEASE_GIVE_BACK_MS = 1000,       /* At the end: the host exits then anyhow. */
    TALLY_MAPS_MAX = 16, /* MAP without MAPPED at a time: 2 families, each 4 and 2 given back. */

    /* Streams (libp2p chapter, limits and timeouts). */
    TALLY_CONNECTIONS_MAX = 64, /* Secured or being secured. */
    TALLY_CONNECTIONS_PER_PEER = 4,
    TALLY_HALF_OPEN_MAX = 16, /* Upgrades under way: each costs 0.3 ms of a core. */
    TALLY_HALF_OPEN_PER_PREFIX = 8,
    TALLY_STREAMS_IN_MAX = 64, /* Streams a peer may hold open on a connection. */
    TALLY_STREAMS_OUT_MAX = 32,
    TALLY_UPGRADE_MS = 10000,
    TALLY_NEGOTIATE_MS = 10000,
    TALLY_STREAM_BYTES_MAX = 256 << 10, /* One read of a host: four Noise frames. */
    TALLY_FRAME_MAX = 60 << 10,         /* One frame is one yamux and one Noise frame. */

    /* Transfer (protocols 9.2). */
    TALLY_PACKAGE_MAX = 256 * (TALLY_BODY_INLINE_MAX + 480) + 2048, /* A compact one, greatest. */
    TALLY_WANT_MAX = 4 << 20,                                       /* Bytes a want may ask for. */
    TALLY_WANTS_MAX = 64, /* Wants open at a time, a stream. */
};

#endif
