/* SPDX-License-Identifier: Apache-2.0 */
/* The words of tally/network.h. */
#include "tally/network.h"

#define WORD(words, index)                                                                         \
    ((size_t)(index) < sizeof(words) / sizeof *(words) ? (words)[(index)] : "unknown")

const char *tally_profile_name(enum tally_profile profile)
{
    static const char *const words[] = {
        [TALLY_PROFILE_STATIC] = "static",   [TALLY_PROFILE_AUTO] = "auto",
        [TALLY_PROFILE_LAN] = "lan",         [TALLY_PROFILE_SERVER] = "server",
        [TALLY_PROFILE_OFFLINE] = "offline",
    };
    return WORD(words, profile);
}

const char *tally_source_name(enum tally_source source)
{
    static const char *const words[TALLY_SOURCES] = {
        [TALLY_SOURCE_CONFIGURED] = "configured",
        [TALLY_SOURCE_LINK] = "link",
        [TALLY_SOURCE_REMEMBERED] = "remembered",
        [TALLY_SOURCE_MDNS] = "mdns",
        [TALLY_SOURCE_DNS] = "dns",
        [TALLY_SOURCE_EXCHANGE] = "exchange",
        [TALLY_SOURCE_DHT] = "dht",
        [TALLY_SOURCE_IDENTIFY] = "identify",
    };
    return WORD(words, source);
}

const char *tally_hygiene_name(enum tally_hygiene hygiene)
{
    static const char *const words[] = {
        [TALLY_HYGIENE_ALLOWED] = "allowed",
        [TALLY_HYGIENE_NOWHERE] = "nowhere",
        [TALLY_HYGIENE_NOT_GLOBAL] = "not_global",
        [TALLY_HYGIENE_NOT_ATTACHED] = "not_attached",
        [TALLY_HYGIENE_LOW_PORT] = "low_port",
        [TALLY_HYGIENE_PROFILE] = "profile",
        [TALLY_HYGIENE_OWN] = "own",
    };
    return WORD(words, hygiene);
}

const char *tally_hygiene_text(enum tally_hygiene hygiene)
{
    static const char *const texts[] = {
#define X(name, number, text) [number] = text,
        TALLY_HYGIENE(X)
#undef X
    };
    return WORD(texts, hygiene);
}

const char *tally_mapping_name(enum tally_mapping mapping)
{
    static const char *const words[] = {
        [TALLY_MAPPING_NONE] = "none",
        [TALLY_MAPPING_PCP] = "pcp",
        [TALLY_MAPPING_NATPMP] = "natpmp",
    };
    return WORD(words, mapping);
}

const char *tally_lease_name(enum tally_lease_state state)
{
    static const char *const words[] = {
        [TALLY_LEASE_NONE] = "none", [TALLY_LEASE_ASKING] = "asking",
        [TALLY_LEASE_HELD] = "held", [TALLY_LEASE_RENEWING] = "renewing",
        [TALLY_LEASE_LOST] = "lost",
    };
    return WORD(words, state);
}

const char *tally_reach_name(enum tally_reach_state state)
{
    static const char *const words[] = {
        [TALLY_REACH_UNKNOWN] = "unknown",
        [TALLY_REACH_CANDIDATE] = "candidate",
        [TALLY_REACH_ASKED] = "asked",
        [TALLY_REACH_REACHABLE] = "reachable",
        [TALLY_REACH_UNREACHABLE] = "unreachable",
    };
    return WORD(words, state);
}

const char *tally_nat_name(enum tally_nat_kind kind)
{
    static const char *const words[] = {
        [TALLY_NAT_UNKNOWN] = "unknown",
        [TALLY_NAT_NONE] = "none",
        [TALLY_NAT_CONE] = "cone",
        [TALLY_NAT_SYMMETRIC] = "symmetric",
    };
    return WORD(words, kind);
}

const char *tally_own_source_name(enum tally_own_source source)
{
    static const char *const words[] = {
        [TALLY_OWN_INTERFACE] = "interface",
        [TALLY_OWN_MAPPED] = "mapped",
        [TALLY_OWN_OBSERVED] = "observed",
    };
    return WORD(words, source);
}

const char *tally_path_name(enum tally_path path)
{
    static const char *const words[] = {
        [TALLY_PATH_NONE] = "none",       [TALLY_PATH_LAN] = "lan",
        [TALLY_PATH_DIRECT] = "direct",   [TALLY_PATH_MAPPED] = "mapped",
        [TALLY_PATH_PUNCHED] = "punched",
    };
    return WORD(words, path);
}

const char *tally_path_reason_name(enum tally_path_reason reason)
{
    static const char *const words[] = {
        [TALLY_PATH_BEST] = "best",
        [TALLY_PATH_NO_ADDRESS] = "no_address",
        [TALLY_PATH_NO_ANSWER] = "no_answer",
        [TALLY_PATH_SYMMETRIC] = "symmetric",
        [TALLY_PATH_NO_INTRODUCER] = "no_introducer",
        [TALLY_PATH_ANOTHER_NETWORK] = "another_network",
        [TALLY_PATH_REFUSED] = "refused",
    };
    return WORD(words, reason);
}

const char *tally_path_reason_text(enum tally_path_reason reason)
{
    static const char *const texts[] = {
        [TALLY_PATH_BEST] = "there is no better way",
        [TALLY_PATH_NO_ADDRESS] = "no address of it is known that may be dialled",
        [TALLY_PATH_NO_ANSWER] = "none of its addresses answers",
        [TALLY_PATH_SYMMETRIC] = "a NAT that maps by destination is in between",
        [TALLY_PATH_NO_INTRODUCER] = "no common peer could introduce both",
        [TALLY_PATH_ANOTHER_NETWORK] = "it is on no subnet of this machine",
        [TALLY_PATH_REFUSED] = "the link is refused",
    };
    return WORD(texts, reason);
}
