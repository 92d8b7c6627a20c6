/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_ADVERSARY_H
#define SIM_ADVERSARY_H
/*
 * Liars with good keys. They run the production core too, over a disk that was forged under it:
 * what they sign is well formed and well signed, and not true. So they get as far as a liar can,
 * and honest nodes meet the lie behind every check of form.
 */
#include "world.h"

struct datagram;

/* The word of a story; false if there is no such lie. */
bool adversary_lie(const char *word, enum lie *lie);

/*
 * From now on the node lies (its process starts anew over the forged disk):
 *
 *   ahead N    its logs claim N more receipts, signed and chained, which it never serves
 *   root       its checkpoints are signed over a root that is not its receipts'
 *   fork N     it has two faces over one past: each half of the world sees N other new receipts
 *              (one more in the second half if N is odd: two sizes)
 *   gap        its logs hold one receipt it never serves, with others behind it
 *   forged N   its logs hold N more receipts, the last with a wrong signature below a good root
 *   silent     it answers datagrams, accepts streams and sends nothing on them
 *   collude    it answers as it should, but hears no answer of an honest node: so all it can
 *              name to those who ask are others that collude
 *   rewind N   its disk comes back from a copy that lacks the last N of its receipts
 *   rewrite N  the last N of its receipts become others, and the checkpoint is signed anew
 *   perjury    its log `federation` holds statements that are not true: agreements nobody made, and
 *              others than were offered
 *   flood N    beside each datagram it sends N of one byte changed, cut short, or grown
 *   replay N   beside each datagram it sends N that it sent before, half of them to others
 *   spoof N    beside each datagram it sends N that it sent before, from other nodes' addresses
 *   revoked-user N   its disk forgets that its key was revoked, and it hears of it from nobody; its
 *              log has N more receipts
 *   half-open N  whomever it sends a datagram it dials too, up to N streams at a time to all, and
 *              says nothing on them
 *   garbled    on streams it writes other bytes than its protocol says
 *
 * False if the world has no room for another face.
 */
bool adversary_begin(struct world *world, uint32_t slot, enum lie lie, uint32_t count);

/* What its lies are made of: a log of its own, which is made if it has none; one more receipt; a
   checkpoint over all that the log has. */
struct disk_log *adversary_log(struct disk *disk, const char *name_space);
void adversary_receipt(struct world *world, struct slot *at, struct disk_log *log, const char *type,
                       struct tally_bytes body);
void adversary_note(struct slot *at, struct disk_log *log);
void adversary_perjure(struct world *world, uint32_t slot);

/* Whether one that colludes, or whose key is revoked, does not hear this datagram. */
bool adversary_deaf(const struct world *world, uint32_t slot, const struct datagram *datagram);

/* What such a liar does beside a datagram it sends, and instead of a write. */
void adversary_sends(struct world *world, uint32_t slot, const struct tally_address *to,
                     struct tally_bytes bytes);
void adversary_dials(struct world *world, uint32_t slot, const struct tally_address *to);
void adversary_garbles(struct world *world, uint32_t slot, uint32_t stream,
                       struct tally_bytes bytes);

#endif
