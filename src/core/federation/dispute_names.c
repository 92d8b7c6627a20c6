/* SPDX-License-Identifier: Apache-2.0 */
#include "tally/discrepancy.h"

#include <string.h>

static const struct {
    const char *name;
    enum tally_severity severity;
} types[TALLY_DISCREPANCIES] = {
    [TALLY_DISCREPANCY_ROOT_MISMATCH] = {"root_mismatch", TALLY_SEVERITY_CRITICAL},
    [TALLY_DISCREPANCY_ANCHOR_INVALID] = {"anchor_invalid", TALLY_SEVERITY_CRITICAL},
    [TALLY_DISCREPANCY_TIMESTAMP_DRIFT] = {"timestamp_drift", TALLY_SEVERITY_WARNING},
    [TALLY_DISCREPANCY_SCHEMA_INCOMPATIBLE] = {"schema_incompatible", TALLY_SEVERITY_WARNING},
    [TALLY_DISCREPANCY_SAMPLE_MISSING] = {"sample_missing", TALLY_SEVERITY_INFO},
    [TALLY_DISCREPANCY_FORK] = {"fork", TALLY_SEVERITY_CRITICAL},
    [TALLY_DISCREPANCY_SIZE_REGRESSION] = {"size_regression", TALLY_SEVERITY_CRITICAL},
    [TALLY_DISCREPANCY_SIGNATURE_INVALID] = {"signature_invalid", TALLY_SEVERITY_CRITICAL},
    [TALLY_DISCREPANCY_TERM_VIOLATION] = {"term_violation", TALLY_SEVERITY_WARNING},
};

static const char *const severities[TALLY_SEVERITIES] = {"info", "warning", "critical"};

static const char *const states[TALLY_DISCREPANCY_STATES] = {
    [TALLY_DISCREPANCY_OPEN] = "open",           [TALLY_DISCREPANCY_RESYNC] = "resync",
    [TALLY_DISCREPANCY_MANUAL] = "manual",       [TALLY_DISCREPANCY_ARBITRATION] = "arbitration",
    [TALLY_DISCREPANCY_SUSPENDED] = "suspended", [TALLY_DISCREPANCY_RESOLVED] = "resolved",
};

static const char *const outcomes[TALLY_OUTCOMES] = {
    [TALLY_OUTCOME_AUTOMATIC] = "automatic",
    [TALLY_OUTCOME_MANUAL] = "manual",
    [TALLY_OUTCOME_ARBITRATION] = "arbitration",
    [TALLY_OUTCOME_SUSPENSION] = "suspension",
};

const char *tally_discrepancy_name(enum tally_discrepancy type)
{
    return type < TALLY_DISCREPANCIES ? types[type].name : "unknown";
}

enum tally_severity tally_discrepancy_severity(enum tally_discrepancy type)
{
    return type < TALLY_DISCREPANCIES ? types[type].severity : TALLY_SEVERITY_CRITICAL;
}

const char *tally_severity_name(enum tally_severity severity)
{
    return severity < TALLY_SEVERITIES ? severities[severity] : "unknown";
}

const char *tally_discrepancy_state_name(enum tally_discrepancy_state state)
{
    return state < TALLY_DISCREPANCY_STATES ? states[state] : "unknown";
}

const char *tally_outcome_name(enum tally_outcome outcome)
{
    return outcome < TALLY_OUTCOMES ? outcomes[outcome] : "unknown";
}

bool tally_discrepancy_read(const char *text, enum tally_discrepancy *type)
{
    for (*type = TALLY_DISCREPANCY_ROOT_MISMATCH; *type < TALLY_DISCREPANCIES; (*type)++)
        if (strcmp(text, types[*type].name) == 0)
            return true;
    return false;
}

bool tally_discrepancy_state_read(const char *text, enum tally_discrepancy_state *state)
{
    for (*state = TALLY_DISCREPANCY_OPEN; *state < TALLY_DISCREPANCY_STATES; (*state)++)
        if (strcmp(text, states[*state]) == 0)
            return true;
    return false;
}

bool tally_outcome_read(const char *text, enum tally_outcome *outcome)
{
    for (enum tally_outcome one = TALLY_OUTCOME_AUTOMATIC; one < TALLY_OUTCOMES; one++) {
        if (strcmp(text, outcomes[one]) != 0)
            continue;
        *outcome = one;
        return true;
    }
    return false;
}
