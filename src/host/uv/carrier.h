/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UV_CARRIER_H
#define UV_CARRIER_H
/*
 * A bundle that a client of the admin socket lays before the node: frames go back and forth, one
 * bundle at a time. None of this is called while actions are performed, but for carrier_perform.
 */
#include "tally/action.h"
#include <stdbool.h>

struct host;

/* What the node asks of the bundle. */
typedef void carrier_on_frame(void *context, struct tally_bytes frame);
/* It is over: a JSON text, until the call returns, or why there is none. */
typedef void carrier_on_over(void *context, enum tally_error error, const char *text);

struct carrier {
    carrier_on_frame *on_frame; /* NULL: there is no bundle. */
    carrier_on_over *on_over;
    void *context;
};

/* False: the node takes none now; nothing will be called. */
bool carrier_begin(struct host *host, carrier_on_frame *on_frame, carrier_on_over *on_over,
                   void *context);
/* A frame of the bundle. */
void carrier_take(struct host *host, struct tally_bytes frame);
/* Who laid it there is gone; nothing more is called. */
void carrier_leave(struct host *host);

void carrier_perform(struct host *host, const struct tally_action *action);

#endif
