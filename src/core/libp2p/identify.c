/* SPDX-License-Identifier: Apache-2.0 */
#include "core/libp2p/identify.h"

#include "core/address/multiaddr.h"
#include "core/address/proto.h"
#include "core/address/varint.h"
#include "core/base/bytes.h"
#include "core/libp2p/record.h"

/* Field numbers of Identify. */
enum {
    PUBLIC_KEY = 1,
    LISTEN = 2,
    PROTOCOL = 3,
    OBSERVED = 4,
    PROTOCOL_VERSION = 5,
    AGENT = 6,
    RECORD = 8,
};

#define VERSION_TEXT "tally/1.0.0"

static void put_address(struct proto_writer *writer, uint32_t number,
                        const struct tally_address *address)
{
    struct multiaddr binary;
    multiaddr_write(address, MULTIADDR_TCP, NULL, &binary);
    proto_put_bytes(writer, number, bytes_of(binary.bytes, binary.size));
}

static bool write_message(const struct identify_own *own, size_t addresses,
                          struct proto_writer *writer)
{
    uint8_t key[PUBLIC_KEY_ED25519];
    const char *protocol;
    public_key_write(own->key, key);
    proto_put_bytes(writer, PUBLIC_KEY, bytes_of(key, sizeof key));
    for (size_t i = 0; i < addresses; i++)
        put_address(writer, LISTEN, &own->listen[i]);
    for (unsigned i = 0; (protocol = own->protocol(own->context, i)) != NULL; i++)
        proto_put_bytes(writer, PROTOCOL, bytes_text(protocol));
    put_address(writer, OBSERVED, &own->observed);
    proto_put_bytes(writer, PROTOCOL_VERSION, bytes_text(VERSION_TEXT));
    proto_put_bytes(writer, AGENT, bytes_text(own->agent));
    return !writer->full;
}

size_t identify_write(const struct identify_own *own, uint8_t *out)
{
    for (size_t addresses = own->listen_count;; addresses--) {
        /* Behind two bytes of length, the most there can be; the message is moved if one will do.
         */
        struct proto_writer writer = {.out = out + 2, .capacity = IDENTIFY_OUT_MAX};
        if (write_message(own, addresses, &writer)) {
            size_t head = varint_write(writer.size, out);
            if (head == 1)
                memmove(out + 1, out + 2, writer.size);
            return head + writer.size;
        }
        if (addresses == 0)
            return 0;
    }
}

void identify_begin(struct identify *identify)
{
    identify->fresh_addresses = identify->fresh_protocols = true;
    identify->recorded = false;
}

static bool tcp_address(struct tally_bytes multiaddr, struct tally_address *address)
{
    struct multiaddr_target target;
    if (!multiaddr_target(multiaddr, &target) || target.transport != MULTIADDR_TCP ||
        target.name.size > 0)
        return false;
    *address = target.address;
    return true;
}

static void add_address(struct identify *identify, struct tally_bytes multiaddr)
{
    struct tally_address address;
    /* What cannot be read is dropped alone: the message stays. */
    if (identify->address_count == IDENTIFY_ADDRESSES_MAX || !tcp_address(multiaddr, &address))
        return;
    for (size_t i = 0; i < identify->address_count; i++)
        if (address_equal(&identify->addresses[i], &address))
            return;
    identify->addresses[identify->address_count++] = address;
}

static void on_listen(struct identify *identify, struct tally_bytes multiaddr)
{
    if (identify->recorded)
        return;
    if (identify->fresh_addresses)
        identify->address_count = 0;
    identify->fresh_addresses = false;
    add_address(identify, multiaddr);
}

/* A record that is signed, and newer than the last, has the last word on addresses. */
static void on_record(struct identify *identify, struct tally_bytes envelope,
                      const struct tally_key *peer, const struct tally_crypto *crypto)
{
    struct record record;
    struct tally_bytes multiaddr;
    size_t at = 0;
    if (record_open(envelope, peer, crypto, &record) != TALLY_DROP_NONE ||
        record.seq <= identify->record_seq)
        return;
    identify->record_seq = record.seq;
    identify->recorded = true;
    identify->fresh_addresses = false;
    identify->address_count = 0;
    while (record_address(&record, &at, &multiaddr))
        add_address(identify, multiaddr);
}

static void on_protocol(struct identify *identify, struct tally_bytes id,
                        const char *const *protocols, size_t count)
{
    if (identify->fresh_protocols)
        identify->protocols = 0;
    identify->fresh_protocols = false;
    for (size_t i = 0; i < count && i < IDENTIFY_PROTOCOLS_MAX; i++)
        if (bytes_equal(id, bytes_text(protocols[i])))
            identify->protocols |= UINT32_C(1) << i;
}

/* For logs: printable, and short. */
static void on_agent(struct identify *identify, struct tally_bytes agent)
{
    size_t size = agent.size < IDENTIFY_AGENT_MAX ? agent.size : IDENTIFY_AGENT_MAX;
    for (size_t i = 0; i < size; i++)
        identify->agent[i] =
            agent.data[i] >= ' ' && agent.data[i] < 0x7f ? (char)agent.data[i] : '?';
    identify->agent[size] = '\0';
}

static bool names_another(struct tally_bytes message, const struct tally_key *peer, bool *whole)
{
    struct proto_reader reader = proto_reader_of(message);
    struct proto_field field;
    uint8_t key[PUBLIC_KEY_ED25519];
    bool another = false;
    public_key_write(peer, key);
    while (proto_next(&reader, &field))
        if (field.number == PUBLIC_KEY && field.wire == PROTO_BYTES)
            another = !bytes_equal(field.bytes, bytes_of(key, sizeof key));
    *whole = proto_done(&reader);
    return another;
}

enum tally_drop identify_read(struct tally_bytes message, const struct tally_key *peer,
                              const struct tally_crypto *crypto, const char *const *protocols,
                              size_t protocol_count, struct identify *identify)
{
    struct proto_reader reader = proto_reader_of(message);
    struct proto_field field;
    bool whole, another = names_another(message, peer, &whole);
    if (!whole)
        return TALLY_DROP_MALFORMED;
    if (another)
        return TALLY_DROP_IDENTITY;
    while (proto_next(&reader, &field)) {
        if (field.wire != PROTO_BYTES)
            continue;
        if (field.number == LISTEN)
            on_listen(identify, field.bytes);
        else if (field.number == PROTOCOL)
            on_protocol(identify, field.bytes, protocols, protocol_count);
        else if (field.number == OBSERVED)
            identify->has_observed |= tcp_address(field.bytes, &identify->observed);
        else if (field.number == AGENT)
            on_agent(identify, field.bytes);
        else if (field.number == RECORD)
            on_record(identify, field.bytes, peer, crypto);
    }
    return TALLY_DROP_NONE;
}
