/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UV_HOST_H
#define UV_HOST_H
/*
 * The real world's host: one libuv loop thread owns the node and drives it with the ten lines of
 * tally/node.h. Signatures of packages go to worker threads, what must wait for the disk to a
 * store thread; both come back through one uv_async each. Everything here belongs to the thread
 * that called host_open.
 *
 *     host_open -> host_run ... host_stop -> host_run returns -> host_close
 */
#include "host/config/complaint.h"
#include "host/uv/dns.h"
#include "host/uv/public_tiles.h"
#include "tally/node.h"
#include "tally/policy.h"

#define HOST_CHECKED __attribute__((warn_unused_result))

struct host;
struct store;

/* Somebody to begin with (--bootstrap). */
struct host_bootstrap {
    const char *text; /* As the operator wrote it; must outlive the host. */
    enum {
        HOST_BOOTSTRAP_ADDRESS,
        HOST_BOOTSTRAP_NAME,   /* The address has a name, to be looked up: question. */
        HOST_BOOTSTRAP_DOMAIN, /* The records of question.name tell of nodes. */
    } kind;
    struct tally_address address; /* Of ADDRESS. */
    struct dns_question question; /* Also whether there is a key, and which. */
};

enum { HOST_BOOTSTRAPS_MAX = 32 };

struct host_options {
    const char *data;            /* Data directory, absolute. */
    bool create;                 /* Make it and the key if they are not there. */
    bool network;                /* Without it, no socket but the admin's: profile offline. */
    bool admin;                  /* Answers on the unix socket in the data directory. */
    struct tally_address listen; /* UDP and TCP; port 0 draws one. */
    enum tally_profile profile;  /* Of what is done without being told; not looked at without a
                                    network. */
    const char *const *skip_interfaces; /* Patterns of names where mDNS is not spoken; NULL: */
    size_t skip_count;                  /* the usual virtual networks. Must outlive the host. */
    const char *mesh;                   /* Name of the network; NULL: tally. Must too, and */
    const struct host_bootstrap *bootstraps; /* their texts. */
    size_t bootstrap_count;
    bool named; /* Peers will be named by commands before host_run. */
    enum tally_verify verify;
    enum tally_level level;                  /* What is told on stderr. */
    uint64_t min_free_bytes;                 /* Below it the node is read-only. */
    unsigned workers;                        /* Threads that verify; 0: one a core. */
    bool has_public;                         /* HTTP for whoever is not on the mesh, */
    struct tally_address public;             /* there. */
    enum public_logs public_logs;            /* Whose logs are served there. */
    const struct tally_foreign_log *foreign; /* Logs witnessed beside those of parties; must */
    size_t foreign_count;                    /* outlive the host, as must what they name. */
    /* Its witnesses that have an address are asked over HTTP, unless it was stated otherwise; NULL;
       must outlive the host. */
    const struct tally_policy *policy;
    unsigned anchor_cycle_ms;                  /* Between looks at anchors; 0: the usual. */
    unsigned witness_gap_ms, witness_cycle_ms; /* As tally/node.h has them; 0: the usual. */
    unsigned term_patience_ms;                 /* The same. */
};

/* Takes the data directory, binds the sockets, starts the node. On failure *host is NULL. */
HOST_CHECKED enum tally_error host_open(const struct host_options *options, struct host **host,
                                        struct complaint *complaint);

/* Serves until host_stop was obeyed, the disk failed (IO), or a fork of our own was proved before
   the guard had passed (FROZEN), with their complaints. */
HOST_CHECKED enum tally_error host_run(struct host *host, struct complaint *complaint);

/* Orderly: appends on their way are finished, the rest is sealed, peers told; at most 10 s. */
void host_stop(struct host *host);

/* Ends what is open, joins the threads, wipes the key. NULL is allowed. */
void host_close(struct host *host);

/*
 * For a caller with an event source of its own: a descriptor that is readable when there is
 * something to do, how long to wait for it at most (-1: for ever), and doing it without waiting.
 */
int host_descriptor(const struct host *host);
int host_timeout_ms(const struct host *host);
void host_turn(struct host *host);

/* OK, or IO with its complaint: the disk failed, and the host does nothing more. */
HOST_CHECKED enum tally_error host_failed(const struct host *host, struct complaint *complaint);

/*
 * A command to the node. Its ticket is drawn here; on_answer is called exactly once, maybe before
 * this returns, with the action ANSWER, and before that with each FOUND of a FIND; it must not give
 * a command itself. Bytes of the command are borrowed until this returns. False, and no answer, if
 * too much is under way: to be asked again when something was answered or sealed.
 */
typedef void host_on_answer(void *context, const struct tally_action *answer);
HOST_CHECKED bool host_command(struct host *host, const struct tally_command *command,
                               host_on_answer *on_answer, void *context);

/* Commands that wait for their answer. */
size_t host_commands(const struct host *host);

/* ---- What it is. ---- */

const struct tally_key *host_identity(const struct host *host);
const char *host_data(const struct host *host);
struct tally_address host_address(const struct host *host); /* Port 0: no network. */
struct store *host_store(const struct host *host);
const struct tally_node *host_node(const struct host *host);
struct tally_now host_now(void);
/* Milliseconds since host_open. */
uint64_t host_uptime_ms(const struct host *host);

#endif
