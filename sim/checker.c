/* SPDX-License-Identifier: Apache-2.0 */
#include "checker.h"
#include "checker_inside.h"
#include "core/base/bytes.h"
#include "memory.h"
#include "world.h"
#include <inttypes.h>
#include <stdio.h>

const char *check_name(enum check check)
{
    static const char *const names[] = {
#define X(name, text) #name,
        CHECKS(X)
#undef X
    };
    return names[check];
}

const char *check_text(enum check check)
{
    static const char *const texts[] = {
#define X(name, text) text,
        CHECKS(X)
#undef X
    };
    return texts[check];
}

void checker_init(struct checker *checker)
{
    memset(checker, 0, sizeof *checker);
    checker->every = 1;
}

void checker_free(struct checker *checker)
{
    for (size_t i = 0; i < checker->log_count; i++) {
        simtree_free(&checker->logs[i].tree);
        memory_free(checker->logs[i].receipts);
    }
    memory_free(checker->logs);
    memory_free(checker->places);
    memory_free(checker->promises);
    memory_free(checker->accounts.items);
    memory_free(checker->counters[0].marks);
    memory_free(checker->counters[1].marks);
    memory_free(checker->epochs);
    memory_free(checker->frozen);
    memory_free(checker->revoked);
}

void checker_expect(struct checker *checker, const struct world *world, uint32_t slot, bool holds,
                    enum check check)
{
    checker->checks++;
    if (holds || checker->broken)
        return;
    checker->broken = true;
    checker->check = check;
    snprintf(checker->message, sizeof checker->message,
             "at %" PRIu64 ".%06" PRIu64 " n%u: %s: it does not hold that %s",
             world->now_us / 1000000, world->now_us % 1000000, slot + 1, check_name(check),
             check_text(check));
}

/* ---- Datagrams: sizes, unproved addresses, counters. ---- */

/* What a datagram says of itself, read without the core (protocols 2.1). */
struct head {
    unsigned kind;
    uint64_t epoch, counter;
    bool tagged;
    const uint8_t *sender;
};

/* A MessagePack unsigned integer; false if it is none or cut off. */
static bool number_read(const uint8_t **at, const uint8_t *end, uint64_t *number)
{
    if (*at >= end)
        return false;
    uint8_t first = *(*at)++;
    if (first < 0x80) {
        *number = first;
        return true;
    }
    if (first < 0xcc || first > 0xcf)
        return false;
    size_t size = (size_t)1 << (first - 0xcc);
    if ((size_t)(end - *at) < size)
        return false;
    for (*number = 0; size > 0; size--)
        *number = *number << 8 | *(*at)++;
    return true;
}

static bool head_read(struct tally_bytes bytes, struct head *head)
{
    const uint8_t *at = bytes.data, *end = at + bytes.size;
    if (bytes.size < TALLY_DATAGRAM_MIN || at[0] != 0x98 || at[1] != 1 || at[3] != 0xc4 ||
        at[4] != 32)
        return false;
    head->kind = at[2];
    head->sender = at + 5;
    at += 37;
    if (!number_read(&at, end, &head->epoch) || !number_read(&at, end, &head->counter) || at >= end)
        return false;
    head->tagged = *at == 0xc4;
    return true;
}

static size_t spread(uint64_t key)
{
    key = (key ^ key >> 30) * 0xbf58476d1ce4e5b9;
    return (size_t)(key ^ key >> 31);
}

static struct checker_account *account_place(struct checker_account *items, size_t capacity,
                                             uint32_t owner, const struct tally_address *address)
{
    size_t at = spread(be64_read(address->ip + 8) ^ (uint64_t)address->port << 48 ^
                       spread(be64_read(address->ip) ^ owner)) &
                (capacity - 1);
    while (items[at].owner != 0 &&
           (items[at].owner != owner || !address_equal(&items[at].address, address)))
        at = (at + 1) & (capacity - 1);
    return &items[at];
}

static struct checker_account *account_of(struct checker *checker, uint32_t slot,
                                          const struct tally_address *address)
{
    if (checker->accounts.count * 2 >= checker->accounts.capacity) {
        size_t capacity = checker->accounts.capacity > 0 ? checker->accounts.capacity * 2 : 256;
        struct checker_account *items = memory_new(capacity, sizeof *items);
        for (size_t i = 0; i < checker->accounts.capacity; i++) {
            const struct checker_account *old = &checker->accounts.items[i];
            if (old->owner != 0)
                *account_place(items, capacity, old->owner, &old->address) = *old;
        }
        memory_free(checker->accounts.items);
        checker->accounts.items = items;
        checker->accounts.capacity = capacity;
    }
    struct checker_account *account =
        account_place(checker->accounts.items, checker->accounts.capacity, slot + 1, address);
    checker->accounts.count += account->owner == 0;
    account->owner = slot + 1;
    account->address = *address;
    return account;
}

/* Whether an address is one of the wide network: all of the simulator's are IPv4. Its own list, and
   not the core's (RFC 1918, RFC 6598, RFC 3927, RFC 1122). */
static bool global(const struct tally_address *address)
{
    static const struct {
        uint32_t base;
        unsigned bits;
    } inner[] = {{0x0a000000, 8},  {0xac100000, 12}, {0xc0a80000, 16},
                 {0x64400000, 10}, {0xa9fe0000, 16}, {0x7f000000, 8}};
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (memcmp(address->ip, mapped, sizeof mapped) != 0)
        return (address->ip[0] & 0xe0) == 0x20; /* RFC 4291 section 2.4: 2000::/3. */
    for (size_t i = 0; i < sizeof inner / sizeof *inner; i++)
        if ((be32_read(address->ip + 12) ^ inner[i].base) >> (32 - inner[i].bits) == 0)
            return false;
    return true;
}

void checker_configured(struct checker *checker, uint32_t slot, const struct tally_address *address)
{
    if (!checker->light || !global(address))
        account_of(checker, slot, address)->proved = true;
}

/* Nothing goes to an inner address but on the subnet it is of; or to where the operator said, or
   from where something came, which then is this node's to answer. */
static void scope_check(struct checker *checker, const struct world *world, uint32_t slot,
                        const struct tally_address *to)
{
    if (global(to) || lan_attached(world, slot, to))
        return;
    const struct checker_account *account = account_of(checker, slot, to);
    checker_expect(checker, world, slot, account->proved || account->in > 0, CHECK_SCOPE);
}

/* Two generations of marks: a replay older than a million datagrams is not looked for. */
enum { COUNTERS_GENERATION = 1 << 20 };

static size_t counter_place(const uint64_t *marks, size_t capacity, uint64_t mark)
{
    size_t at = spread(mark) & (capacity - 1);
    while (marks[at] != 0 && marks[at] != mark)
        at = (at + 1) & (capacity - 1);
    return at;
}

bool checker_counter_take(struct checker *checker, uint64_t mark)
{
    for (unsigned i = 0; i < 2; i++)
        if (checker->counters[i].count > 0 &&
            checker->counters[i].marks[counter_place(checker->counters[i].marks,
                                                     checker->counters[i].capacity, mark)] == mark)
            return false;
    if (checker->counters[0].count >= COUNTERS_GENERATION) {
        memory_free(checker->counters[1].marks);
        checker->counters[1] = checker->counters[0];
        memset(&checker->counters[0], 0, sizeof checker->counters[0]);
    }
    if (checker->counters[0].count * 2 >= checker->counters[0].capacity) {
        size_t old = checker->counters[0].capacity, capacity = old > 0 ? old * 2 : 4096;
        uint64_t *marks = memory_new(capacity, sizeof *marks);
        for (size_t i = 0; i < old; i++)
            if (checker->counters[0].marks[i] != 0)
                marks[counter_place(marks, capacity, checker->counters[0].marks[i])] =
                    checker->counters[0].marks[i];
        memory_free(checker->counters[0].marks);
        checker->counters[0].marks = marks;
        checker->counters[0].capacity = capacity;
    }
    uint64_t *marks = checker->counters[0].marks;
    marks[counter_place(marks, checker->counters[0].capacity, mark)] = mark;
    checker->counters[0].count++;
    return true;
}

static uint64_t counter_mark(uint32_t slot, const struct head *head)
{
    uint64_t mark = be64_read(head->sender) ^ spread(slot + 1);
    mark = spread(mark ^ head->epoch * 0x9e3779b97f4a7c15);
    return (spread(mark ^ head->counter * 0xda942042e4dd58b5) << 1) | 1;
}

void checker_before(struct checker *checker, const struct world *world, uint32_t slot,
                    const struct tally_event *event)
{
    if (event->kind != TALLY_EVENT_DATAGRAM)
        return;
    if (!checker->light)
        checker->drops_before = tally_node_dropped(world->slots[slot].node);
    if (!checker->light || !global(&event->datagram.from))
        account_of(checker, slot, &event->datagram.from)->in += event->datagram.bytes.size;
}

/* A datagram that was not dropped was taken: its sender is where it says, its counter is used. */
static void on_taken(struct checker *checker, const struct world *world, uint32_t slot,
                     const struct tally_event *event)
{
    enum { KIND_HELLO = 1, KIND_COOKIE = 2 };
    struct head head;
    if (!head_read(event->datagram.bytes, &head) || (!head.tagged && head.kind != KIND_COOKIE) ||
        tally_node_dropped(world->slots[slot].node) != checker->drops_before)
        return;
    account_of(checker, slot, &event->datagram.from)->proved = true;
    if (!head.tagged) /* It brought back the nonce of our hello. */
        return;
    /* A hello stands outside the window: what it does is the same each time (protocols 2.3). */
    if (head.kind != KIND_HELLO)
        checker_expect(checker, world, slot,
                       checker_counter_take(checker, counter_mark(slot, &head)), CHECK_COUNTER);
}

void checker_after(struct checker *checker, const struct world *world, uint32_t slot,
                   const struct tally_event *event, uint64_t allocations)
{
    checker_expect(checker, world, slot, allocations == 0, CHECK_ALLOCATES);
    if (checker->steps++ % checker->every == 0)
        checker_expect(checker, world, slot, tally_node_holds(world->slots[slot].node),
                       CHECK_HOLDS);
    if (event->kind == TALLY_EVENT_DATAGRAM && !checker->light)
        on_taken(checker, world, slot, event);
}

void checker_forget(struct checker *checker, uint32_t slot)
{
    for (size_t i = 0; i < checker->accounts.capacity; i++)
        if (checker->accounts.items[i].owner == slot + 1)
            checker->accounts.items[i].hellos = 0;
}

/* Whom it was told of a node may greet, if it looks for others at all: three hellos in ten minutes
   (protocols 5.5, 7.4 rule 7), three more when a common peer introduces both (7.3), and three when
   somebody asks whether its own address is reached (7.2). */
static bool may_greet(struct checker_account *account, const struct world *world, uint32_t slot,
                      struct tally_bytes bytes)
{
    enum { KIND_HELLO = 1, HELLOS = 9, WINDOW_S = 600 };
    struct head head;
    enum tally_profile profile = world->slots[slot].profile;
    if (profile == TALLY_PROFILE_STATIC || profile == TALLY_PROFILE_OFFLINE ||
        bytes.size != TALLY_DATAGRAM_MAX || !head_read(bytes, &head) || head.kind != KIND_HELLO ||
        head.tagged)
        return false;
    if (account->hellos == 0 || world->now_us - account->since_us >= WINDOW_S * UINT64_C(1000000)) {
        account->hellos = 0;
        account->since_us = world->now_us;
    }
    return account->hellos++ < HELLOS;
}

static void on_send(struct checker *checker, const struct world *world, uint32_t slot,
                    const struct tally_action *action)
{
    size_t size = action->send.bytes.size;
    checker_expect(checker, world, slot, size <= TALLY_DATAGRAM_MAX, CHECK_DATAGRAM);
    scope_check(checker, world, slot, &action->send.to);
    if (checker->light)
        return;
    struct checker_account *account = account_of(checker, slot, &action->send.to);
    if (!account->proved && may_greet(account, world, slot, action->send.bytes))
        return;
    account->out += size;
    checker_expect(checker, world, slot, account->proved || account->out <= account->in,
                   CHECK_UNPROVED);
}

static void on_multicast(struct checker *checker, const struct world *world, uint32_t slot,
                         const struct tally_action *action)
{
    const struct tally_address *to = &action->multicast.to;
    bool group = to->ip[0] == 0xff || (to->ip[12] >= 224 && to->ip[12] <= 239);
    checker_expect(checker, world, slot, action->multicast.bytes.size <= TALLY_MDNS_PACKET_MAX,
                   CHECK_PACKET);
    /* To one host: it asked from its subnet, and the answer does not leave that. */
    checker_expect(checker, world, slot, group || lan_attached(world, slot, to), CHECK_SCOPE);
}

void checker_action(struct checker *checker, const struct world *world, uint32_t slot,
                    const struct tally_action *action)
{
    if (action->kind == TALLY_ACTION_SEND)
        on_send(checker, world, slot, action);
    else if (action->kind == TALLY_ACTION_DIAL)
        scope_check(checker, world, slot, &action->dial.to);
    else if (action->kind == TALLY_ACTION_MULTICAST)
        on_multicast(checker, world, slot, action);
    else if (action->kind == TALLY_ACTION_ANSWER)
        checker_answer(checker, world, slot, action);
}
