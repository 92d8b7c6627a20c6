/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FEDERATION_VERDICT_H
#define FEDERATION_VERDICT_H
/* What became of a statement when it was folded. */

/*    name       text */
#define FOLD_VERDICTS(X)                                                                           \
    X(TAKEN, "it counts")                                                                          \
    X(OTHER, "it is not about trust")                                                              \
    X(UNKNOWN, "of a kind that this version does not know; kept, without effect")                  \
    X(MALFORMED, "not of the one form that is allowed")                                            \
    X(FOREIGN, "another party's word, which does not count here")                                  \
    X(SELF, "about the node itself")                                                               \
    X(FORBIDDEN, "not permitted after what was stated before")                                     \
    X(FULL, "about one party more than a node keeps")                                              \
    X(NOTED, "kept, and changes nothing here")                                                     \
    X(ENDED, "after the key was revoked")

enum fold_verdict {
#define X(name, text) FOLD_##name,
    FOLD_VERDICTS(X)
#undef X
        FOLD_VERDICT_COUNT
};

#endif
