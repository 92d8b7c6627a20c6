/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNC_BOUNDS_H
#define SYNC_BOUNDS_H
/* What synchronisation bounds, each with its reason. */
#include "tally/limits.h"

enum {
    SYNC_TASKS = 16,            /* Logs a round takes up; more are found by the next round. */
    SYNC_PACKAGES = 128,        /* On their way for one asker: from bundle to durable. */
    SYNC_CREDIT = 16 << 20,     /* Bytes of them, by what a receipt took so far (protocols 9.2). */
    SYNC_CREDIT_ALL = 64 << 20, /* Of all askers: above it only those that have none ask. */
    /* No server that keeps to the limits of wants gets above it. */
    SYNC_BYTES_MAX = SYNC_CREDIT + 4 * (TALLY_WANT_MAX + TALLY_PACKAGE_MAX),
    SYNC_APPENDS = 256, /* On their way to the disk, of all askers. */
    SYNC_WANTS = 4,     /* Open wants of an asker. */
    SYNC_WANT_RECEIPTS = 2048,
    SYNC_WANT_BYTES = 1 << 20, /* Aimed at by the number of receipts of a want. */
    SYNC_REQUESTS = 64,        /* Open requests a server keeps; more are refused as BUSY. */
    SYNC_TELL = 8,             /* Ranges told in one `done`: the statement fits a frame. */
    SYNC_PLACES = 256, /* Of streams: where the last one of that number, modulo, is served. */
    SYNC_HELD = 256,   /* Heads that an asker says it holds, so that they are not told to it. */
    SYNC_HELD_ID = 16, /* Bytes of each (stream.cddl). */
    SYNC_PAGES = 128,  /* Pages of heads in a round: as many as 16 logs each of 2,048 need. */
    SYNC_NEWS = 128,   /* In one step: 59 forks in a page of heads, and what time makes due. */
    SYNC_STATED = 64,  /* Peers for whom SYNC_EVENT was stated a short while ago. */
    /* Actions and bytes that bulk leaves free in a step's outbox: releases, dials, answers. */
    SYNC_SPARE_ACTIONS = 512,
    SYNC_SPARE_BYTES = 16384,
    SYNC_PACE = 8192,        /* Bytes a transfer has to bring in SYNC_SILENCE_MS. */
    SYNC_SILENCE_MS = 15000, /* Without any answer: the peer is given up for now. */
    SYNC_TELL_MS = 60000,    /* Statements about transfers, a peer: one pair in this time. */
    SYNC_REST_MS = 30000,    /* Heads are asked again after this time, if nothing else asks, */
    SYNC_CALM_MAX = 3,       /* doubled so often while they stay the same. */
    SYNC_GAP_MS = 1000,      /* Between rounds that a peer prompts and that find nothing. */
    /* What a peer holds may come from another, or it is the peer that lacks something: so long
       we wait before one of those that say so is asked (protocols 3.1). */
    SYNC_LOOK_MS = 300,
    SYNC_LOOK_AGAIN_MS = 1000, /* And the next of them: a round takes that long. */
    SYNC_LACKS = 8,  /* Such words of a peer that are remembered: six sets in a heartbeat. */
    SYNC_CAUSES = 8, /* Heartbeats tell of 32 namespaces in six turns. */
    SYNC_SHUNNED = 8,
};

#endif
