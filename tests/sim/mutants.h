/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIM_MUTANTS_H
#define TESTS_SIM_MUTANTS_H
/*
 * tally-sim with one thing that the core or its host does left out, mostly a check: the linker
 * (--wrap) puts functions before those of the library, and `--break NAME` says which of them goes
 * wrong. So it is shown that the simulator finds what it is there to find, and each of its checks
 * that it can fail, without a line of it in the sources of the core.
 */

/*    the check that fails, what is broken */
#define MUTANTS(X)                                                                                 \
    X(COUNTER, replay)        /* What came once may come again. */                                 \
    X(RECEIPT, signature)     /* Receipts are taken as their issuers signed them, whoever did. */  \
    X(CONVERGED, space)       /* A disk that was full is for ever. */                              \
    X(DIES, assertion)        /* It stops on one when a disk is full. */                           \
    X(HOLDS, count)           /* A link that ends is counted on. */                                \
    X(ALLOCATES, heap)        /* A step allocates. */                                              \
    X(DATAGRAM, datagram)     /* A greeting has one byte too many. */                              \
    X(PACKET, packet)         /* So has what goes to the group. */                                 \
    X(UNPROVED, greeting)     /* An address is greeted without end. */                             \
    X(ESTRANGED, estranged)   /* Who was linked once is never greeted again. */                    \
    X(ROOM, room)             /* A stream is written to, whatever room it has. */                  \
    X(CHAIN, chain)           /* A receipt does not name the one before. */                        \
    X(BODY, body)             /* Nor the hash of its body. */                                      \
    X(NOTE, root)             /* A checkpoint is signed over another root. */                      \
    X(ACCUSED, evidence)      /* Evidence is kept as it came, and it came damaged. */              \
    X(REVOKED, endless)       /* Logs of revoked keys go on. */                                    \
    X(SCOPE, scope)           /* Every address may be dialled and told. */                         \
    X(GUARD, unguarded)       /* A copy that was put back signs at once: ROOTS. */                 \
    X(ENDED, unsealed)        /* A copy of all of an ended key's logs asks how far they got. */    \
    X(BACK, forgets_signing)  /* The host loses a checkpoint, */                                   \
    X(ACKNOWLEDGED, unsynced) /* a receipt that was acknowledged, */                               \
    X(REMEMBERED, forgiving)  /* a file of evidence, */                                            \
    X(EPOCH, forgets_epoch)   /* its boot epoch; */                                                \
    X(ROOTS, twice)           /* it lets two processes have one store. */

enum mutant {
    NOTHING,
#define X(check, name) MUTANT_##check,
    MUTANTS(X)
#undef X
};

extern enum mutant broken;

/* What stands before a function of the library, and that function. */
#define WRAP(type, name, ...)                                                                      \
    type __real_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__)

#endif
