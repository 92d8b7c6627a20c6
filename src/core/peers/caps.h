/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PEERS_CAPS_H
#define PEERS_CAPS_H

/* What a node says of itself in hello and welcome (protocols 5.2); MESH is said of this link,
   CROWDED as it is now: more nodes ask than it can remember. */
enum {
    PEERS_CAPS_DHT = 1,
    PEERS_CAPS_STREAMS = 2,
    PEERS_CAPS_INTRODUCES = 16,
    PEERS_CAPS_MESH = 32,
    PEERS_CAPS_CROWDED = 64,
};

#endif
