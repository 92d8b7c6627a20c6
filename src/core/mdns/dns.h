/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MDNS_DNS_H
#define MDNS_DNS_H
/*
 * DNS messages (RFC 1035 section 4.1, with RFC 6762's two bits in the class), as much of them as
 * mDNS needs. The reader takes anything apart that is of good form and refuses the rest at its
 * first fault; nothing is allocated, and no packet costs more than its bounds say.
 */
#include "tally/types.h"

enum {
    DNS_HEADER = 12,
    DNS_LABEL_MAX = 63,
    DNS_NAME_MAX = 255,  /* RFC 1035 section 2.3.4, with the length bytes and the root. */
    DNS_STEPS_MAX = 128, /* Labels and pointers of one name: 127 labels are the most there are. */
    DNS_QUESTIONS_MAX = 32, /* A browser of many services asks some ten at once. */
    DNS_RECORDS_MAX = 128,  /* Of all sections; 9,000 bytes hold no more good ones of ours. */
    DNS_PLACES = 16,        /* Labels a writer can point back to. */
};

enum dns_type { DNS_A = 1, DNS_PTR = 12, DNS_TXT = 16, DNS_AAAA = 28, DNS_SRV = 33, DNS_ANY = 255 };
enum { DNS_CLASS_IN = 1, DNS_CLASS_ANY = 255 };
enum { DNS_FLAG_RESPONSE = 0x8000, DNS_FLAG_AUTHORITATIVE = 0x0400 };
enum { DNS_MASK_OPCODE = 0x7800, DNS_MASK_RCODE = 0x000f };

enum dns_section { DNS_QUESTIONS, DNS_ANSWERS, DNS_AUTHORITY, DNS_ADDITIONALS, DNS_SECTIONS };

/* A name as it stands on the wire without compression: labels behind their lengths, then 0. */
struct dns_name {
    uint8_t size; /* 1..DNS_NAME_MAX. */
    uint8_t bytes[DNS_NAME_MAX];
};

/* Of text such as "_p2p._udp.local", whose labels are 1..63 bytes without dots (an assertion). */
void dns_name_make(struct dns_name *name, const char *text);

/* A label in front of a name; both fit (an assertion). An empty rest is the root. */
void dns_name_join(struct dns_name *name, struct tally_bytes label, const char *rest);

/* Without regard to case (RFC 1035 section 2.3.3). */
bool dns_name_equal(const struct dns_name *a, const struct dns_name *b);

/* The first label, empty for the root, and whether `rest` is what follows it. */
struct tally_bytes dns_name_label(const struct dns_name *name);
bool dns_name_follows(const struct dns_name *name, const struct dns_name *rest);

/* ---- Reading. ---- */

struct dns_reader {
    const uint8_t *data;
    size_t size, at;
    bool bad; /* Once true, nothing more is read. */
};

struct dns_header {
    uint16_t id, flags;
    uint16_t counts[DNS_SECTIONS];
};

struct dns_question {
    struct dns_name name;
    uint16_t type, class; /* Without the top bit of the class, ... */
    bool unicast;         /* ... which asks for a unicast answer (RFC 6762 section 5.4). */
};

struct dns_record {
    struct dns_name name;
    uint16_t type, class; /* Without the top bit, which says to flush caches. */
    uint32_t ttl_s;
    struct tally_bytes data; /* A view into the packet. */
};

/* False if there is no header, or it announces more than the bounds above. */
bool dns_header_read(struct dns_reader *r, struct tally_bytes packet, struct dns_header *header);
bool dns_question_read(struct dns_reader *r, struct dns_question *question);
bool dns_record_read(struct dns_reader *r, struct dns_record *record);

/* The name that is the whole data of a PTR record read with `r`. */
bool dns_target_read(const struct dns_reader *r, const struct dns_record *record,
                     struct dns_name *target);

/* The next string of a TXT record's data, which it shortens; false at the end. A string that would
   pass the end is the end. */
bool dns_text_next(struct tally_bytes *data, struct tally_bytes *string);

/* ---- Writing. ---- */

struct dns_writer {
    uint8_t *data;
    size_t capacity, size;
    bool full;     /* Something did not fit. */
    bool compress; /* Names point back to equal ends of earlier ones. */
    uint16_t places[DNS_PLACES];
    size_t place_count;
};

/* The capacity is at least DNS_HEADER (an assertion). */
void dns_writer_init(struct dns_writer *w, uint8_t *data, size_t capacity, bool compress,
                     uint16_t id, uint16_t flags);
void dns_question_write(struct dns_writer *w, const struct dns_name *name, enum dns_type type);

/* A record of class IN: begin, its data, end, which takes what begin returned. A writer copied
   before all that undoes it when it is copied back: what did not fit is left out whole. */
size_t dns_record_begin(struct dns_writer *w, const struct dns_name *name, enum dns_type type,
                        uint32_t ttl_s);
void dns_record_end(struct dns_writer *w, enum dns_section section, size_t begun);
void dns_name_write(struct dns_writer *w, const struct dns_name *name);
void dns_u16_write(struct dns_writer *w, uint16_t value);
void dns_bytes_write(struct dns_writer *w, struct tally_bytes bytes);

/* What was written; empty if not all fitted. */
struct tally_bytes dns_writer_bytes(const struct dns_writer *w);

#endif
