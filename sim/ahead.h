/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_AHEAD_H
#define SIM_AHEAD_H
/*
 * What will be looked at is fetched while something else happens: in a world of 100,000 nodes none
 * of it is in a cache. Changes nothing that can be observed but the time it takes.
 */
struct world;

/* A happening was taken: those behind it come nearer. */
void ahead_look(const struct world *world);

#endif
