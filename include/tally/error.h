/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TALLY_ERROR_H
#define TALLY_ERROR_H
/*
 * What can go wrong, in two lists.
 *
 * enum tally_error: the environment or the operator. Hosts return it, the core learns of it in
 * events. Each has a stable name (shown to people and programs) and a text that says what to do.
 *
 * enum tally_drop: a peer was wrong, or too much. Never logged above debug, never allocates, always
 * counted by reason. The names are the label values of the metric tally_rejected_total.
 *
 * Numbers never change their meaning; new ones are added at the end.
 */

/* Tables for people; clang-format would close their columns up. */
/* clang-format off */
/*    name           number  text */
#define TALLY_ERRORS(X)                                                                            \
    X(OK,             0, "done")                                                                   \
    X(IO,             1, "the disk reported an error; check it, then start again")                 \
    X(FULL,           2, "the disk is full; free some space")                                      \
    X(DAMAGED,        3, "stored data does not verify; run tally fsck")                            \
    X(NOT_FOUND,      4, "there is no such thing here")                                            \
    X(LOCKED,         5, "another process holds the data directory")                               \
    X(PERMISSION,     6, "permission denied, or the mode of a file is too wide")                   \
    X(NEWER,          7, "written by a newer version; install that one")                           \
    X(TOO_LARGE,      8, "larger than the limit")                                                  \
    X(BAD_NAME,       9, "a name is not allowed")                                                  \
    X(FROZEN,        10, "the log is frozen: a fork of its issuer is proved")                      \
    X(READ_ONLY,     11, "the node is read-only until there is space on the disk")                 \
    X(BUSY,          12, "too much at once; try again")                                            \
    X(REFUSED,       13, "the other side refused the connection")                                  \
    X(UNREACHABLE,   14, "the address cannot be reached")                                          \
    X(TIMED_OUT,     15, "no answer in time")                                                      \
    X(CLOSED,        16, "the connection was closed")                                              \
    X(IN_USE,        17, "the address is in use by another program")                               \
    X(NO_MEMORY,     18, "out of memory")                                                          \
    X(NO_DAEMON,     19, "no node is running on this data directory; start it with tally run")     \
    X(MALFORMED,     20, "the bytes are not of the expected form")                                 \
    X(MISMATCH,      21, "a signature, hash or proof does not verify")                             \
    X(GUARDED,       22, "a peer holds a larger checkpoint of ours, so this data directory is an " \
                         "old copy, or one of two: nothing is signed until tally log recover " \
                         "--from-peers has fetched what is missing")                               \
    X(STOPPING,      23, "the node is stopping")                                                  \
    X(FORBIDDEN,     24, "that may not follow what was stated before")                             \
    X(UNCONFIRMED,   25, "nobody who knew this node has said yet how far its logs had got: "       \
                         "nothing is signed until a peer answers (tally status names them), or "   \
                         "tally node confirm-latest --yes says that this is the latest copy")      \
    X(REVOKED,       26, "the key of this node is revoked: it signs nothing any more")

enum tally_error {
#define X(name, number, text) TALLY_##name = number,
    TALLY_ERRORS(X)
#undef X
};

/*    name           number  text */
#define TALLY_DROPS(X)                                                                             \
    X(NONE,           0, "taken")                                                                  \
    X(MALFORMED,      1, "not of the one form that is allowed")                                    \
    X(VERSION,        2, "another version of the protocol")                                        \
    X(UNKNOWN,        3, "a kind we do not know")                                                  \
    X(STRANGER,       4, "no link with the sender, or a stale cookie")                             \
    X(FOREIGN,        5, "of another network")                                                     \
    X(BUSY,           6, "over a rate or a limit")                                                 \
    X(REPLAYED,       7, "its counter was seen")                                                   \
    X(FORGED,         8, "a tag or signature is wrong")                                            \
    X(SEEN,           9, "known already (no fault)")                                               \
    X(STALE,         10, "older than what we have")                                                \
    X(REVOKED,       11, "of a revoked key")                                                       \
    X(REFUSED,       12, "not allowed for this peer")                                              \
    X(DRIFTED,       13, "stamped more than 300 s ahead")                                          \
    X(KEY,           14, "the log key does not belong to the origin")                              \
    X(PROOF,         15, "a Merkle proof does not verify")                                         \
    X(FORK,          16, "contradicts a signature of the same issuer")                             \
    X(FROZEN,        17, "of a log that is frozen at a fork")                                      \
    X(UNASKED,       18, "an answer to nothing we asked")                                          \
    X(CHAIN,         19, "does not continue the log: sequence or previous hash")                   \
    X(BODY,          20, "a body does not have its hash or size")                                  \
    X(SELF,          21, "from or to ourselves")                                                   \
    X(IDENTITY,      22, "not the peer we dialled")                                                \
    X(PROTOCOL,      23, "breaks the rules of a stream protocol")                                  \
    X(SILENT,        24, "no answer in time")                                                      \
    X(UNPROVED,      25, "more bytes for an address that is not proved")                           \
    X(SCOPE,         26, "an address that may not be used for that")                               \
    X(CROWDED,       27, "too many of one network prefix")                                         \
    X(EXPIRED,       28, "no longer valid")                                                        \
    X(FARTHER,       29, "no closer to what was asked for")                                        \
    X(UNADMITTED,    30, "of a party that nobody admitted")                                        \
    X(WITHDRAWN,     31, "of a party whose admission was withdrawn")                               \
    X(LEVEL,         32, "above the level of its party")                                           \
    X(ROLE,          33, "out of the roles of its party")                                          \
    X(SUSPENDED,     34, "of a log that is suspended until a discrepancy is resolved")             \
    X(PRUNED,        35, "a body that is not kept any more")

enum tally_drop {
#define X(name, number, text) TALLY_DROP_##name = number,
    TALLY_DROPS(X)
#undef X
    TALLY_DROP_COUNT
};

/* clang-format on */

/* The stable name ("FULL") and the text of an error. Never NULL. */
const char *tally_error_name(enum tally_error error);
const char *tally_error_text(enum tally_error error);

/* The stable name, lower case ("forged"), and the text of a drop. Never NULL. */
const char *tally_drop_name(enum tally_drop drop);
const char *tally_drop_text(enum tally_drop drop);

#endif
