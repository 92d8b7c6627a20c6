/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITNESS_BOUNDS_H
#define WITNESS_BOUNDS_H
/* What witnessing bounds, each with its reason. */
#include "tally/limits.h"

enum {
    WITNESS_FRAME_MAX = 20490,      /* The largest frame there is: add-checkpoint. */
    WITNESS_INBOX = 24 << 10,       /* That, its length, and some of the next. */
    WITNESS_ROOM = 12 << 10,        /* What we ask for to write a frame: a request of ours fits. */
    WITNESS_ANSWERS = 8,            /* Open requests of a stream; more break its rules. */
    WITNESS_PENDING = 64,           /* Cosignatures on their way to the disk. */
    WITNESS_NEWS = 64,              /* Of one step. */
    WITNESS_OF_ISSUER = 64,         /* Logs of one party: as many as a node writes. */
    WITNESS_HEAD_MAX = 1024,        /* A stored checkpoint: what synchronisation can send. */
    WITNESS_RATE = 200,             /* Requests that cost a signature's check, a second in all. */
    WITNESS_LOG_RATE = 1,           /* Cosignatures of one log a second, */
    WITNESS_LOG_BURST = 16,         /* after a silence. */
    WITNESS_SILENCE_MS = 15000,     /* Without an answer the stream is given up. */
    WITNESS_STREAM_MS = 30000,      /* So long a stream may take to come. */
    WITNESS_ROUND_MS = 30000,       /* Then a round ends without those who are missing. */
    WITNESS_REST_MS = 300000,       /* A party that refused is left alone so long. */
    WITNESS_HTTP_ASKED = 4,         /* Questions over HTTP under way at a time, in all. */
    WITNESS_HTTP_MS = 10000,        /* A whole answer takes no longer; the host sees to it, */
    WITNESS_HTTP_LATE_MS = 20000,   /* and who never answers is given up. */
    WITNESS_HTTP_ANSWER = 16 << 10, /* Bytes of an answer: some lines, also of larger schemes. */
    WITNESS_HTTP_AGAIN_MS = 5000,   /* The first wait after a refusal or a failure; it doubles. */
    WITNESS_REFRESH_S = 3600,       /* An older cosignature of the same tree is asked for anew. */
    WITNESS_KEEP_S = 3600,          /* Fewer cosignatures replace more after this time. */
    WITNESS_SAMPLES = 4,            /* Receipts of a log that are asked to be shown. */
    WITNESS_SAMPLE_FIRST_MS = 5000, /* After the first cosignature of a log. */
};

#endif
