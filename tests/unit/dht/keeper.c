/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper.h"

#include "core/base/bytes.h"
#include "core/wire/derive.h"

#include "support/cmocka.h"

void keeper_init(struct keeper *keeper, const struct values_options *sizes)
{
    struct values_options options = *sizes;
    *keeper = (struct keeper){.random.state = 5};
    options.key.bytes[0] = 9;
    options.secret = people_secret(&keeper->random);
    derive_network_tag(bytes_text("tally"), options.network);
    assert_true(values_new(&keeper->values, &options));
    keeper->verifier = people_verifier(people_now(0));
}

enum tally_drop keeper_put(struct keeper *keeper, const struct person *from,
                           struct tally_bytes record)
{
    const struct values_asker asker = {&from->key, &from->address};
    struct tally_now now = people_now(keeper->ms);
    enum tally_drop drop = values_put(&keeper->values, now, &keeper->verifier, &asker, record,
                                      &keeper->answer, &keeper->news);
    assert_true(values_holds(&keeper->values, now));
    return drop;
}

enum tally_drop keeper_extend(struct keeper *keeper, const struct person *from,
                              const uint8_t ticket[PENDING_TICKET], const struct tally_hash *hashes,
                              size_t count)
{
    const struct values_asker asker = {&from->key, &from->address};
    struct tally_now now = people_now(keeper->ms);
    struct tally_extend message = {.hashes = bytes_of(hashes, count * sizeof *hashes)};
    memcpy(message.ticket, ticket, sizeof message.ticket);
    enum tally_drop drop =
        values_extend(&keeper->values, now, &asker, &message, &keeper->answer, &keeper->news);
    assert_true(values_holds(&keeper->values, now));
    return drop;
}

struct book book_of(struct person *issuer, const char *name_space, uint64_t size, uint64_t salt)
{
    struct book book = {issuer, name_space, logs_tree_new(size), {0}, {{0}}};
    char origin[TALLY_ORIGIN_MAX + 1];
    for (uint64_t i = 0; i < size; i++) {
        struct tally_hash leaf;
        logs_leaf(i + salt, &leaf);
        logs_tree_add(book.tree, &leaf);
    }
    book.ledger = logs_tree_ledger(book.tree);
    size_t written = tally_origin_write(&issuer->key, bytes_text(name_space), origin);
    tally_origin_hash(bytes_of(origin, written), &book.origin);
    return book;
}

void announcement_init(struct announcement *announcement, const struct book *book, uint64_t size,
                       const struct tally_hash *root)
{
    char origin[TALLY_ORIGIN_MAX + 1];
    struct tally_vkey vkey;
    size_t written = tally_origin_write(&book->issuer->key, bytes_text(book->name_space), origin);
    const struct tally_checkpoint checkpoint = {
        .origin = bytes_of(origin, written), .size = size, .root = *root};
    assert_true(tally_vkey_init(&vkey, checkpoint.origin, TALLY_VKEY_LOG, &book->issuer->key));
    *announcement =
        (struct announcement){.message = {.wall_ms = (uint64_t)people_now(0).wall.us / 1000,
                                          .log_key = book->issuer->key,
                                          .size_to = size}};
    uint8_t network[DERIVE_TAG];
    size_t note_size =
        tally_checkpoint_sign(&checkpoint, &vkey, &book->issuer->crypto, announcement->note);
    announcement->message.checkpoint = bytes_of(announcement->note, note_size);
    derive_network_tag(bytes_text("tally"), network);
    derive_namespace_tag(network, bytes_text(book->name_space), announcement->message.name_space);
}

struct tally_bytes announcement_write(const struct announcement *announcement,
                                      struct person *issuer, uint8_t *bytes)
{
    uint8_t body[TALLY_SIGNED_BODY_MAX];
    struct wire_writer w;
    wire_writer_init(&w, body, sizeof body);
    tally_announce_write(&announcement->message, &w);
    return person_write(issuer, TALLY_KIND_ANNOUNCE, wire_writer_bytes(&w), bytes);
}

struct tally_bytes book_announce(const struct book *book, uint64_t size, uint8_t *bytes)
{
    const struct tree tree = {&book->ledger, &book->origin};
    struct announcement announcement;
    struct tally_hash root;
    assert_true(tree_root(&tree, size, &root));
    announcement_init(&announcement, book, size, &root);
    return announcement_write(&announcement, book->issuer, bytes);
}

bool keeper_has(struct keeper *keeper, const struct book *book, struct tally_bytes record)
{
    return bytes_equal(values_find(&keeper->values, people_now(keeper->ms), &book->origin, NULL),
                       record);
}
