/* SPDX-License-Identifier: Apache-2.0 */
#include "core/node/datagrams.h"

#include "core/base/bytes.h"
#include "core/peers/hello.h"

#include <assert.h>
#include <stdlib.h>

/* What a handler is called with; one struct, so that the table below has one type. */
struct arrival {
    struct tally_now now;
    const struct tally_address *address;
    size_t size;
    struct tally_bytes bytes; /* As it came. */
    const struct datagram *datagram;
    struct peer *peer; /* NULL for hello, cookie and welcome. */
    bool rides;        /* Along with a hello. */
    struct datagrams_news *news;
    struct outbox *out;
};

typedef enum tally_drop handler(struct datagrams *datagrams, const struct arrival *arrival);

bool datagrams_new(struct datagrams *datagrams, const struct datagrams_options *options,
                   struct tally_now now)
{
    size_t logs_max = options->logs_max == 0 ? TALLY_LOGS_MAX : options->logs_max;
    size_t seen_max = options->seen_max == 0 ? TALLY_SEEN_MAX : options->seen_max;
    uint8_t keys[4][16];
    const struct spread_options spread = {
        .records_max = options->records_max,
        .seen_max = seen_max,
        .peers_max = options->peers.peers_max == 0 ? TALLY_PEERS_MAX : options->peers.peers_max,
        .seed = options->peers.seed + 3};
    *datagrams = (struct datagrams){.datagrams_in = 0};
    const struct tally_secret *secret = &options->peers.secret;
    secret->draw(secret->context, &keys[0][0], sizeof keys);
    if (!peers_new(&datagrams->peers, &options->peers, now))
        return false;
    if (!heads_new(&datagrams->heads, logs_max, keys[0]))
        goto no_heads;
    struct spread_options keyed = spread;
    memcpy(keyed.hash_key, keys[2], sizeof keyed.hash_key);
    if (!spread_new(&datagrams->spread, &keyed, now))
        goto no_spread;
    if (!beacon_new(&datagrams->beacon, options->senders_max, keys[3], options->peers.seed + 4))
        goto no_beacon;
    if (!notice_new(&datagrams->notice, spread.peers_max, logs_max, options->peers.seed + 6, now))
        goto no_notice;
    if (!dht_new(&datagrams->dht, &options->dht, now))
        goto no_dht;
    /* From the first greeting on. */
    peers_caps(&datagrams->peers, dht_caps(&datagrams->dht, options->peers.caps));
    const struct overlay_options overlay = {.named_only = options->named_only,
                                            .passive_max = options->passive_max,
                                            .seed = options->peers.seed ^ UINT64_MAX};
    if (!overlay_new(&datagrams->overlay, &overlay, now))
        goto no_overlay;
    if (!reaching_new(&datagrams->reaching, &options->reaching, &datagrams->peers, now))
        goto no_reaching;
    if (!suspect_new(&datagrams->suspect, now))
        goto no_suspect;
    if (!announce_new(&datagrams->announce, &options->ledger, keys[1]))
        goto no_announce;
    datagrams->drops = calloc(TALLY_DROP_COUNT, sizeof *datagrams->drops);
    if (datagrams->drops == NULL)
        goto no_announce;
    heartbeat_init(&datagrams->heartbeat, &options->ledger, options->peers.seed ^ UINT32_MAX);
    verifier_init(&datagrams->verifier, &options->peers.crypto, now);
    bucket_init(&datagrams->tags, TALLY_TAG_RATE, TALLY_TAG_RATE, now.mono);
    return true;

no_announce:
    announce_free(&datagrams->announce);
    suspect_free(&datagrams->suspect);
no_suspect:
    reaching_free(&datagrams->reaching);
no_reaching:
    overlay_free(&datagrams->overlay);
no_overlay:
    dht_free(&datagrams->dht);
no_dht:
    notice_free(&datagrams->notice);
no_notice:
    beacon_free(&datagrams->beacon);
no_beacon:
    spread_free(&datagrams->spread);
no_spread:
    heads_free(&datagrams->heads);
no_heads:
    peers_free(&datagrams->peers);
    return false;
}

void datagrams_free(struct datagrams *datagrams)
{
    free(datagrams->drops);
    announce_free(&datagrams->announce);
    suspect_free(&datagrams->suspect);
    reaching_free(&datagrams->reaching);
    overlay_free(&datagrams->overlay);
    dht_free(&datagrams->dht);
    notice_free(&datagrams->notice);
    beacon_free(&datagrams->beacon);
    spread_free(&datagrams->spread);
    heads_free(&datagrams->heads);
    peers_free(&datagrams->peers);
}

bool datagrams_head(struct datagrams *datagrams, struct tally_now now, const struct head *head,
                    bool sealed)
{
    if (!heads_set(&datagrams->heads, now, head))
        return false;
    const struct heads *heads = &datagrams->heads;
    const struct head *held = heads_find(heads, &head->origin);
    if (head->own && sealed)
        announce_sealed(&datagrams->announce, held, now);
    else if (head->own)
        heads_announced(&datagrams->heads, held, now);
    if (head->own && head->size > 0)
        beacon_own_log(&datagrams->beacon, now);
    if (held->changed.ms == now.mono.ms)
        heartbeat_stir(&datagrams->heartbeat, now);
    /* Greetings tell the namespaces we follow: here, those of which we hold a log. */
    if (datagrams->peers.follow_count != heads->set_count) {
        uint8_t tags[TALLY_NAMESPACES_MAX][8];
        for (size_t i = 0; i < heads->set_count; i++)
            memcpy(tags[i], heads->sets[i].name_space, sizeof tags[i]);
        peers_follow(&datagrams->peers, (const uint8_t(*)[8])tags, heads->set_count);
    }
    return true;
}

/* ---- By kind. ---- */

static enum tally_drop on_hello(struct datagrams *datagrams, const struct arrival *arrival)
{
    return hello_receive(&datagrams->peers, arrival->now, arrival->address, arrival->datagram,
                         arrival->size, &arrival->news->links, arrival->out);
}

static enum tally_drop on_cookie(struct datagrams *datagrams, const struct arrival *arrival)
{
    return hello_on_cookie(&datagrams->peers, arrival->now, arrival->address, arrival->datagram,
                           arrival->out);
}

static enum tally_drop on_welcome(struct datagrams *datagrams, const struct arrival *arrival)
{
    return hello_on_welcome(&datagrams->peers, arrival->now, arrival->address, arrival->datagram,
                            &arrival->news->links);
}

static enum tally_drop on_probe(struct datagrams *datagrams, const struct arrival *arrival)
{
    arrival->news->quiet = true;
    return link_on_probe(&datagrams->peers, arrival->peer, arrival->address, arrival->datagram,
                         arrival->out);
}

static enum tally_drop on_echo(struct datagrams *datagrams, const struct arrival *arrival)
{
    arrival->news->quiet = true;
    return link_on_echo(&datagrams->peers, arrival->peer, arrival->now, arrival->address,
                        arrival->datagram, &arrival->news->links);
}

static enum tally_drop on_goodbye(struct datagrams *datagrams, const struct arrival *arrival)
{
    return link_on_goodbye(&datagrams->peers, arrival->peer, arrival->now, arrival->datagram,
                           &arrival->news->links);
}

static enum tally_drop on_yours(struct datagrams *datagrams, const struct arrival *arrival)
{
    enum tally_drop drop = yours_receive(&datagrams->heads, &datagrams->peers.options.key,
                                         arrival->datagram, &arrival->news->yours);
    arrival->news->has_yours = drop == TALLY_DROP_NONE;
    return drop;
}

static void say(const struct datagrams *datagrams, const struct arrival *arrival,
                enum tally_trace_kind kind, enum tally_drop drop, uint64_t a)
{
    const struct tally_trace_window *trace = &datagrams->peers.options.trace;
    struct tally_trace what = {.kind = kind, .drop = drop, .a = a};
    if (arrival->peer != NULL)
        what.peer = &arrival->peer->key;
    if (trace->say != NULL)
        trace->say(trace->context, arrival->now, &what);
}

static enum tally_drop may(const struct datagrams *datagrams, const struct tally_key *key,
                           enum admission_act act)
{
    return admission(datagrams->peers.options.fold, key, act);
}

/* A signature that its bringer should have checked, behind a good tag: no accident. */
static void judge_forgery(struct datagrams *datagrams, const struct arrival *arrival,
                          enum tally_drop drop)
{
    if (drop == TALLY_DROP_FORGED)
        peers_judge(&datagrams->peers, arrival->peer, -100, arrival->now, &arrival->news->links);
}

static enum tally_drop on_heartbeat(struct datagrams *datagrams, const struct arrival *arrival)
{
    enum tally_drop audit_drop;
    if (!arrival->peer->mesh) {
        enum tally_drop stray = overlay_stray(&datagrams->overlay, arrival->now, &datagrams->peers,
                                              arrival->peer, &arrival->news->overlay, arrival->out);
        if (stray != TALLY_DROP_NONE)
            return stray;
    }
    arrival->peer->link.heartbeat = arrival->now.mono;
    enum tally_drop refused = may(datagrams, &arrival->peer->key, ADMISSION_ANNOUNCE);
    if (refused != TALLY_DROP_NONE)
        return refused; /* It lives, and that is all we take of it. */
    struct heartbeat_news *news = &arrival->news->heartbeat;
    enum tally_drop drop = heartbeat_receive(&datagrams->heads, &datagrams->verifier, arrival->peer,
                                             arrival->now, arrival->datagram, news, &audit_drop);
    arrival->news->has_heartbeat = drop == TALLY_DROP_NONE;
    if (drop == TALLY_DROP_NONE)
        say(datagrams, arrival, TALLY_TRACE_HEARTBEAT, drop, news->log_count);
    arrival->news->quiet = drop == TALLY_DROP_NONE && heartbeat_tells_nothing(news);
    if (drop == TALLY_DROP_NONE && heartbeat_differs(news))
        heartbeat_stir(&datagrams->heartbeat, arrival->now);
    if (audit_drop != TALLY_DROP_NONE)
        datagrams->drops[audit_drop]++;
    judge_forgery(datagrams, arrival, drop);
    judge_forgery(datagrams, arrival, audit_drop);
    return drop;
}

static bool is_alarm(enum tally_kind kind)
{
    return kind == TALLY_KIND_FORK_PROOF || kind == TALLY_KIND_FORK_PREFIX;
}

static bool is_urgent(enum tally_kind kind)
{
    return is_alarm(kind) || kind == TALLY_KIND_REVOCATION;
}

/* Passed on when it was kept: datagrams_pass_notice. */
static enum tally_drop take_notice(struct datagrams *datagrams, const struct arrival *arrival,
                                   const struct datagram *datagram, struct tally_bytes record,
                                   unsigned hops)
{
    struct datagrams_news *news = arrival->news;
    enum tally_drop drop =
        notice_receive(&datagrams->notice, &datagrams->verifier, &datagrams->peers,
                       &datagrams->heads, arrival->now, datagram, &news->notice);
    news->has_notice = drop == TALLY_DROP_NONE;
    news->notice.record = record;
    news->notice.hops = hops;
    judge_forgery(datagrams, arrival, drop);
    return drop;
}

/* A signed record, straight from its sender or out of a relay: taken by its kind, and if it is
   good, passed on. */
static enum tally_drop take_record(struct datagrams *datagrams, const struct arrival *arrival,
                                   const struct datagram *datagram, struct tally_bytes record,
                                   unsigned hops)
{
    struct datagrams_news *news = arrival->news;
    enum tally_drop drop = TALLY_DROP_UNKNOWN;
    bool beacon = datagram->kind == TALLY_KIND_HEARTBEAT;
    enum tally_drop refused = may(datagrams, &datagram->sender, ADMISSION_ANNOUNCE);
    /* Evidence counts whoever brings it: it proves itself. */
    if (refused != TALLY_DROP_NONE && !is_urgent(datagram->kind))
        return refused;
    if (datagram->kind == TALLY_KIND_REVOCATION)
        return take_notice(datagrams, arrival, datagram, record, hops);
    if (datagram->kind == TALLY_KIND_ANNOUNCE) {
        drop = announce_receive(&datagrams->announce, &datagrams->heads, &datagrams->verifier,
                                &datagrams->peers, arrival->now, datagram, &news->announce);
        news->has_announce = drop == TALLY_DROP_NONE;
        if (news->has_announce)
            dht_announced(&datagrams->dht, &news->announce.origin, news->announce.size, record);
    } else if (beacon) {
        drop = beacon_receive(&datagrams->beacon, &datagrams->heads, &datagrams->verifier,
                              &datagrams->peers, arrival->now, datagram, &news->heartbeat);
        news->has_heartbeat = drop == TALLY_DROP_NONE;
        if (news->has_heartbeat && heartbeat_differs(&news->heartbeat))
            heartbeat_stir(&datagrams->heartbeat, arrival->now);
    } else if (is_alarm(datagram->kind)) {
        drop = alarm_receive(&datagrams->verifier, &datagrams->peers, arrival->now, datagram,
                             &news->alarm);
        news->has_alarm = drop == TALLY_DROP_NONE;
        news->alarm.record = record;
        news->alarm.hops = hops;
        judge_forgery(datagrams, arrival, drop);
        return drop; /* Passed on when the two notes were verified: datagrams_pass_alarm. */
    }
    judge_forgery(datagrams, arrival, drop);
    if (drop != TALLY_DROP_NONE)
        return drop;
    (void)peer_judge(arrival->peer, 1, arrival->now);
    spread_put(&datagrams->spread, &datagrams->peers, arrival->peer, arrival->now, record, hops,
               SPREAD_NORMAL, beacon, arrival->out);
    return TALLY_DROP_NONE;
}

/* Check 8, then the record itself. */
static enum tally_drop on_record(struct datagrams *datagrams, const struct arrival *arrival,
                                 const struct datagram *datagram, struct tally_bytes record,
                                 unsigned hops)
{
    uint8_t id[SEEN_ID];
    datagram_record_id(record, id);
    if (!arrival->peer->mesh)
        return TALLY_DROP_REFUSED;
    if (spread_seen(&datagrams->spread, arrival->now, id)) {
        spread_duplicate(&datagrams->spread, &datagrams->peers, arrival->peer, arrival->now,
                         arrival->out);
        return TALLY_DROP_SEEN;
    }
    return take_record(datagrams, arrival, datagram, record, hops);
}

static enum tally_drop on_announce(struct datagrams *datagrams, const struct arrival *arrival)
{
    uint8_t bytes[TALLY_RECORD_MAX];
    struct tally_bytes record = datagram_record(arrival->datagram, bytes, sizeof bytes);
    if (record.size == 0)
        return TALLY_DROP_MALFORMED;
    return on_record(datagrams, arrival, arrival->datagram, record, 1);
}

static enum tally_drop on_relay(struct datagrams *datagrams, const struct arrival *arrival)
{
    struct wire_reader r;
    struct tally_relay relay;
    struct datagram inner;
    wire_reader_init(&r, arrival->datagram->body);
    tally_relay_read(&r, &relay);
    if (!wire_reader_done(&r))
        return TALLY_DROP_MALFORMED;
    enum tally_drop drop = datagram_read_record(relay.record, &inner);
    if (drop != TALLY_DROP_NONE)
        return drop;
    /* The kind says how urgent a record is; who passes it on may not. */
    if ((relay.class == SPREAD_URGENT) != is_urgent(inner.kind))
        return TALLY_DROP_MALFORMED;
    return on_record(datagrams, arrival, &inner, relay.record, (unsigned)relay.hops + 1);
}

static enum tally_drop on_ihave(struct datagrams *datagrams, const struct arrival *arrival)
{
    return spread_on_ihave(&datagrams->spread, &datagrams->peers, arrival->peer, arrival->now,
                           arrival->datagram);
}

static enum tally_drop on_graft(struct datagrams *datagrams, const struct arrival *arrival)
{
    return spread_on_graft(&datagrams->spread, &datagrams->peers, arrival->peer, arrival->now,
                           arrival->datagram, arrival->out);
}

static enum tally_drop on_overlay(struct datagrams *datagrams, const struct arrival *arrival)
{
    return overlay_receive(&datagrams->overlay, arrival->now, &datagrams->peers, arrival->peer,
                           arrival->datagram, &arrival->news->overlay, &arrival->news->links,
                           arrival->out);
}

/* Of the records, or of the link. */
static enum tally_drop on_prune(struct datagrams *datagrams, const struct arrival *arrival)
{
    struct wire_reader r;
    struct tally_prune prune;
    wire_reader_init(&r, arrival->datagram->body);
    tally_prune_read(&r, &prune);
    if (!wire_reader_done(&r))
        return TALLY_DROP_MALFORMED;
    if (prune.reason != OVERLAY_PRUNE_LAZY)
        return on_overlay(datagrams, arrival);
    spread_pruned(&datagrams->spread, &datagrams->peers, arrival->peer, arrival->now);
    return TALLY_DROP_NONE;
}

static enum tally_drop on_reaching(struct datagrams *datagrams, const struct arrival *arrival)
{
    const struct reaching_word word = {.datagram = arrival->datagram,
                                       .from = arrival->address,
                                       .peer = arrival->peer,
                                       .rides = arrival->rides,
                                       .uninvited = arrival->news->links.uninvited};
    return reaching_receive(&datagrams->reaching, arrival->now, &datagrams->peers, &word,
                            &arrival->news->links, arrival->out);
}

static enum tally_drop on_urgent_set(struct datagrams *datagrams, const struct arrival *arrival)
{
    return notice_on_set(&datagrams->notice, &datagrams->peers, arrival->peer, arrival->now,
                         arrival->datagram, arrival->out);
}

static enum tally_drop on_probe_for(struct datagrams *datagrams, const struct arrival *arrival)
{
    return suspect_on_probe_for(&datagrams->suspect, &datagrams->peers, arrival->peer, arrival->now,
                                arrival->datagram, arrival->out);
}

static enum tally_drop on_probed(struct datagrams *datagrams, const struct arrival *arrival)
{
    enum tally_drop drop = suspect_on_probed(&datagrams->suspect, &datagrams->peers, arrival->peer,
                                             arrival->now, arrival->datagram);
    if (drop == TALLY_DROP_UNASKED)
        peers_judge(&datagrams->peers, arrival->peer, OVERLAY_UNASKED, arrival->now,
                    &arrival->news->links);
    return drop;
}

static struct dht_step dht_step_of(struct datagrams *datagrams, struct tally_now now,
                                   struct outbox *out)
{
    return (struct dht_step){
        .now = now, .peers = &datagrams->peers, .verifier = &datagrams->verifier, .out = out};
}

static enum tally_drop on_dht(struct datagrams *datagrams, const struct arrival *arrival)
{
    struct dht_step step = dht_step_of(datagrams, arrival->now, arrival->out);
    step.rides = arrival->rides;
    enum tally_drop drop = dht_receive(&datagrams->dht, &step, arrival->peer, arrival->datagram);
    judge_forgery(datagrams, arrival, drop);
    if (datagrams->dht.standing != 0)
        peers_judge(&datagrams->peers, arrival->peer, datagrams->dht.standing, arrival->now,
                    &arrival->news->links);
    return drop;
}

static handler *const greetings[] = {
    [TALLY_KIND_HELLO] = on_hello,
    [TALLY_KIND_COOKIE] = on_cookie,
    [TALLY_KIND_WELCOME] = on_welcome,
};

static handler *const handlers[] = {
    [TALLY_KIND_PROBE] = on_probe,         [TALLY_KIND_ECHO] = on_echo,
    [TALLY_KIND_YOURS] = on_yours,         [TALLY_KIND_GOODBYE] = on_goodbye,
    [TALLY_KIND_HEARTBEAT] = on_heartbeat, [TALLY_KIND_ANNOUNCE] = on_announce,
    [TALLY_KIND_RELAY] = on_relay,         [TALLY_KIND_IHAVE] = on_ihave,
    [TALLY_KIND_GRAFT] = on_graft,         [TALLY_KIND_PRUNE] = on_prune,
    [TALLY_KIND_DIAL_BACK] = on_reaching,  [TALLY_KIND_DIALLED] = on_reaching,
    [TALLY_KIND_PUNCH] = on_reaching,      [TALLY_KIND_DIAL_ME] = on_reaching,
    [TALLY_KIND_PROBE_FOR] = on_probe_for, [TALLY_KIND_PROBED] = on_probed,
    [TALLY_KIND_JOIN] = on_overlay,        [TALLY_KIND_ACTIVATE] = on_overlay,
    [TALLY_KIND_SHUFFLE] = on_overlay,     [TALLY_KIND_SHUFFLED] = on_overlay,
    [TALLY_KIND_FIND_NODE] = on_dht,       [TALLY_KIND_NODES] = on_dht,
    [TALLY_KIND_GET_RECORD] = on_dht,      [TALLY_KIND_FOUND_RECORD] = on_dht,
    [TALLY_KIND_PUT_LOG] = on_dht,         [TALLY_KIND_LOG_STATE] = on_dht,
    [TALLY_KIND_EXTEND] = on_dht,          [TALLY_KIND_FIND_LOG] = on_dht,
    [TALLY_KIND_REGISTER] = on_dht,        [TALLY_KIND_REGISTERED] = on_dht,
    [TALLY_KIND_TOPIC_QUERY] = on_dht,     [TALLY_KIND_ADS] = on_dht,
    [TALLY_KIND_PUT_RECORD] = on_dht,      [TALLY_KIND_URGENT_SET] = on_urgent_set,
};

/* What may ride along with a hello: requests of a few bytes. */
static const uint8_t riding[] = {TALLY_KIND_FIND_NODE, TALLY_KIND_GET_RECORD, TALLY_KIND_FIND_LOG,
                                 TALLY_KIND_TOPIC_QUERY, TALLY_KIND_DIAL_BACK};

static handler *handler_of(handler *const *table, size_t count, unsigned kind)
{
    return kind < count ? table[kind] : NULL;
}

#define HANDLER(table, kind) handler_of(table, sizeof(table) / sizeof *(table), (kind))

/* Other links, or other thoughts about them, are news for heartbeats. */
static void watch(struct datagrams *datagrams, struct tally_now now)
{
    const struct suspect *suspect = &datagrams->suspect;
    heartbeat_watch(&datagrams->heartbeat, now, datagrams->peers.links, suspect->health,
                    suspect->suspected);
}

/* ---- Checks 1 to 6, then the handler, which goes on from 7. ---- */

/* A revocation without a link: whoever sends it may be a stranger by it alone. */
static enum tally_drop on_knock(struct datagrams *datagrams, const struct arrival *arrival)
{
    struct datagrams_news *news = arrival->news;
    enum tally_drop drop =
        notice_knocked(&datagrams->notice, &datagrams->verifier, &datagrams->peers,
                       &datagrams->heads, arrival->now, arrival->datagram, &news->notice);
    news->has_notice = drop == TALLY_DROP_NONE;
    news->notice.record = arrival->bytes;
    news->notice.hops = 1;
    return drop;
}

static enum tally_drop dispatch(struct datagrams *datagrams, struct arrival *arrival)
{
    const struct datagram *datagram = arrival->datagram;
    struct peers *peers = &datagrams->peers;
    if (key_equal(&datagram->sender, &peers->options.key))
        return TALLY_DROP_SELF;
    if (datagram->kind == TALLY_KIND_REVOCATION && !datagram->tagged)
        return on_knock(datagrams, arrival);
    /* Before any key is computed: a claim that would not help even if it were true. */
    enum tally_drop refused = may(datagrams, &datagram->sender, ADMISSION_LINK);
    if (refused != TALLY_DROP_NONE)
        return refused;
    handler *greeting = HANDLER(greetings, datagram->kind);
    if (greeting != NULL)
        return greeting(datagrams, arrival);
    handler *handle = HANDLER(handlers, datagram->kind);
    if (handle == NULL)
        return TALLY_DROP_UNKNOWN;
    if (!datagram->tagged)
        return TALLY_DROP_MALFORMED;
    struct peer *peer = peers_find(peers, &datagram->sender);
    if (peer == NULL)
        return TALLY_DROP_STRANGER;
    if (!bucket_take(&datagrams->tags, arrival->now.mono))
        return TALLY_DROP_BUSY;
    enum tally_drop drop = link_open(peers, peer, arrival->now, arrival->address, datagram,
                                     arrival->size, &arrival->news->links, arrival->out);
    if (drop != TALLY_DROP_NONE)
        return drop;
    arrival->peer = arrival->news->from = peer;
    bool revived = suspect_heard(&datagrams->suspect, peers, peer, arrival->now, arrival->out);
    drop = handle(datagrams, arrival);
    if (arrival->news->links.round_trip_us != 0)
        suspect_echoed(&datagrams->suspect, peers, peer, arrival->now,
                       arrival->news->links.round_trip_us, revived);
    if (revived) {
        watch(datagrams, arrival->now);
        arrival->news->quiet = false;
    }
    return drop;
}

/* A request that rode along with the hello of a peer that has just proved itself. Only those kinds
   whose answer is worth a light link; it is answered under the keys of that link. */
static enum tally_drop dispatch_request(struct datagrams *datagrams, struct arrival *arrival)
{
    struct tally_bytes request = arrival->news->links.request;
    struct datagram inner = *arrival->datagram;
    inner.kind = request.data[0];
    inner.body = bytes_of(request.data + 1, request.size - 1);
    bool allowed = false;
    for (size_t i = 0; i < sizeof riding / sizeof *riding; i++)
        allowed = allowed || riding[i] == inner.kind;
    if (!allowed)
        return TALLY_DROP_REFUSED;
    handler *handle = HANDLER(handlers, inner.kind);
    if (handle == NULL)
        return TALLY_DROP_UNKNOWN;
    arrival->datagram = &inner;
    arrival->rides = true;
    arrival->peer = arrival->news->from = arrival->news->links.asked;
    return handle(datagrams, arrival);
}

/* What a datagram changed about links. One that came up may have ended in the same datagram. */
static void changes_take(struct datagrams *datagrams, struct tally_now now,
                         const struct datagrams_news *news, struct outbox *out)
{
    struct peer *linked = news->links.linked;
    if (linked != NULL && linked->link.state == LINK_LINKED) {
        /* Also the first datagram, with which the other side sees that the link is up. */
        yours_send(&datagrams->heads, &datagrams->peers, linked, out);
        const struct dht_step step = dht_step_of(datagrams, now, out);
        overlay_linked(&datagrams->overlay, now, &datagrams->peers, linked, out);
        dht_linked(&datagrams->dht, &step, linked);
        if (linked->mesh)
            notice_linked(&datagrams->notice, &datagrams->peers, linked, now, out);
    }
    if (news->overlay.meshed != NULL && news->overlay.meshed != linked)
        notice_linked(&datagrams->notice, &datagrams->peers, news->overlay.meshed, now, out);
    if (news->links.unlinked != NULL)
        overlay_ended(&datagrams->overlay, now, &datagrams->peers, news->links.unlinked, false);
    /* A light link, of which the DHT makes many, waits for no heartbeat. */
    bool meshed = (linked != NULL && linked->mesh) || news->overlay.meshed != NULL;
    if (meshed || news->overlay.waits) {
        heartbeat_hurry(&datagrams->heartbeat, now);
        suspect_watch(&datagrams->suspect, now);
    }
    if (meshed || news->links.unlinked != NULL)
        watch(datagrams, now);
}

enum tally_drop datagrams_receive(struct datagrams *datagrams, struct tally_now now,
                                  const struct tally_event *event, struct datagrams_news *news,
                                  struct outbox *out)
{
    assert(event->kind == TALLY_EVENT_DATAGRAM);
    struct tally_bytes bytes = event->datagram.bytes;
    struct datagram datagram;
    struct arrival arrival = {
        .now = now,
        .address = &event->datagram.from,
        .size = bytes.size,
        .bytes = bytes,
        .datagram = &datagram,
        .news = news,
        .out = out,
    };
    news->from = NULL;
    news->quiet = false;
    news->links = (struct peers_news){.linked = NULL};
    news->overlay = (struct overlay_news){.meshed = NULL};
    news->has_heartbeat = news->has_announce = news->has_yours = false;
    news->has_alarm = news->has_notice = false;
    datagrams->datagrams_in++;
    datagrams->bytes_in += bytes.size;
    enum tally_drop drop = datagram_read(bytes, &datagram);
    unsigned kind = drop == TALLY_DROP_NONE ? datagram.kind : 0;
    if (drop == TALLY_DROP_NONE)
        drop = dispatch(datagrams, &arrival);
    if (news->links.asked != NULL) {
        kind = news->links.request.data[0];
        drop = dispatch_request(datagrams, &arrival);
    }
    bool learnt = reaching_learn(&datagrams->reaching, now, &datagrams->peers, &news->links);
    changes_take(datagrams, now, news, out);
    news->quiet = news->quiet && drop == TALLY_DROP_NONE && !learnt && news->links.linked == NULL &&
                  news->links.unlinked == NULL && news->overlay.meshed == NULL &&
                  !news->overlay.waits;
    if (drop != TALLY_DROP_NONE) {
        datagrams->drops[drop]++;
        say(datagrams, &arrival, TALLY_TRACE_DROPPED, drop, kind);
    }
    return drop;
}

/* ---- Time and questions. ---- */

static struct tally_mono earlier(struct tally_mono a, struct tally_mono b)
{
    return a.ms < b.ms ? a : b;
}

struct tally_mono datagrams_deadline(const struct datagrams *datagrams)
{
    struct tally_mono heartbeat = heartbeat_deadline(&datagrams->heartbeat);
    struct tally_mono announce = announce_deadline(&datagrams->announce);
    struct tally_mono spread = spread_deadline(&datagrams->spread);
    struct tally_mono records = earlier(beacon_deadline(&datagrams->beacon), spread);
    struct tally_mono links =
        earlier(peers_deadline(&datagrams->peers), reaching_deadline(&datagrams->reaching));
    struct tally_mono suspect = suspect_deadline(&datagrams->suspect);
    links = earlier(links, earlier(suspect, overlay_deadline(&datagrams->overlay)));
    records = earlier(records, notice_deadline(&datagrams->notice));
    return earlier(earlier(links, dht_deadline(&datagrams->dht)),
                   earlier(records, earlier(heartbeat, announce)));
}

void datagrams_tick(struct datagrams *datagrams, struct tally_now now, struct peers_ended *ended,
                    struct outbox *out)
{
    const struct tally_mono due = datagrams_deadline(datagrams);
    if (heartbeat_deadline(&datagrams->heartbeat).ms <= now.mono.ms) {
        /* All links are looked at anyway. */
        uint64_t next = heartbeat_interval(&datagrams->heartbeat, datagrams->peers.links);
        if (datagrams->suspect.health > 0)
            peers_doubt(&datagrams->peers);
        peers_beat(&datagrams->peers, now, next);
        suspect_watch(&datagrams->suspect, now);
        overlay_beat(&datagrams->overlay, now, next);
    }
    peers_tick(&datagrams->peers, now, ended, out);
    suspect_tick(&datagrams->suspect, &datagrams->peers, now, due, ended, out);
    const struct dht_step step = dht_step_of(datagrams, now, out);
    for (size_t i = 0; i < ended->count; i++)
        dht_ended(&datagrams->dht, &step, ended->list[i].peer);
    dht_tick(&datagrams->dht, &step);
    peers_caps(&datagrams->peers, dht_caps(&datagrams->dht, datagrams->peers.options.caps));
    reaching_ended(&datagrams->reaching, now, &datagrams->peers, ended, out);
    reaching_tick(&datagrams->reaching, now, &datagrams->peers, out);
    announce_tick(&datagrams->announce, now, &datagrams->heads, &datagrams->peers,
                  &datagrams->spread, out);
    beacon_tick(&datagrams->beacon, now, &datagrams->heads, &datagrams->peers, &datagrams->spread,
                out);
    notice_tick(&datagrams->notice, &datagrams->peers, now, out);
    spread_tick(&datagrams->spread, &datagrams->peers, now, ended, out);
    for (size_t i = 0; i < ended->count; i++)
        overlay_ended(&datagrams->overlay, now, &datagrams->peers, ended->list[i].peer,
                      ended->list[i].failed);
    overlay_tick(&datagrams->overlay, now, &datagrams->peers, out);
    watch(datagrams, now);
    heartbeat_tick(&datagrams->heartbeat, now, datagrams->suspect.health, &datagrams->heads,
                   &datagrams->peers, out);
}
