/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MDNS_CARD_H
#define MDNS_CARD_H
/*
 * What a libp2p node says of itself by mDNS, as bytes: the one layout that js, go and rust all
 * accept is written, the layouts of all three are read (libp2p chapter, section 12).
 *
 *     answers      PTR  _p2p._udp.local -> LABEL._p2p._udp.local
 *     additionals  SRV  LABEL._p2p._udp.local  0 0 PORT LABEL.local
 *                  TXT  LABEL._p2p._udp.local  dnsaddr=/ip4/A/tcp/N/p2p/ID … tally=udp/N
 *                  A, AAAA  LABEL.local
 */
#include "core/mdns/dns.h"
#include "tally/error.h"
#include "tally/limits.h"

enum {
    CARD_TTL_S = 360,       /* What others keep it for; ours end with the link, not with this. */
    CARD_LEGACY_TTL_S = 10, /* RFC 6762 section 6.7: for those who do not know mDNS. */
    CARD_ADDRESSES_MAX = 5, /* IPv6 at its longest: 1,237 bytes of TALLY_MDNS_PACKET_MAX. */
    CARD_LABEL = 36,        /* Of ours; libp2p asks for 32 to 63 of [a-z0-9]. */
    CARD_HEARD_MAX = 8,     /* Addresses taken from others. */
};

#define CARD_SERVICE  "_p2p._udp.local"
#define CARD_SERVICES "_services._dns-sd._udp.local" /* RFC 6763 section 9. */

/* What somebody asked for, as bits, in the order in which it is answered: js takes the last PTR. */
enum {
    CARD_ASKED_SERVICES = 1,
    CARD_ASKED_SERVICE = 2, /* The layout above; the others are answers without company. */
    CARD_ASKED_SRV = 4,
    CARD_ASKED_TXT = 8,
    CARD_ASKED_A = 16,
    CARD_ASKED_AAAA = 32,
};

struct card {
    uint8_t label[DNS_LABEL_MAX];
    uint8_t label_size;
    struct tally_key key;
    uint16_t service_port;                              /* Of SRV. */
    uint16_t udp_port;                                  /* Of datagrams; 0: no Tally node. */
    struct tally_address addresses[CARD_ADDRESSES_MAX]; /* TCP. */
    size_t count;
};

/* One that asked from a port other than 5353 is answered as by a common server: with its id, its
   question, short times to live (RFC 6762 section 6.7). */
struct card_legacy {
    uint16_t id;
    const struct dns_question *question;
};

/* A response with what was asked; `legacy` may be NULL. Bytes written, all fit (an assertion). */
size_t card_write(const struct card *card, unsigned asked, uint32_t ttl_s,
                  const struct card_legacy *legacy, uint8_t packet[TALLY_MDNS_PACKET_MAX]);

/* Which of the bits a question asks for, of this card. */
unsigned card_asked(const struct card *card, const struct dns_question *question);

/* Which of the bits a record of a query shows to be known: with half of its time at least (RFC 6762
   section 7.1). `r` read the record. */
unsigned card_known(const struct card *card, const struct dns_reader *r,
                    const struct dns_record *record);

/* ---- Others'. ---- */

/* One instance of the service, with what its packet says of it. */
struct card_heard {
    bool any; /* False: the packet is about other things. */
    uint8_t label[DNS_LABEL_MAX];
    uint8_t label_size;
    bool bare;      /* The name is the label alone, as rust's. */
    uint32_t ttl_s; /* 0: it leaves. */
    bool has_key;   /* Of Ed25519, from the dnsaddr texts. */
    struct tally_key key;
    uint16_t udp_port;                              /* 0: not a Tally node. */
    struct tally_address addresses[CARD_HEARD_MAX]; /* TCP. */
    size_t count;
};

/* Reads the records of a response, behind its questions. NONE, or MALFORMED: not DNS, two
   instances, or two ids in one packet. */
enum tally_drop card_read(struct dns_reader *r, const struct dns_header *header,
                          struct card_heard *heard);

#endif
