/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_FSM_H
#define BASE_FSM_H
/*
 * State machines as tables of permitted moves; the table is the diagram.
 *
 *     static const fsm_moves moves[] = {[IDLE] = TO(GREETING), [GREETING] = TO(LINKED) | TO(IDLE)};
 *     FSM_MOVE(moves, &link->state, LINKED);
 */
#include <assert.h>
#include <stdint.h>

typedef uint32_t fsm_moves; /* One bit for each state that may follow. */

#define TO(state) (UINT32_C(1) << (state))

/* Moves *state to next, which the table must permit. */
#define FSM_MOVE(moves, state, next)                                                               \
    do {                                                                                           \
        assert(((moves)[*(state)] & TO(next)) != 0);                                               \
        *(state) = (next);                                                                         \
    } while (0)

#endif
