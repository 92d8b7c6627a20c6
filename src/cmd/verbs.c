/* SPDX-License-Identifier: Apache-2.0 */
/* The table of verbs: parsing, help and the man page come from it. */
#include "cmd/verbs.h"

#define NO_MORE                                                                                    \
    {                                                                                              \
        NULL, NULL, NULL                                                                           \
    }

static const struct option common[] = {
    {"data", "DIR", "data directory (else $TALLY_DATA_DIR, else ~/.local/state/tally)"},
    {"json", NULL, "answer with JSON, errors too"},
    {"help", NULL, "explain this verb"},
    NO_MORE,
};

static const struct option none[] = {NO_MORE};

static const struct option run_options[] = {
    {"port", "N", "UDP and TCP port (4001; 0 draws a free one)"},
    {"listen", "IP", "listen on this address only (all)"},
    {"peer", "MULTIADDR", "a peer to join, /ip4/.../udp/.../p2p/12D3KooW...; may be repeated"},
    {"bootstrap", "WHOM", "others are found by it: MULTIADDR or dns:DOMAIN; may be repeated"},
    {"profile", "NAME", "auto; lan: mDNS alone; server; static: configured peers only; offline"},
    {"network", "NAME", "another mesh, apart from all others (tally)"},
    {"skip-interface", "PATTERN", "no mDNS there, as docker*; may be repeated"},
    {"verify", "POLICY", "every: each receipt's signature; checkpoint: those of the log (every)"},
    {"public", "IP:PORT", "HTTP for others than nodes: logs as tiles, add-checkpoint (off)"},
    {"public-logs", "WHICH", "what --public serves: own, all that is held, or none (own)"},
    {"witness-logs", "FILE", "also witness the logs of this list (logs/v0); may be repeated"},
    {"policy", "FILE", "ask the witnesses of this policy that have an address (C2SP tlog-policy)"},
    {"witness-gap", "SECONDS", "ask witnesses for a log so often at most (10)"},
    {"witness-cycle", "SECONDS", "sample the receipts of a witnessed log so often at most (3600)"},
    {"term-patience", "SECONDS", "a party may break a term so long before it is stated (600)"},
    {"anchor-cycle", "SECONDS", "look so often whether anchors are to be judged again (600)"},
    {"min-free", "BYTES", "read-only when less is free on the disk (1073741824)"},
    {"log-level", "LEVEL", "error, warn, info, debug or trace, on standard error (info)"},
    NO_MORE,
};

static const struct option ask_options[] = {
    {"timeout", "SECONDS", "wait for the node so long at most (30)"},
    NO_MORE,
};

static const struct option health_options[] = {
    {"all-peers", NULL, "also every party with which an agreement holds"},
    {"timeout", "SECONDS", "wait for the node so long at most (30)"},
    NO_MORE,
};

static const struct option doctor_options[] = {
    {"quick", NULL, "do not ask others whether they reach this node"},
    {"timeout", "SECONDS", "wait for the answers of others so long at most (30)"},
    NO_MORE,
};

static const struct option append_options[] = {
    {"namespace", "NAME", "the log to append to, together with our key; made by need"},
    {"lines", NULL, "each line is a receipt; empty ones are skipped"},
    {"type", "TYPE", "what the bodies say (record)"},
    {"profile", "NAME", "how the bodies are to be checked (none: opaque)"},
    NO_MORE,
};

static const struct option create_options[] = {
    {"with-keys", NULL, "the secret keys too, under a passphrase"},
    {"passphrase-file", "FILE", "its first line (else $TALLY_PASSPHRASE_FILE, else the terminal)"},
    NO_MORE,
};

static const struct option check_backup_options[] = {
    {"with-keys", NULL, "open the keys too, to see that the passphrase is theirs"},
    {"passphrase-file", "FILE", "its first line (else $TALLY_PASSPHRASE_FILE, else the terminal)"},
    {"scratch", "DIR", "unpack there what is one file (where it is)"},
    NO_MORE,
};

static const struct option restore_options[] = {
    {"without-keys", NULL, "leave the keys of the backup where they are"},
    {"passphrase-file", "FILE", "its first line (else $TALLY_PASSPHRASE_FILE, else the terminal)"},
    NO_MORE,
};

static const struct option bundle_options[] = {
    {"all", NULL, "all logs that are held, of others too"},
    NO_MORE,
};

static const struct option admit_options[] = {
    {"level", "LEVEL", "isolated, observe, verify, attest or integrate (observe)"},
    {"roles", "ROLES", "of announce,serve,request, or none (all three)"},
    {"note", "TEXT", "for people, at most 120 bytes"},
    NO_MORE,
};

static const struct option level_options[] = {
    {"roles", "ROLES", "of announce,serve,request, or none (as they were)"},
    {"note", "TEXT", "for people, at most 120 bytes"},
    NO_MORE,
};

static const struct option of_options[] = {
    {"of", "PARTY", "what that party's statements come to, as far as they are held here"},
    NO_MORE,
};

static const struct option note_options[] = {
    {"note", "TEXT", "for people, at most 120 bytes"},
    NO_MORE,
};

static const struct option witness_options[] = {
    {"url", "URL", "below which a witness that is no party takes checkpoints (C2SP tlog-witness)"},
    {"key", "VKEY", "of its cosignatures: name+id+base64, type 04"},
    {"note", "TEXT", "for people, at most 120 bytes"},
    NO_MORE,
};

static const struct option reception_options[] = {
    {"accept-proposals", "YESNO", "no: none is, but counters to our own"},
    {"min-level", "N", "at least: 1 observe, 2 verify, 3 attest, 4 integrate"},
    {"mutual", "YESNO", "yes: both are to share"},
    {"note", "TEXT", "for people, at most 120 bytes"},
    NO_MORE,
};

static const struct option cross_options[] = {
    {"mesh", "PARTY", "whose checkpoints: a did:key, a peer id, or the beginning of one"},
    {"namespace", "NAME", "of that log alone"},
    NO_MORE,
};

static const struct option register_options[] = {
    {"name", "TYPE", "the type of the receipts it is about"},
    {"version", "TEXT", "which of its versions, at most 32 bytes"},
    {"namespace", "NAME", "in that namespace alone (all)"},
    {"note", "TEXT", "for people, at most 120 bytes"},
    NO_MORE,
};

static const struct option schema_sync_options[] = {
    {"mesh", "PARTY", "with whom: a did:key, a peer id, or the beginning of one"},
    NO_MORE,
};

static const struct option proof_cross_options[] = {
    {"by", "PARTY", "whose log federation anchors it, as far as it is held here (our own)"},
    NO_MORE,
};

static const struct option case_list_options[] = {
    {"all", NULL, "resolved ones too"},
    {"of", "PARTY", "those of that party, as far as its statements are held here"},
    NO_MORE,
};

static const struct option resolve_options[] = {
    {"outcome", "HOW", "manual: it is resolved; automatic, arbitration, suspension: that begins"},
    {"arbiter", "PARTY", "with arbitration: who is to judge, a third party at level attest"},
    {"note", "TEXT", "for people, at most 120 bytes"},
    NO_MORE,
};

static const struct option arbitrate_options[] = {
    {"of", "PARTY", "whose discrepancy it is"},
    {"claim", "VERDICT", "holds, or fails: of what was disputed"},
    {"note", "TEXT", "for people, at most 120 bytes"},
    NO_MORE,
};

static const struct option anchor_add_options[] = {
    {"log", "ORIGIN", "the log that is anchored, as tally log list shows it"},
    {"size", "N", "of its checkpoint of that size (the newest)"},
    {"chain", "CHAIN", "where no FILE is: btc:NETWORK or eip155:NUMBER"},
    {"transaction", "TX", "which transaction there, as explorers show it"},
    NO_MORE,
};

static const struct option anchor_request_options[] = {
    {"log", "ORIGIN", "the log to anchor, as tally log list shows it"},
    {"size", "N", "its checkpoint of that size (the newest)"},
    {"form", "FORM", "what is stamped: checkpoint, the signed one; or root (checkpoint)"},
    NO_MORE,
};

static const struct option anchor_list_options[] = {
    {"log", "ORIGIN", "of that log only"},
    NO_MORE,
};

static const struct option anchor_verify_options[] = {
    {"all", NULL, "all there are, or all of --log"},
    {"due", NULL, "those that it is time for: for a timer"},
    {"log", "ORIGIN", "of that log only"},
    NO_MORE,
};

#define OFFER                                                                                      \
    {"trust-level", "N", "1 observe, 2 verify, 3 attest, 4 integrate"},                            \
        {"scrolls", "A,B", "namespaces that each lets the other read"},                            \
        {"shares", "WHOSE", "logs are read: both, ours or theirs (both)"},                         \
        {"terms", "FILE", "terms as a JSON object; members that it leaves out stay"},              \
        {"expires", "TIME", "how long it stands: 12h, 7d (7d)"},                                   \
    {                                                                                              \
        "note", "TEXT", "for people, at most 120 bytes"                                            \
    }

static const struct option propose_options[] = {{"target", "PARTY", "to whom"}, OFFER, NO_MORE};

static const struct option counter_options[] = {OFFER, NO_MORE};

static const struct option reject_options[] = {
    {"reason", "TEXT", "for people, at most 120 bytes"},
    NO_MORE,
};

static const struct option recovery_options[] = {
    {"out", "FILE", "the file that holds it, made with mode 0600"},
    {"passphrase-file", "FILE", "its first line is to open it (none)"},
    NO_MORE,
};

static const struct option rotate_options[] = {
    {"recovery", "FILE", "the recovery key, without which none succeeds once one is named"},
    {"passphrase-file", "FILE", "whose first line opens it"},
    {"yes", NULL, "do not ask"},
    NO_MORE,
};

static const struct option revoke_options[] = {
    {"notice-days", "N", "until it ends (as agreed; 30 where nothing was)"},
    {"reason", "TEXT", "for people, at most 120 bytes"},
    NO_MORE,
};

static const struct option revoke_key_options[] = {
    {"reason", "REASON", "compromised, superseded or retired (none)"},
    {"recovery", "FILE", "revoke the key whose recovery key this is, on any node"},
    {"passphrase-file", "FILE", "whose first line opens it"},
    {"size", "NAMESPACE=N", "so far that log is good (as this node holds it); may be repeated"},
    {"note", "TEXT", "for people, at most 60 bytes"},
    {"yes", NULL, "do not ask"},
    NO_MORE,
};

static const struct option show_receipt_options[] = {
    {"body", NULL, "write the body as it is, and nothing else"},
    NO_MORE,
};

static const struct option list_options[] = {
    {"from", "INDEX", "the first to be shown"},
    {"limit", "N", "how many (100, at most 1000)"},
    NO_MORE,
};

static const struct option export_options[] = {
    {"to", "DIR", "copy the log's files, a static mirror for any web server, into a new folder"},
    NO_MORE,
};

static const struct option proof_export_options[] = {
    {"receipt", "FILE", "also write the receipt's envelope there"},
    NO_MORE,
};

static const struct option proof_check_options[] = {
    {"key", "KEY", "whose log it must be: did:key, vkey (origin+id+base64) or peer id"},
    {"receipt", "HASH|FILE", "the receipt it must be about: its hash, or the file of its envelope"},
    NO_MORE,
};

static const struct option verify_options[] = {
    {"key", "KEY", "whose log it must be: did:key, vkey (origin+id+base64) or peer id"},
    {"receipt", "HASH|FILE", "the receipt it must be about: its hash, or the file of its envelope"},
    {"mesh", "PARTY", "check the logs of that party: a did:key, peer id, or the beginning of one"},
    {"scroll", "NAME", "of them the one of this namespace"},
    {"timeout", "SECONDS", "wait for what it shows so long at most (90)"},
    NO_MORE,
};

static const struct option recover_options[] = {
    {"from-peers", NULL, "from those who hold them"},
    {"timeout", "SECONDS", "wait so long at most (3600); the node goes on by itself"},
    NO_MORE,
};

static const struct option confirm_options[] = {
    {"yes", NULL, "I know that it cannot be taken back"},
    {"note", "TEXT", "for people, at most 120 bytes"},
    NO_MORE,
};

static const struct option fork_options[] = {
    {"key", "VKEY", "of a log whose origin does not name its key: name+id+base64"},
    NO_MORE,
};

static const struct option policy_options[] = {
    {"policy", "FILE", "who must cosign (C2SP tlog-policy; else DIR/policy, if it is there)"},
    NO_MORE,
};

static const struct option history_options[] = {
    {"mesh", "PARTY", "with this party only: its did:key, peer id, or the beginning of one"},
    {"last", "DURATION", "no older than this: 30d, 12h, 15m (all)"},
    NO_MORE,
};

static const struct option help_options[] = {
    {"man", NULL, "the manual page tally(1), in roff"},
    NO_MORE,
};

#define FSCK                                                                                       \
    "Reads everything back and verifies it again: each envelope's form, signature and chain, "     \
    "each "                                                                                        \
    "body's hash, each tile, each checkpoint. Changes nothing; may run beside a node."

#define FIND                                                                                       \
    "The running node asks others, and prints each that is found: its id, address, where that "    \
    "was\n"                                                                                        \
    "learnt, how long ago, and whether there is a link."

#define ANCHOR                                                                                     \
    "Whom to ask, and what must be met, is in anchors.json in the data directory (see\n"           \
    "docs/anchors.md); nothing is trusted without it. What is wrong for good is quarantined, "     \
    "and\n"                                                                                        \
    "ends with 5."

#define WITNESS                                                                                    \
    "PARTY is admitted: a did:key, a peer id, or the beginning of one that tally federation "      \
    "list\n"                                                                                       \
    "shows. Parties at level verify or above cosign each other's checkpoints unless this says\n"   \
    "otherwise; what they are asked never depends on what they sign."

#define OUTSIDE                                                                                    \
    WITNESS                                                                                        \
    "\nWith --url and --key the witness is no party: every log of this node is shown to it by\n"   \
    "POST URL/add-checkpoint, and what it cosigns is checked against VKEY and kept. tally\n"       \
    "witness list shows what it answers."

#define TRUST                                                                                      \
    "PARTY is a did:key, a peer id, or the beginning of one that tally federation list shows.\n"   \
    "Levels, each with all before it: isolated, no sockets; observe, public checkpoints and\n"     \
    "receipts; verify, statements of both about transfers; attest; integrate, also logs of\n"      \
    "others. Roles are what the party may do to us: announce, its logs are taken; serve, we\n"     \
    "pull from it; request, it pulls from us. Until somebody is admitted the node is open to\n"    \
    "all, and strict from then on, unless tally federation mode says otherwise. Goes through\n"    \
    "the running node, or writes by itself where none runs."

#define DISCREPANCY                                                                                \
    "ID is the number that tally discrepancy list shows, or the hash of its receipt. A node\n"     \
    "resolves by itself what it can fetch again from others (automatic); what is left is an\n"     \
    "operator's: manual, it was looked at and is over; arbitration, a third party is asked;\n"     \
    "suspension, the log is neither taken nor shown until it is resolved. Each is a receipt of\n"  \
    "ours, through the running node, or by the verb where none runs."
#define AGREE                                                                                      \
    "ID is a hash, or its beginning. Proposals and answers are receipts in each party's own log\n" \
    "federation, which whom they are addressed to may read. The one it was offered to accepts,\n"  \
    "rejects or counters; the proposer's node then signs too, if that is in time, and only then\n" \
    "does it hold. Goes through the running node, or writes by itself where none runs."

#define KEYS                                                                                       \
    "The key says so itself, or its recovery key does, from any node. All are told at once, and\n" \
    "whoever was away when it comes back; it cannot be taken back. Logs of the key are good as\n"  \
    "far as the statement says, and stay where they are. Goes through the running node, or\n"      \
    "writes by itself where none runs."

static const struct verb verbs[] = {
    {NULL, "run", NULL, "", 0, 0, run_options, "run/1", "8", "Run a node, in the foreground",
     "Makes a key and a data directory where there are none, prints the addresses others join it\n"
     "by, and serves until SIGTERM or Ctrl-C.",
     verb_run},
    {"receipt", "append", "append", "FILE...", 1, 4096, append_options, "receipt-append/1", "4 6 8",
     "Append receipts of our own, and print each when it is durable",
     "Each FILE is a receipt, or with --lines each line of it; - is standard input. Prints "
     "origin,\n"
     "index and receipt hash of each, in the order of the input; with --json an object a line.\n"
     "Goes through the running node, or writes by itself where none runs.",
     verb_append},
    {"receipt", "show", NULL, "HASH | ORIGIN INDEX", 1, 2, show_receipt_options, "receipt/1", "4 5",
     "Show one receipt", "", verb_receipt_show},
    {"receipt", "list", NULL, "ORIGIN", 1, 1, list_options, "receipt-list/1", "4 5",
     "List receipts of a log: index, hash, time, type, bytes of the body",
     "Without --from, the latest.", verb_receipt_list},
    {"log", "list", NULL, "", 0, 0, none, "log-list/1", "4", "List the logs that are held",
     "Size under the checkpoint, receipts that are durable but not yet under it, state, root,\n"
     "origin.",
     verb_log_list},
    {"log", "show", NULL, "ORIGIN", 1, 1, policy_options, "log/1", "4 10",
     "Show one log, its checkpoint, the strongest anchor of it, and whether it is final",
     "ORIGIN is a log's whole name, or its namespace where no second log has it. Final is what a\n"
     "policy file says: --policy, else the file policy in the data directory.",
     verb_log_show},
    {"log", "export", NULL, "ORIGIN", 1, 1, export_options, "log-export/1", "4 5",
     "Write a log out, receipts as JSON lines or the files as they are", "", verb_log_export},
    {"log", "recover", NULL, "", 0, 0, recover_options, "log-recover/1", "3 6 9",
     "Fetch back what others hold of our own logs, and we do not",
     "After a backup was put back, or with the key alone in an empty directory: the node says\n"
     "\"recovering\" and signs nothing. Each receipt is checked as one that a peer sends, under "
     "the\n"
     "largest checkpoint with our signature. When all of it is durable, appends go on. No other\n"
     "node may run with this key.",
     verb_log_recover},
    {"log", "fsck", NULL, "", 0, 0, none, "fsck/1", "4 5", "The same as tally fsck", FSCK,
     verb_fsck},
    {"proof", "export", NULL, "ORIGIN INDEX", 2, 2, proof_export_options, "proof-export/1", "4 5",
     "Write the proof that a receipt is in a log (C2SP tlog-proof)",
     "The file holds the log's signed checkpoint, the Merkle path, and in its extra line, which\n"
     "other readers pass over, the receipt's signed envelope.",
     verb_proof_export},
    {"proof", "check", NULL, "FILE", 1, 1, proof_check_options, "proof-check/1", "5",
     "Check a proof, without any node or data directory",
     "Verifies the receipt's signature, the path from it to the root, and the checkpoint's\n"
     "signature by the key.",
     verb_proof_check},
    {"proof", "cross", NULL, "ORIGIN INDEX", 2, 2, proof_cross_options, "proof-cross/1", "4 5",
     "Write two chained proofs: the receipt is in a log whose checkpoint another log holds",
     "tally verify checks the file, without any node, network or data directory.",
     verb_proof_cross},
    {NULL, "verify", NULL, "[FILE]", 0, 1, verify_options, "verify/1", "3 4 5 6 9",
     "Check a proof or evidence by what it is, or now the logs of a party",
     "A FILE is checked without any node or data directory: two chained proofs (tally proof\n"
     "cross), proofs (tally proof check, with its --key), forks and discrepancies; --json is that\n"
     "of whoever checks it. With --mesh the running node has the party show receipts that it\n"
     "chooses, now, of the logs that it cosigns, and states what came of it\n"
     "(tally witness-history).",
     verb_verify},
    {"anchor", "cross", NULL, "", 0, 0, cross_options, "anchor-cross/1", "4 8",
     "Make a party's checkpoints leaves of our log federation",
     "The party must be admitted at level attest. A running node does so by itself once a day.",
     verb_anchor_cross},
    {NULL, "status", NULL, "", 0, 0, ask_options, "status/1", "3 4 9",
     "Say how the running node is",
     "Who it is, how others reach it, how it finds them, what it holds; and what must be done.",
     verb_status},
    {NULL, "health", NULL, "", 0, 0, health_options, "health/1", "3 4 9",
     "Say with one word and the exit code whether the running node is ready",
     "Exit code 1 if it takes no receipts: guard, others may hold more of its logs than it does;\n"
     "read_only, the disk. With --all-peers also if a party with an agreement is not linked, or\n"
     "showed nothing good of its logs for twice the time that was agreed.",
     verb_health},
    {NULL, "doctor", NULL, "", 0, 0, doctor_options, "doctor/1", "3 9",
     "Say what is wrong with the node or its network, why, and what to do",
     "Asks other nodes first whether they reach this one. Each finding has a code, which tally\n"
     "help explains. Exit code 1 if something must be done; without a running node it looks at\n"
     "the machine alone, and ends with 3.",
     verb_doctor},
    {"peer", "list", "peers", "", 0, 0, ask_options, "peer-list/1", "3 4 9",
     "List the peers of the running node, how they are reached, and why not better",
     "State, path, round trip, how far their clock is from ours, whether heartbeats go both ways,\n"
     "where the address was learnt, why there is no better path, why the last try failed.",
     verb_peer_list},
    {"find", "namespace", NULL, "NAMESPACE", 1, 1, ask_options, "find/1", "3 4 9",
     "Find nodes that hold logs of a namespace", FIND, verb_find_namespace},
    {"find", "peer", NULL, "PEER", 1, 1, ask_options, "find/1", "3 4 9",
     "Find where a peer is, by its peer id or did:key", FIND, verb_find_peer},
    {"dht", "lookup", NULL, "PEER", 1, 1, ask_options, "find/1", "3 4 9",
     "The same as tally find peer", FIND, verb_find_peer},
    {"backup", "create", NULL, "FILE | FOLDER/", 1, 1, create_options, "backup-create/1", "4 5 8",
     "Make a backup of the data directory, whether the node runs or not",
     "A consistent state of all logs, of what is not yet under a checkpoint, of evidence, anchors\n"
     "and the witness's memory, in one file (a tar archive), or below a folder that is there or\n"
     "ends in a slash. It is read again, and all in it verified, before this says that it is "
     "made.\n"
     "The keys are left out unless --with-keys: without them nobody is this node.",
     verb_backup_create},
    {"backup", "check", NULL, "FILE | FOLDER", 1, 1, check_backup_options, "backup-check/1",
     "4 5 8", "Verify everything in a backup, without putting it back",
     "Each file against the list that the node signed; then each signature, hash and tree, as\n"
     "tally fsck does. A file is unpacked for that, beside it or in --scratch, and needs as much\n"
     "room again. Exit code 5 with the first thing that is wrong.",
     verb_backup_check},
    {"backup", "restore", NULL, "FILE | FOLDER", 1, 1, restore_options, "backup-restore/1", "4 5 8",
     "Put a backup back into a data directory that is empty or not there",
     "All of it is verified first. A folder keys/ that is there already is used, if it is that of\n"
     "the node. Before its first append the node then asks those who knew it whether they hold\n"
     "more of its logs than the backup has: tally log recover --from-peers fetches that.",
     verb_backup_restore},
    {"bundle", "export", NULL, "FOLDER [ORIGIN...]", 1, 65, bundle_options, "bundle-export/1",
     "4 5", "Write logs into a new folder, to be carried to a node that no network leads to",
     "Without ORIGIN our own logs but federation. The folder holds the logs as they lie in a data\n"
     "directory, up to their checkpoints, and no keys.",
     verb_bundle_export},
    {"bundle", "import", NULL, "FOLDER", 1, 1, none, "bundle-import/1", "4 5 6 8",
     "Take in what a bundle, or a copied data directory, has beyond what is held",
     "Each receipt is checked as one that a peer sends. Taken are logs of parties that are\n"
     "admitted, at whatever level, with role announce; where the node is open also of strangers.\n"
     "Where the node runs it takes them in itself.",
     verb_bundle_import},
    {"federation", "admit", NULL, "PARTY", 1, 1, admit_options, "federation-admit/1", "8",
     "Admit a party: a receipt of ours says so, and the node keeps to it at once", TRUST,
     verb_federation_admit},
    {"federation", "level", NULL, "PARTY LEVEL", 2, 2, level_options, "federation-level/1", "4 8",
     "Change how far a party is trusted, or its roles", TRUST, verb_federation_level},
    {"federation", "withdraw", NULL, "PARTY", 1, 1, note_options, "federation-withdraw/1", "4 8",
     "Take an admission back: links and streams with the party end", TRUST,
     verb_federation_withdraw},
    {"federation", "mode", NULL, "MODE", 1, 1, note_options, "federation-mode/1", "8",
     "Say what strangers may: strict, nothing; open, what an open mesh lets them", TRUST,
     verb_federation_mode},
    {"federation", "policy", NULL, "", 0, 0, reception_options, "federation-policy/1", "4 8",
     "Say which proposals are answered; others the node rejects by itself, and says why",
     "Without options it is shown, with how many were rejected and for which reason. It is a\n"
     "statement: parties that hold it see beforehand what would be refused. What is not named\n"
     "stays as it is.",
     verb_federation_policy},
    {"federation", "list", NULL, "", 0, 0, of_options, "federation-list/1", "4",
     "List the parties that were admitted, or withdrawn, and how far they are trusted", "",
     verb_federation_list},
    {"federation", "show", NULL, "PARTY", 1, 1, of_options, "federation/1", "4",
     "Show one party, or a stranger: what it may, and if not, why", "", verb_federation_show},
    {"anchor", "add", NULL, "[FILE]", 0, 1, anchor_add_options, "anchor-add/1", "4 5 10",
     "Take in evidence from outside that a checkpoint existed, and verify it",
     "FILE is a time-stamp token, or a proof of a chain as JSON.\n" ANCHOR, verb_anchor_add},
    {"anchor", "request", NULL, "AUTHORITY", 1, 1, anchor_request_options, "anchor-request/1",
     "4 5 9 10", "Have a time-stamp authority stamp a checkpoint",
     "AUTHORITY is rfc3161:NAME, or NAME, of the policy.\n" ANCHOR, verb_anchor_request},
    {"anchor", "list", NULL, "", 0, 0, anchor_list_options, "anchor-list/1", "4 10",
     "List the anchors that are kept, by log, checkpoint and rank", "", verb_anchor_list},
    {"anchor", "show", NULL, "ID", 1, 1, none, "anchor/1", "4 10",
     "Show one anchor: what it evidences, or which check failed", "", verb_anchor_show},
    {"anchor", "verify", NULL, "[ID]", 0, 1, anchor_verify_options, "anchor-verify/1", "4 5 7 10",
     "Judge anchors again, quarantined ones too",
     "Exit code 5 if one is refused or its block is gone, else 7 if one cannot be told "
     "yet.\n" ANCHOR,
     verb_anchor_verify},
    {"anchor", "publish", NULL, "ID", 1, 1, none, "anchor-publish/1", "4 7 8 10",
     "Let others have an anchor: a receipt in our log anchors carries it",
     "What was found of it does not travel: each node judges by its own policy.",
     verb_anchor_publish},
    {"anchor", "learn", NULL, "", 0, 0, none, "anchor-learn/1", "4 10",
     "Take in the anchors that others published, and verify them here",
     "Of the logs anchors that are held, those that are of a checkpoint held here.",
     verb_anchor_learn},
    {NULL, "propose", NULL, "", 0, 0, propose_options, "propose/1", "8",
     "Offer an agreement to another party", AGREE, verb_propose},
    {"proposal", "list", NULL, "", 0, 0, none, "proposal-list/1", "4",
     "List the last proposal each way, between us and each party", "", verb_proposal_list},
    {"proposal", "show", NULL, "ID", 1, 1, none, "proposal/1", "4", "Show a proposal and its terms",
     "", verb_proposal_show},
    {"proposal", "accept", NULL, "ID", 1, 1, note_options, "proposal-accept/1", "4 8",
     "Accept a proposal as it stands: signs the agreement", AGREE, verb_proposal_accept},
    {"proposal", "reject", NULL, "ID", 1, 1, reject_options, "proposal-reject/1", "4 8",
     "Reject a proposal", AGREE, verb_proposal_reject},
    {"proposal", "counter", NULL, "ID", 1, 1, counter_options, "proposal-counter/1", "4 8",
     "Answer a proposal with other terms; what is left out stays as it was", AGREE,
     verb_proposal_counter},
    {"proposal", "withdraw", NULL, "ID", 1, 1, note_options, "proposal-withdraw/1", "4 8",
     "Take back a proposal of ours that was not agreed", AGREE, verb_proposal_withdraw},
    {"agreement", "list", NULL, "", 0, 0, none, "agreement-list/1", "4",
     "List what holds between us and other parties", "", verb_agreement_list},
    {"agreement", "show", NULL, "ID", 1, 1, none, "agreement/1", "4",
     "Show an agreement: its terms and both signatures", "", verb_agreement_show},
    {"agreement", "revoke", NULL, "ID", 1, 1, revoke_options, "agreement-revoke/1", "4 8",
     "End an agreement after its notice; until then there is only reading", AGREE,
     verb_agreement_revoke},
    {"key", "show", NULL, "", 0, 0, none, "key/1", "4",
     "Show the key of this node, its recovery key, whom it succeeds and who succeeds it", "",
     verb_key_show},
    {"key", "export", NULL, "FILE", 1, 1, none, "key-export/1", "4",
     "Write the secret key to a new file, in the form of libp2p", "", verb_key_export},
    {"key", "import", NULL, "FILE", 1, 1, none, "key-import/1", "4 5",
     "Begin a data directory with that key: one that has none yet",
     "Two nodes must never run with one key: each would prove the other a fork.", verb_key_import},
    {"key", "recovery", NULL, "", 0, 0, recovery_options, "key-recovery/1", "4 8",
     "Make a recovery key: kept elsewhere, it can replace this key when it was stolen",
     "A statement names it, once and for all: whoever steals the key cannot name another, and\n"
     "from then on only the recovery key names a successor.",
     verb_key_recovery},
    {"key", "rotate", NULL, "", 0, 0, rotate_options, "key-rotate/1", "4 5 8 9",
     "Go on under a new key, which others trust as they trusted the old one", KEYS,
     verb_key_rotate},
    {"key", "revoke", NULL, "", 0, 0, revoke_key_options, "key-revoke/1", "4 5 8",
     "End a key: everybody refuses it, and keeps what it signed until then", KEYS, verb_key_revoke},
    {"witness", "list", NULL, "", 0, 0, ask_options, "witness-list/1", "3 4 9",
     "List who cosigns our logs and how far, and whose logs this node cosigns",
     "Parties admitted at level verify or above cosign each other's checkpoints.",
     verb_witness_list},
    {"witness", "add", NULL, "[PARTY]", 0, 1, witness_options, "witness-add/1", "4 8",
     "Ask a party again to cosign our logs, or a witness that is no party, over HTTP", OUTSIDE,
     verb_witness_add},
    {"witness", "remove", NULL, "PARTY|URL", 1, 1, note_options, "witness-remove/1", "4 8",
     "Ask a party, or a witness that is no party, no longer to cosign our logs", WITNESS,
     verb_witness_remove},
    {"witness", "request", NULL, "", 0, 0, ask_options, "witness-request/1", "3 4 9",
     "Ask all witnesses now, also those that refused", "", verb_witness_request},
    {NULL, "witness-history", NULL, "", 0, 0, history_options, "witness-history/1", "4",
     "Show what was sampled of whose log: by this node of others, by others of its own",
     "From statements that are held here; they name the receipts that had to be shown, and the\n"
     "nonce by which those were chosen.",
     verb_witness_history},
    {"policy", "show", NULL, "FILE", 1, 1, none, "policy/1", "10",
     "Show a policy file (C2SP tlog-policy)", "", verb_policy_show},
    {"policy", "check", NULL, "FILE [CHECKPOINT]", 1, 2, none, "policy-check/1", "5 7 10",
     "Check a policy file; or whether it makes a checkpoint final, and why",
     "CHECKPOINT is a signed note, or a proof that carries one. Exit code 7 if cosignatures are\n"
     "missing, or the policy does not speak of that log.",
     verb_policy_check},
    {"node", "init", NULL, "", 0, 0, none, "node-init/1", "8",
     "Make a key and a data directory without running", "", verb_node_init},
    {"node", "show", NULL, "", 0, 0, none, "node/1", "4", "Show who this node is", "",
     verb_node_show},
    {"node", "confirm-latest", NULL, "", 0, 0, confirm_options, "node-confirm-latest/1", "6 8",
     "Say, instead of those who knew this node, that this is the latest copy of its data",
     "Before it signs anything a node asks those who knew it how far its logs had got. If none of\n"
     "them answers, this is your word for it: a receipt in federation, which all see. If it was\n"
     "wrong, the node has forked its own logs. Not possible where a peer holds more: then tally\n"
     "log recover --from-peers.",
     verb_node_confirm},
    {"fork", "list", NULL, "", 0, 0, none, "fork-list/1", "5",
     "List the evidence against issuers who contradicted themselves", "", verb_fork_list},
    {"fork", "show", NULL, "HASH", 1, 1, none, "fork/1", "4 5", "Show one piece of evidence", "",
     verb_fork_show},
    {"fork", "check", NULL, "FILE", 1, 1, fork_options, "fork-check/1", "4 5 6",
     "Verify evidence, without any node or data directory", "Exit code 6 if it proves a fork.",
     verb_fork_check},
    {"discrepancy", "list", NULL, "", 0, 0, case_list_options, "discrepancy-list/1", "4",
     "List what was held against others: checks of what they showed that failed", "",
     verb_discrepancy_list},
    {"discrepancy", "show", NULL, "ID", 1, 1, of_options, "discrepancy/1", "4",
     "Show one discrepancy: who, what was claimed, what was found, how far it went", DISCREPANCY,
     verb_discrepancy_show},
    {"discrepancy", "resolve", NULL, "ID", 1, 1, resolve_options, "discrepancy-resolve/1", "4 8",
     "Say how a discrepancy goes on, or that it is resolved", DISCREPANCY,
     verb_discrepancy_resolve},
    {"discrepancy", "arbitrate", NULL, "ID", 1, 1, arbitrate_options, "discrepancy-arbitrate/1",
     "4 8", "Give our verdict on the discrepancy of another, who asked for it",
     "It is a receipt of ours, and counts for the other if it named us and admitted us at level\n"
     "attest: if the claim holds, its case is resolved, else it suspends the log.",
     verb_discrepancy_arbitrate},
    {"discrepancy", "check", NULL, "FILE", 1, 1, none, "discrepancy-check/1", "4 5",
     "Verify the evidence of a discrepancy, without any node or data directory",
     "Evidence lies in the data directory under discrepancies/, that of forks under forks/ (tally\n"
     "fork check). What is signed in it proves itself; that it came from the party is the word of\n"
     "who kept it.",
     verb_discrepancy_check},
    {"schema", "list", NULL, "", 0, 0, of_options, "schema-list/1", "4",
     "List the schemas of receipts that are registered", "", verb_schema_list},
    {"schema", "show", NULL, "NAME", 1, 1, of_options, "schema/1", "4",
     "Show the versions of one schema", "", verb_schema_show},
    {"schema", "register", NULL, "FILE", 1, 1, register_options, "schema-register/1", "4 8",
     "Register what receipts of a type mean: the hash of FILE, under a name and version",
     "It is a receipt of ours. Parties at level verify compare theirs by themselves: one name and\n"
     "version with two hashes is a discrepancy, schema_incompatible, at both. FILE stays where it\n"
     "is.",
     verb_schema_register},
    {"schema", "sync", NULL, "", 0, 0, schema_sync_options, "schema-sync/1", "4 8",
     "Compare our schemas with those a party has registered, and state what came of it", "",
     verb_schema_sync},
    {NULL, "fsck", NULL, "", 0, 0, none, "fsck/1", "4 5", "Verify again everything on disk", FSCK,
     verb_fsck},
    {NULL, "version", NULL, "", 0, 0, none, "version/1", "", "Print the version", "", verb_version},
    {NULL, "help", NULL, "[VERB | CODE]", 0, 2, help_options, NULL, "",
     "Explain the verbs, or a finding of tally doctor", "", verb_help},
};

const struct verb *verb_at(size_t index)
{
    return index < sizeof verbs / sizeof *verbs ? &verbs[index] : NULL;
}

const struct option *verb_common(void)
{
    return common;
}
