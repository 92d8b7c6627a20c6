/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole node. Two honest ones on disks in memory, and a peer with a good key that does what the
 * input says: it asks and answers inside a real Noise channel, with frames that are right but for
 * what the input bends, or are the input's own; besides, time passes, operations of the disk end
 * well, badly or late, streams break, datagrams come from anywhere. One of the honest two has the
 * profile auto, and interfaces, neighbours, a gateway and DNS that say what they like. After each
 * step the invariants hold and nothing was allocated; it writes to nobody who is near by chance;
 * after the run all that is durable verifies.
 *
 *     input = *( what u8, how u8, [ more ] )
 */
#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "core/libp2p/channel.h"
#include "core/sync/sync.h"
#include "disk_inside.h"
#include "memory.h"
#include "node_inside.h"
#include "node_logs.h"
#include "node_network.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    NODES = 2,
    EVIL = NODES, /* The number of the third party. */
    QUEUE = 4096,
    EVIL_STREAMS = 4,
    RECEIPTS = 300,
    FRAME_ROOM = TALLY_FRAME_MAX + SYNC_LENGTH_MAX,
};

struct party {
    struct signer signer;
    struct disk disk;
    struct tally_ledger ledger;
    struct tally_crypto crypto;
    struct tally_secret secret;
    struct random random;
    struct tally_address address;
    struct tally_node *node; /* NULL: the evil one. */
    enum tally_error refuse; /* Of the next APPENDs. */
};

/* One end of a stream of bytes, by the number that party gave it. */
struct end {
    unsigned party;
    uint32_t stream;
};

struct pipe_pair {
    struct end ends[2];
};

struct item {
    unsigned to;
    struct tally_event event;
    uint8_t *bytes;
};

static struct {
    struct provider provider;
    struct party parties[NODES + 1];
    struct pipe_pair pipes[64];
    unsigned pipe_count;
    struct item queue[QUEUE];
    unsigned queue_first, queue_count;
    struct tally_now now;
    struct random random;
    struct node_network network; /* Round the first node. */
    /* The evil one. */
    void *memory;
    struct channel *channel;
    uint32_t tcp;
    struct sync sync; /* Its honest half: what it would say if it were. */
    struct outbox out;
    struct tally_action actions[1024];
    uint8_t arena[2 * TALLY_STREAM_BYTES_MAX];
    uint32_t asked[EVIL_STREAMS]; /* Streams the node opened to it, by their channel numbers. */
    uint32_t opened;
    const uint8_t *data;
    size_t size;
} w;

static void must(bool holds)
{
    if (!holds)
        abort();
}

static uint8_t next_byte(void)
{
    if (w.size == 0)
        return 0;
    w.size--;
    return *w.data++;
}

static struct tally_bytes next_bytes(size_t most)
{
    size_t size = (size_t)next_byte() << 3;
    if (size > most)
        size = most;
    if (size > w.size)
        size = w.size;
    struct tally_bytes bytes = bytes_of(w.data, size);
    w.data += size;
    w.size -= size;
    return bytes;
}

static void draw(void *context, uint8_t *bytes, size_t size)
{
    struct party *party = context;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)random_next(&party->random);
}

/* ---- The world. ---- */

static void queue_put(unsigned to, const struct tally_event *event, struct tally_bytes bytes)
{
    if (w.queue_count == QUEUE)
        return; /* The network loses it, or the connection hangs. */
    struct item *item = &w.queue[(w.queue_first + w.queue_count++) % QUEUE];
    *item = (struct item){to, *event, bytes.size > 0 ? memory_copy(bytes.data, bytes.size) : NULL};
}

static struct end *other_end(unsigned party, uint32_t stream)
{
    for (unsigned i = 0; i < w.pipe_count; i++)
        for (unsigned side = 0; side < 2; side++)
            if (w.pipes[i].ends[side].party == party && w.pipes[i].ends[side].stream == stream)
                return &w.pipes[i].ends[1 - side];
    return NULL;
}

static void room_put(unsigned party, uint32_t stream, size_t room)
{
    struct tally_event event = {.kind = TALLY_EVENT_STREAM_ROOM};
    event.stream_room.stream = stream;
    event.stream_room.room = room;
    queue_put(party, &event, bytes_of(NULL, 0));
}

static void closed_put(unsigned party, uint32_t stream)
{
    struct end *other = other_end(party, stream);
    struct tally_event event = {.kind = TALLY_EVENT_STREAM_CLOSED};
    event.stream_closed.error = TALLY_CLOSED;
    event.stream_closed.stream = stream;
    queue_put(party, &event, bytes_of(NULL, 0));
    if (other == NULL || other->stream == 0)
        return;
    event.stream_closed.stream = other->stream;
    queue_put(other->party, &event, bytes_of(NULL, 0));
    for (unsigned i = 0; i < w.pipe_count; i++)
        if (&w.pipes[i].ends[0] == other || &w.pipes[i].ends[1] == other)
            w.pipes[i] = w.pipes[--w.pipe_count];
}

static void pipe_put(unsigned from, uint32_t stream, unsigned to)
{
    static uint32_t accepted = 1;
    struct tally_event event = {.kind = TALLY_EVENT_STREAM_OPEN};
    if (w.pipe_count == sizeof w.pipes / sizeof *w.pipes || to > EVIL) {
        closed_put(from, stream);
        return;
    }
    accepted += 2;
    w.pipes[w.pipe_count++] = (struct pipe_pair){{{from, stream}, {to, accepted}}};
    event.stream_open.stream = stream;
    event.stream_open.dialled = true;
    event.stream_open.remote = w.parties[to].address;
    queue_put(from, &event, bytes_of(NULL, 0));
    room_put(from, stream, 1 << 18);
    event.stream_open.stream = accepted;
    event.stream_open.dialled = false;
    event.stream_open.remote = w.parties[from].address;
    queue_put(to, &event, bytes_of(NULL, 0));
    room_put(to, accepted, 1 << 18);
}

static void bytes_put(unsigned from, uint32_t stream, struct tally_bytes bytes)
{
    const struct end *other = other_end(from, stream);
    struct tally_event event = {.kind = TALLY_EVENT_STREAM_BYTES};
    if (other == NULL)
        return;
    event.stream_bytes.stream = other->stream;
    event.stream_bytes.bytes = bytes;
    queue_put(other->party, &event, bytes);
}

static unsigned party_at(const struct tally_address *address)
{
    unsigned i = 0;
    while (i <= EVIL && !address_equal(&w.parties[i].address, address))
        i++;
    return i;
}

static void step(unsigned number, const struct tally_event *event);

static void on_append(unsigned number, const struct tally_action *action)
{
    struct party *party = &w.parties[number];
    struct tally_event event = {.kind = TALLY_EVENT_APPENDED};
    struct disk_change change;
    struct tally_event done;
    uint64_t package = action->append.package;
    event.appended.ticket = action->append.ticket;
    event.appended.error = party->refuse;
    /* In the order of the disk: what is before it first. */
    while (party->disk.lanes[DISK_STORE].first != NULL)
        if (disk_complete(&party->disk, DISK_STORE, &done, &change))
            queue_put(number, &done, bytes_of(NULL, 0));
    disk_package_free(disk_package_take(&party->disk, package));
    queue_put(number, &event, bytes_of(NULL, 0));
}

static void perform(unsigned number, const struct tally_action *action)
{
    struct party *party = &w.parties[number];
    struct tally_event event = {.kind = TALLY_EVENT_DATAGRAM};
    enum disk_lane lane;
    uint64_t due_us;
    switch (action->kind) {
    case TALLY_ACTION_SEND:
        event.datagram.from = party->address;
        event.datagram.bytes = action->send.bytes;
        if (party_at(&action->send.to) < NODES)
            queue_put(party_at(&action->send.to), &event, action->send.bytes);
        else if (party_at(&action->send.to) > EVIL)
            must(number == 0 && network_asked(&w.network, action));
        return;
    case TALLY_ACTION_DIAL:
        pipe_put(number, action->dial.stream, party_at(&action->dial.to));
        return;
    case TALLY_ACTION_WRITE:
        bytes_put(number, action->write.stream, action->write.bytes);
        room_put(number, action->write.stream, 1 << 18);
        return;
    case TALLY_ACTION_CLOSE:
        closed_put(number, action->close.stream);
        return;
    case TALLY_ACTION_MULTICAST:
    case TALLY_ACTION_MAP:
    case TALLY_ACTION_RESOLVE:
        must(number == 0 && network_asked(&w.network, action));
        return;
    case TALLY_ACTION_ANSWER:
    case TALLY_ACTION_FOUND:
    case TALLY_ACTION_HTTP:
    case TALLY_ACTION_CARRY:
        return;
    case TALLY_ACTION_KEEP:
    case TALLY_ACTION_APPEND:
    case TALLY_ACTION_SEAL:
    case TALLY_ACTION_PUBLISH:
    case TALLY_ACTION_VERIFY:
    case TALLY_ACTION_BODY:
    case TALLY_ACTION_RELEASE:
    case TALLY_ACTION_EVIDENCE:
    case TALLY_ACTION_PRUNE:
        break;
    }
    if (action->kind == TALLY_ACTION_APPEND && party->refuse != TALLY_OK)
        on_append(number, action);
    else
        disk_perform(&party->disk, action, 0, &w.random, &lane, &due_us);
}

static void step(unsigned number, const struct tally_event *event)
{
    struct party *party = &w.parties[number];
    struct tally_action action;
    memory_watch_begin();
    tally_node_step(party->node, w.now, event);
    must(memory_watch_end() == 0);
    must(tally_node_holds(party->node));
    while (tally_node_next(party->node, &action))
        perform(number, &action);
}

/* ---- The evil one. ---- */

static void evil_out(void)
{
    struct tally_bytes out;
    while (w.channel != NULL && (out = channel_output(w.channel, 1 << 17)).size > 0)
        bytes_put(EVIL, w.tcp, out);
}

static void evil_dial(void)
{
    static uint32_t streams = 2;
    struct party *evil = &w.parties[EVIL];
    static const char *const protocols[] = {"/tally/sync/1.0.0"};
    const struct channel_options options = {.dialler = true,
                                            .key = &evil->signer.key,
                                            .crypto = &evil->crypto,
                                            .secret = &evil->secret,
                                            .protocols = protocols,
                                            .protocol_count = 1,
                                            .agent = "evil"};
    if (w.channel != NULL)
        channel_end(w.channel);
    streams += 2;
    w.tcp = streams;
    w.opened = 0;
    memset(w.asked, 0, sizeof w.asked);
    pipe_put(EVIL, w.tcp, 0);
    w.channel = channel_init(w.memory, &options, w.now);
    evil_out();
}

static void evil_news(const struct channel_news *news)
{
    if (news->kind == CHANNEL_OPENED && !news->opened.ours)
        for (unsigned i = 0; i < EVIL_STREAMS; i++)
            if (w.asked[i] == 0 && sync_accepted(&w.sync, &w.parties[0].signer.key, news->stream)) {
                w.asked[i] = news->stream;
                break;
            }
    if (news->kind == CHANNEL_DATA) {
        outbox_clear(&w.out);
        (void)sync_receive(&w.sync, w.now, news->stream, news->data, &w.out);
        struct sync_news ignored;
        while (sync_next_news(&w.sync, &ignored))
            continue;
        channel_consumed(w.channel, news->stream, news->data.size);
    }
    if (news->kind == CHANNEL_RESET || news->kind == CHANNEL_FINISHED)
        for (unsigned i = 0; i < EVIL_STREAMS; i++)
            if (w.asked[i] == news->stream) {
                w.asked[i] = 0;
                sync_closed(&w.sync, w.now, &w.parties[0].signer.key, news->stream, &w.out);
            }
}

static void evil_event(const struct tally_event *event)
{
    struct channel_news news;
    if (w.channel == NULL)
        return;
    if (event->kind == TALLY_EVENT_STREAM_BYTES && event->stream_bytes.stream == w.tcp) {
        channel_feed(w.channel, w.now, event->stream_bytes.bytes);
        while (channel_next(w.channel, &news))
            evil_news(&news);
    }
    evil_out();
}

static void evil_send(uint32_t stream, struct tally_bytes bytes)
{
    uint8_t *out =
        stream != 0 && bytes.size > 0 ? channel_reserve(w.channel, stream, bytes.size) : NULL;
    if (out == NULL)
        return;
    memcpy(out, bytes.data, bytes.size);
    channel_commit(w.channel, stream, bytes.size, false);
    evil_out();
}

/* The next answer that an honest server would give, with the input's changes. */
static void evil_answer(uint8_t how)
{
    static uint8_t frame[FRAME_ROOM];
    uint32_t stream = w.asked[how % EVIL_STREAMS];
    size_t size = stream != 0 ? sync_wants(&w.sync, stream) : 0;
    if (size > 0)
        size = sync_compose(&w.sync, w.now, stream, frame, size);
    for (unsigned changes = how >> 6; changes > 0 && size > 0; changes--) {
        size_t at = (size_t)next_byte() * size / 256;
        if (next_byte() % 2 == 0)
            at = at * 32 / size; /* The head of a frame is where its fields are. */
        frame[at % size] = next_byte();
    }
    evil_send(stream, bytes_of(frame, size));
}

/* A frame of the input's own, with a true length. */
static void evil_frame(uint8_t how)
{
    uint8_t frame[2100];
    struct tally_bytes body = next_bytes(2040);
    size_t at = 0;
    frame[at++] = (uint8_t)(body.size | (body.size >= 128 ? 128 : 0));
    if (body.size >= 128)
        frame[at++] = (uint8_t)(body.size >> 7);
    if (body.size > 0)
        memcpy(frame + at, body.data, body.size);
    evil_send(how % 2 == 0 ? w.opened : w.asked[how % EVIL_STREAMS],
              bytes_of(frame, at + body.size));
}

/* A request that is well formed, of the log that the node holds. */
static void evil_request(uint8_t how)
{
    static uint8_t frame[FRAME_ROOM];
    const struct disk *disk = &w.parties[how % 2].disk;
    struct tally_sync_frame message = {.request = how};
    struct tally_hash origin = {{0}};
    if (disk->log_count > 0)
        origin = disk->logs[next_byte() % disk->log_count]->origin_hash;
    uint64_t from = (uint64_t)next_byte() * 2, to = from + next_byte();
    if (how % 5 == 0) {
        message.kind = TALLY_SYNC_HEADS_WANT;
    } else if (how % 5 == 1) {
        message.kind = TALLY_SYNC_WANT;
        message.want.origin = origin;
        message.want.from = from;
        message.want.to = message.want.size = to;
        message.want.limit = 1u << next_byte() % 23;
    } else if (how % 5 == 2) {
        message.kind = TALLY_SYNC_PROOF_WANT;
        message.proof_want.origin = origin;
        message.proof_want.from = from;
        message.proof_want.to = to;
    } else if (how % 5 == 3) {
        message.kind = TALLY_SYNC_BODY_WANT;
        message.body_want.origin = origin;
        message.body_want.index = from;
        message.body_want.offset = next_byte();
    } else {
        message.kind = TALLY_SYNC_DONE;
        message.done.ranges_count = 1;
        message.done.ranges[0].origin = origin;
        message.done.ranges[0].from = from;
        message.done.ranges[0].to = to;
        message.done.ranges[0].root =
            disk->log_count > 0 ? disk->logs[0]->root : message.done.ranges[0].root;
    }
    evil_send(w.opened, bytes_of(frame, sync_frame_put(&message, frame, sizeof frame)));
}

/* ---- Turns. ---- */

static bool pump(unsigned most)
{
    for (; most > 0 && w.queue_count > 0; most--) {
        struct item item = w.queue[w.queue_first];
        w.queue_first = (w.queue_first + 1) % QUEUE;
        w.queue_count--;
        if (item.event.kind == TALLY_EVENT_STREAM_BYTES)
            item.event.stream_bytes.bytes.data = item.bytes;
        if (item.event.kind == TALLY_EVENT_DATAGRAM)
            item.event.datagram.bytes.data = item.bytes;
        if (item.to == EVIL)
            evil_event(&item.event);
        else
            step(item.to, &item.event);
        memory_free(item.bytes);
    }
    return w.queue_count > 0;
}

/* One operation of a disk ends. The event's bytes live until the next. */
static bool disk_go(unsigned number, unsigned lane)
{
    struct tally_event event;
    struct disk_change change;
    struct disk *disk = &w.parties[number].disk;
    if (disk->lanes[lane].first == NULL)
        return false;
    /* Answers that wait in the queue come first: the order is the disk's. */
    while (pump(QUEUE))
        continue;
    if (disk->lanes[lane].first != NULL &&
        disk_complete(disk, (enum disk_lane)lane, &event, &change))
        step(number, &event);
    return true;
}

static void tick(uint64_t ms)
{
    w.now.mono.ms += ms;
    w.now.wall.us += (int64_t)ms * 1000;
    for (unsigned i = 0; i < NODES; i++)
        step(i, &(struct tally_event){.kind = TALLY_EVENT_TICK});
    if (w.channel != NULL && channel_deadline(w.channel).ms <= w.now.mono.ms)
        channel_tick(w.channel, w.now);
}

static void all(void)
{
    for (unsigned turns = 0; turns < 300; turns++) {
        bool more = pump(QUEUE);
        for (unsigned i = 0; i < NODES; i++) {
            more |= disk_go(i, DISK_POOL);
            more |= disk_go(i, DISK_STORE);
        }
        for (unsigned i = 0; i < EVIL_STREAMS && w.channel != NULL; i++)
            evil_answer((uint8_t)i);
        if (!more && w.queue_count == 0)
            return;
    }
}

static void datagram(uint8_t how)
{
    struct tally_event event = {.kind = TALLY_EVENT_DATAGRAM};
    event.datagram.from = w.parties[how % (NODES + 1)].address;
    event.datagram.bytes = next_bytes(TALLY_DATAGRAM_MAX + 100);
    step(how / 8 % NODES, &event);
}

static void command(uint8_t how)
{
    struct tally_event event = {.kind = TALLY_EVENT_COMMAND};
    event.command.kind = how % 4 == 3 ? TALLY_COMMAND_SEAL : TALLY_COMMAND_APPEND;
    event.command.ticket = how;
    event.command.append.name_space = bytes_text(how % 4 == 1 ? "other" : "audit");
    event.command.append.type = bytes_text("fuzz");
    event.command.append.profile = bytes_text("");
    event.command.append.body = next_bytes(2040);
    step(how / 4 % NODES, &event);
}

static void space(uint8_t how)
{
    static const enum tally_error errors[] = {TALLY_OK, TALLY_OK, TALLY_FULL, TALLY_MISMATCH,
                                              TALLY_IO};
    struct tally_event event = {.kind = TALLY_EVENT_SPACE, .space = {how % 2 == 0}};
    w.parties[0].refuse = errors[how / 2 % 5];
    step(0, &event);
}

static void one(uint8_t what, uint8_t how)
{
    struct tally_event event;
    switch (what % 17) {
    case 0:
        (void)pump(how);
        return;
    case 1:
        all();
        return;
    case 2:
        (void)disk_go(how % NODES, how / 2 % DISK_LANES);
        return;
    case 3:
        tick((uint64_t)how * how);
        return;
    case 4:
        if (w.channel != NULL)
            w.opened = channel_open(w.channel, 0);
        evil_out();
        return;
    case 5:
    case 6:
    case 7:
        evil_answer(how);
        return;
    case 8:
        evil_frame(how);
        return;
    case 9:
        evil_request(how);
        return;
    case 10: /* As if its heartbeat had said that it is ahead. */
        node_ask(w.parties[0].node, w.now, &w.parties[EVIL].signer.key);
        tick(0);
        return;
    case 11:
        datagram(how);
        return;
    case 12:
        command(how);
        return;
    case 13:
        space(how);
        return;
    case 16:
        network_event(&w.network, how, next_bytes(TALLY_MDNS_PACKET_MAX), &event);
        step(0, &event);
        return;
    case 14:
        if (how % 4 == 0)
            evil_dial();
        else if (how % 4 == 1)
            bytes_put(EVIL, w.tcp, next_bytes(2040));
        else if (how % 4 == 2)
            closed_put(EVIL, w.tcp);
        else
            room_put(0, how, how);
        return;
    default:
        evil_send(how % 2 == 0 ? w.opened : w.asked[how % EVIL_STREAMS], next_bytes(2040));
        return;
    }
}

/* ---- Beginning and end. ---- */

static void party_begin(unsigned number)
{
    struct party *party = &w.parties[number];
    const uint8_t seed[32] = {(uint8_t)(number + 1)};
    signer_init(&party->signer, &w.provider, seed);
    disk_init(&party->disk, &party->signer);
    party->ledger = disk_ledger(&party->disk);
    party->crypto = signer_window(&party->signer);
    party->secret = (struct tally_secret){party, draw};
    party->random.state = number;
    party->refuse = TALLY_OK;
    party->address =
        (struct tally_address){{[10] = 0xff, [11] = 0xff, 10, 0, (uint8_t)number, 1}, 4001};
    node_log_make(&party->disk, number == 0 ? 5 : RECEIPTS);
    if (number == EVIL)
        return;
    const struct tally_node_options options = {.key = party->signer.key,
                                               .epoch = 1,
                                               .seed = number,
                                               .profile = number == 0 ? TALLY_PROFILE_AUTO
                                                                      : TALLY_PROFILE_STATIC,
                                               .listen = party->address,
                                               .peers_max = 64,
                                               .dht_values_max = 8,
                                               .dht_contacts_max = 32,
                                               .dht_requests_max = 16,
                                               .dht_pending_max = 4,
                                               .connections_max = 4,
                                               .logs_max = 16,
                                               .pending_max = 32,
                                               .seen_max = 64,
                                               .ledger = party->ledger,
                                               .secret = party->secret,
                                               .crypto = party->crypto};
    party->node = tally_node_new(&options, w.now);
    must(party->node != NULL);
}

static void begin(void)
{
    w.now = (struct tally_now){{100000}, {INT64_C(1763700000000000)}};
    w.random.state = 1;
    network_begin(&w.network);
    if (w.memory == NULL) {
        w.memory = calloc(1, channel_size());
        provider_init(&w.provider, PROVIDER_MEMO);
    }
    for (unsigned i = 0; i <= EVIL; i++)
        party_begin(i);
    struct party *evil = &w.parties[EVIL];
    const struct sync_options sync = {.key = evil->signer.key,
                                      .askers = 1,
                                      .servers = 16,
                                      .buffers = 2,
                                      .ledger = &evil->ledger,
                                      .crypto = &evil->crypto};
    must(sync_new(&w.sync, &sync));
    outbox_init(&w.out, w.actions, 1024, w.arena, sizeof w.arena);
    struct tally_event event = {.kind = TALLY_EVENT_COMMAND};
    event.command.kind = TALLY_COMMAND_PEER;
    event.command.peer.key = w.parties[1].signer.key;
    event.command.peer.address = w.parties[1].address;
    step(0, &event);
    evil_dial();
    all();
}

static void end(void)
{
    for (unsigned i = 0; i < NODES; i++) {
        for (size_t j = 0; j < w.parties[i].disk.log_count; j++)
            must(node_log_true(w.parties[i].disk.logs[j], &w.parties[i].crypto));
        tally_node_free(w.parties[i].node);
    }
    for (unsigned i = 0; i <= EVIL; i++)
        disk_free(&w.parties[i].disk);
    while (w.queue_count > 0) {
        memory_free(w.queue[w.queue_first].bytes);
        w.queue_first = (w.queue_first + 1) % QUEUE;
        w.queue_count--;
    }
    sync_free(&w.sync);
    channel_end(w.channel);
    w.channel = NULL;
    w.pipe_count = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    w.data = data;
    w.size = size;
    begin();
    while (w.size > 1) {
        uint8_t what = next_byte(), how = next_byte();
        one(what, how);
    }
    all();
    end();
    return 0;
}
