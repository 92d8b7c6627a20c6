/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 3161 by OpenSSL's libcrypto, in the order of the table in the reliability chapter, 12.3. The
   numbers in comments are its rows. */
#include "core/base/bytes.h"
#include "core/crypto/hash.h"
#include "host/anchors/token.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/ts.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

enum { AHEAD_MS = 120 * 1000, CHAIN_DEPTH = 4, SECURITY_LEVEL = 2 };

/* What belongs to one token; freed at the end. */
struct reading {
    const struct token_question *question;
    struct token_answer *answer;
    TS_RESP *response;
    PKCS7 *token; /* Of the response, if there is one. */
    TS_TST_INFO *info;
    X509 *signer; /* Of the token. */
    X509_STORE *roots;
};

/* ---- 1: DER, and nothing after it ---- */

static bool same_again(int size, uint8_t **again, struct tally_bytes bytes)
{
    bool same = size > 0 && bytes_equal(bytes_of(*again, (size_t)size), bytes);
    OPENSSL_free(*again);
    return same;
}

/* A lenient reader takes BER, and leaves what comes after: what it read must be written again as
   the same bytes. */
static bool parse_token(struct reading *reading, struct tally_bytes bytes)
{
    const uint8_t *at = bytes.data;
    uint8_t *again = NULL;
    reading->token = d2i_PKCS7(NULL, &at, (long)bytes.size);
    return reading->token != NULL && same_again(i2d_PKCS7(reading->token, &again), &again, bytes);
}

static enum tally_anchor_reason parse_response(struct reading *reading, struct tally_bytes bytes)
{
    const uint8_t *at = bytes.data;
    uint8_t *again = NULL;
    reading->response = d2i_TS_RESP(NULL, &at, (long)bytes.size);
    if (reading->response == NULL ||
        !same_again(i2d_TS_RESP(reading->response, &again), &again, bytes))
        return TALLY_ANCHOR_IS_FORM;
    int64_t status = -1;
    TS_STATUS_INFO *info = TS_RESP_get_status_info(reading->response);
    if (!ASN1_INTEGER_get_int64(&status, TS_STATUS_INFO_get0_status(info)) ||
        (status != TS_STATUS_GRANTED && status != TS_STATUS_GRANTED_WITH_MODS))
        return TALLY_ANCHOR_IS_STATUS;
    reading->token = TS_RESP_get_token(reading->response);
    return reading->token != NULL ? TALLY_ANCHOR_IS_VERIFIED : TALLY_ANCHOR_IS_STATUS;
}

/* The tag of the first member tells them apart: a token begins with an object identifier. */
static bool is_response(struct tally_bytes bytes)
{
    size_t head = 2;
    if (bytes.size > 2 && (bytes.data[1] & 0x80) != 0)
        head += bytes.data[1] & 0x7f;
    return bytes.size > head && bytes.data[head] == (V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED);
}

static enum tally_anchor_reason parse(struct reading *reading, struct tally_bytes bytes)
{
    if (bytes.size == 0 || bytes.size > TOKEN_MAX)
        return TALLY_ANCHOR_IS_SIZE;
    if (is_response(bytes))
        return parse_response(reading, bytes);
    return parse_token(reading, bytes) ? TALLY_ANCHOR_IS_VERIFIED : TALLY_ANCHOR_IS_FORM;
}

/* ---- 2 and 12: what is signed, by whom, and its identity ---- */

static bool is_info(const PKCS7 *token)
{
    static const uint8_t tst_info[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d,
                                       0x01, 0x09, 0x10, 0x01, 0x04};
    const PKCS7 *content = token->d.sign->contents;
    return content != NULL && OBJ_length(content->type) == sizeof tst_info &&
           memcmp(OBJ_get0_data(content->type), tst_info, sizeof tst_info) == 0 &&
           content->d.other != NULL && content->d.other->type == V_ASN1_OCTET_STRING;
}

static void keep_hash(X509_PUBKEY *key, struct tally_hash *hash)
{
    uint8_t *der = NULL;
    int size = i2d_X509_PUBKEY(key, &der);
    hash_sha256(bytes_of(der, size > 0 ? (size_t)size : 0), hash);
    OPENSSL_free(der);
}

static enum tally_anchor_reason open_token(struct reading *reading)
{
    PKCS7 *token = reading->token;
    if (!PKCS7_type_is_signed(token) || token->d.sign == NULL ||
        sk_PKCS7_SIGNER_INFO_num(token->d.sign->signer_info) != 1 || !is_info(token))
        return TALLY_ANCHOR_IS_SIGNERS;
    const ASN1_OCTET_STRING *octets = token->d.sign->contents->d.other->value.octet_string;
    struct tally_bytes content =
        bytes_of(ASN1_STRING_get0_data(octets), (size_t)ASN1_STRING_length(octets));
    const uint8_t *at = content.data;
    uint8_t *again = NULL;
    reading->info = d2i_TS_TST_INFO(NULL, &at, (long)content.size);
    if (reading->info == NULL ||
        !same_again(i2d_TS_TST_INFO(reading->info, &again), &again, content))
        return TALLY_ANCHOR_IS_FORM;
    if (TS_TST_INFO_get_version(reading->info) != 1)
        return TALLY_ANCHOR_IS_SIGNERS;
    STACK_OF(X509) *signers = PKCS7_get0_signers(token, NULL, 0);
    bool one = signers != NULL && sk_X509_num(signers) == 1;
    reading->signer = one ? sk_X509_value(signers, 0) : NULL;
    sk_X509_free(signers);
    if (!one) /* Without its certificate nobody knows whose it is. */
        return TALLY_ANCHOR_IS_SIGNERS;
    hash_sha256(content, &reading->answer->identity);
    keep_hash(X509_get_X509_PUBKEY(reading->signer), &reading->answer->signer);
    reading->answer->known = true;
    return TALLY_ANCHOR_IS_VERIFIED;
}

/* ---- 3 to 7: what it says ---- */

static enum tally_anchor_reason check_imprint(struct reading *reading)
{
    const struct token_question *question = reading->question;
    TS_MSG_IMPRINT *imprint = TS_TST_INFO_get_msg_imprint(reading->info);
    const ASN1_OBJECT *algorithm;
    int type;
    X509_ALGOR_get0(&algorithm, &type, NULL, TS_MSG_IMPRINT_get_algo(imprint));
    /* OpenSSL compares the bytes alone. */
    if (OBJ_obj2nid(algorithm) != NID_sha256 || (type != V_ASN1_NULL && type != V_ASN1_UNDEF))
        return TALLY_ANCHOR_IS_ALGORITHM;
    const ASN1_OCTET_STRING *octets = TS_MSG_IMPRINT_get_msg(imprint);
    struct tally_bytes said =
        bytes_of(ASN1_STRING_get0_data(octets), (size_t)ASN1_STRING_length(octets));
    for (uint32_t i = 0; i < question->imprint_count; i++)
        if (bytes_equal(said, bytes_of(question->imprints[i].bytes, 32))) {
            reading->answer->imprint = i;
            return TALLY_ANCHOR_IS_VERIFIED;
        }
    return TALLY_ANCHOR_IS_IMPRINT;
}

static enum tally_anchor_reason check_policy(struct reading *reading)
{
    const struct token_question *question = reading->question;
    char *policy = reading->answer->policy;
    int size = OBJ_obj2txt(policy, TOKEN_OID_MAX + 1, TS_TST_INFO_get_policy_id(reading->info), 1);
    if (size <= 0 || size > TOKEN_OID_MAX)
        return TALLY_ANCHOR_IS_POLICY;
    for (uint32_t i = 0; i < question->policy_count; i++)
        if (strcmp(question->policies[i], policy) == 0)
            return TALLY_ANCHOR_IS_VERIFIED;
    return TALLY_ANCHOR_IS_POLICY;
}

static bool number_is(const ASN1_INTEGER *said, const struct token_number *number)
{
    BIGNUM *value = said != NULL ? ASN1_INTEGER_to_BN(said, NULL) : NULL;
    uint8_t bytes[TOKEN_SERIAL_MAX];
    bool same = value != NULL && !BN_is_negative(value) && BN_num_bytes(value) == number->size &&
                BN_bn2bin(value, bytes) >= 0 && memcmp(bytes, number->bytes, number->size) == 0;
    BN_free(value);
    return same;
}

/* YYYYMMDDhhmmss[.f...]Z; ASN1_TIME_to_tm drops the fraction. */
static bool read_time(const ASN1_GENERALIZEDTIME *time, int64_t *ms)
{
    struct tm parts;
    const char *text = (const char *)ASN1_STRING_get0_data(time);
    int size = ASN1_STRING_length(time), fraction = 0, scale = 100;
    if (size < 15 || text[size - 1] != 'Z' || !ASN1_TIME_to_tm(time, &parts) ||
        (size > 15 && (text[14] != '.' || size == 16 || text[size - 2] == '0')))
        return false; /* RFC 3161 section 2.4.2: no fraction ends with a zero. */
    for (int i = 15; i < size - 1; i++, scale /= 10) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        fraction += (text[i] - '0') * scale;
    }
    *ms = (int64_t)timegm(&parts) * 1000 + fraction;
    return true;
}

static bool is_within(const ASN1_INTEGER *said, int64_t most, int64_t *value)
{
    *value = 0;
    return said == NULL || (ASN1_INTEGER_get_int64(value, said) && *value >= 0 && *value <= most);
}

static bool read_accuracy(TS_ACCURACY *accuracy, uint32_t *ms)
{
    int64_t seconds, millis, micros;
    if (accuracy == NULL || !is_within(TS_ACCURACY_get_seconds(accuracy), 86400, &seconds) ||
        !is_within(TS_ACCURACY_get_millis(accuracy), 999, &millis) ||
        !is_within(TS_ACCURACY_get_micros(accuracy), 999, &micros))
        return false;
    *ms = (uint32_t)(seconds * 1000 + millis + (micros > 0));
    return true;
}

static enum tally_anchor_reason check_info(struct reading *reading)
{
    const struct token_question *question = reading->question;
    struct token_answer *answer = reading->answer;
    enum tally_anchor_reason reason = check_imprint(reading);
    if (reason == TALLY_ANCHOR_IS_VERIFIED && question->roots_size == 0)
        return TALLY_ANCHOR_IS_NO_BACKEND; /* No authority to judge it by. */
    if (reason == TALLY_ANCHOR_IS_VERIFIED)
        reason = check_policy(reading);
    if (reason != TALLY_ANCHOR_IS_VERIFIED)
        return reason;
    if (question->nonce.size > 0 &&
        !number_is(TS_TST_INFO_get_nonce(reading->info), &question->nonce))
        return TALLY_ANCHOR_IS_NONCE;
    if (!read_time(TS_TST_INFO_get_time(reading->info), &answer->time_ms))
        return TALLY_ANCHOR_IS_TIME;
    if (answer->time_ms > question->now_ms + AHEAD_MS)
        return TALLY_ANCHOR_IS_FUTURE;
    if (!read_accuracy(TS_TST_INFO_get_accuracy(reading->info), &answer->accuracy_ms) ||
        answer->accuracy_ms > question->accuracy_max_ms)
        return TALLY_ANCHOR_IS_ACCURACY;
    STACK_OF(X509_EXTENSION) *extensions = TS_TST_INFO_get_exts(reading->info);
    for (int i = 0; i < sk_X509_EXTENSION_num(extensions); i++)
        if (X509_EXTENSION_get_critical(sk_X509_EXTENSION_value(extensions, i)))
            return TALLY_ANCHOR_IS_EXTENSION;
    return TALLY_ANCHOR_IS_VERIFIED;
}

/* ---- 9 to 11: the signer ---- */

static enum tally_anchor_reason check_usage(const struct reading *reading)
{
    int critical = 0;
    EXTENDED_KEY_USAGE *usage =
        X509_get_ext_d2i(reading->signer, NID_ext_key_usage, &critical, NULL);
    bool alone = usage != NULL && critical == 1 && sk_ASN1_OBJECT_num(usage) == 1 &&
                 OBJ_obj2nid(sk_ASN1_OBJECT_value(usage, 0)) == NID_time_stamp;
    EXTENDED_KEY_USAGE_free(usage);
    return alone ? TALLY_ANCHOR_IS_VERIFIED : TALLY_ANCHOR_IS_USAGE;
}

/* A list of revoked certificates counts if a pinned root signed it. What is on it is refused
   whenever it was revoked: a stolen key chooses its dates. */
static bool is_listed(const struct reading *reading, struct tally_bytes crl)
{
    BIO *bio = BIO_new_mem_buf(crl.data, (int)crl.size);
    bool listed = false;
    X509_CRL *list;
    while (!listed && bio != NULL && (list = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL))) {
        X509_REVOKED *entry;
        STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(reading->roots);
        for (int i = 0; i < sk_X509_OBJECT_num(objects) && !listed; i++) {
            X509 *root = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
            listed = root != NULL && X509_CRL_verify(list, X509_get0_pubkey(root)) == 1 &&
                     X509_CRL_get0_by_cert(list, &entry, reading->signer) == 1;
        }
        X509_CRL_free(list);
    }
    BIO_free(bio);
    return listed;
}

static enum tally_anchor_reason check_signer(const struct reading *reading, struct tally_bytes crl)
{
    const struct token_question *question = reading->question;
    const ASN1_INTEGER *serial = X509_get0_serialNumber(reading->signer);
    struct tm parts;
    for (uint32_t i = 0; i < question->revoked_count; i++)
        if (number_is(serial, &question->revoked[i]))
            return TALLY_ANCHOR_IS_REVOKED;
    if (is_listed(reading, crl))
        return TALLY_ANCHOR_IS_REVOKED;
    /* 11: who steals an expired key backdates at will, but not into our hands. */
    if (!ASN1_TIME_to_tm(X509_get0_notAfter(reading->signer), &parts) ||
        (int64_t)timegm(&parts) * 1000 < question->held_since_ms)
        return TALLY_ANCHOR_IS_EXPIRED;
    return TALLY_ANCHOR_IS_VERIFIED;
}

/* ---- 8: the signature, and the chain to a root, at genTime ---- */

static bool read_roots(struct reading *reading, struct tally_bytes pem)
{
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.size);
    X509 *root;
    int count = 0;
    reading->roots = X509_STORE_new();
    while (bio != NULL && reading->roots != NULL &&
           (root = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        count += X509_STORE_add_cert(reading->roots, root) == 1;
        X509_free(root);
    }
    BIO_free(bio);
    ERR_clear_error();
    return count > 0;
}

/* What OpenSSL's last word means. */
static enum tally_anchor_reason reason_of_error(void)
{
    unsigned long code = ERR_peek_last_error();
    ERR_clear_error();
    if (ERR_GET_LIB(code) != ERR_LIB_TS)
        return TALLY_ANCHOR_IS_SIGNATURE;
    switch (ERR_GET_REASON(code)) {
    case TS_R_CERTIFICATE_VERIFY_ERROR:
        return TALLY_ANCHOR_IS_UNTRUSTED;
    case TS_R_ESS_SIGNING_CERTIFICATE_ERROR:
    case TS_R_ESS_ADD_SIGNING_CERT_ERROR:
    case TS_R_TSA_NAME_MISMATCH: /* 7: another signer than it names. */
    case TS_R_TSA_UNTRUSTED:
        return TALLY_ANCHOR_IS_BINDING;
    default: /* Of a list that is OpenSSL's. */
        return TALLY_ANCHOR_IS_SIGNATURE;
    }
}

static enum tally_anchor_reason check_signature(struct reading *reading)
{
    X509_VERIFY_PARAM *parameters = X509_STORE_get0_param(reading->roots);
    X509_VERIFY_PARAM_set_time(parameters, (time_t)(reading->answer->time_ms / 1000));
    X509_VERIFY_PARAM_set_auth_level(parameters, SECURITY_LEVEL);
    X509_VERIFY_PARAM_set_depth(parameters, CHAIN_DEPTH);
    TS_VERIFY_CTX *context = TS_VERIFY_CTX_new();
    bool good = false;
    ERR_clear_error();
    if (context != NULL && X509_STORE_up_ref(reading->roots)) {
        (void)TS_VERIFY_CTX_set_store(context, reading->roots); /* Owns that reference. */
        /* TS_VFY_TSA_NAME and all that include it read a member that nobody can set: a crash.
           SIGNER compares the token's own name with the signer's certificate. */
        (void)TS_VERIFY_CTX_set_flags(context, TS_VFY_SIGNATURE | TS_VFY_VERSION | TS_VFY_SIGNER);
        good = TS_RESP_verify_token(context, reading->token) == 1;
    }
    TS_VERIFY_CTX_free(context);
    return good ? TALLY_ANCHOR_IS_VERIFIED : reason_of_error();
}

static enum tally_anchor_reason judge(struct reading *reading, struct tally_bytes roots,
                                      struct tally_bytes crl, struct tally_bytes token)
{
    enum tally_anchor_reason reason = parse(reading, token);
    if (reason == TALLY_ANCHOR_IS_VERIFIED)
        reason = open_token(reading);
    if (reason == TALLY_ANCHOR_IS_VERIFIED)
        reason = check_info(reading);
    if (reason == TALLY_ANCHOR_IS_VERIFIED)
        reason = check_usage(reading);
    if (reason == TALLY_ANCHOR_IS_VERIFIED && !read_roots(reading, roots))
        reason = TALLY_ANCHOR_IS_NO_BACKEND;
    if (reason == TALLY_ANCHOR_IS_VERIFIED)
        reason = check_signature(reading);
    return reason == TALLY_ANCHOR_IS_VERIFIED ? check_signer(reading, crl) : reason;
}

void token_read(const struct token_question *question, struct tally_bytes roots,
                struct tally_bytes crl, struct tally_bytes token, struct token_answer *answer)
{
    struct reading reading = {.question = question, .answer = answer};
    *answer = (struct token_answer){0};
    answer->reason = judge(&reading, roots, crl, token);
    ERR_clear_error();
    TS_TST_INFO_free(reading.info);
    X509_STORE_free(reading.roots);
    if (reading.response != NULL)
        TS_RESP_free(reading.response);
    else
        PKCS7_free(reading.token);
}

/* ---- Asking for one ---- */

size_t token_request_write(const struct tally_hash *imprint, const struct token_number *nonce,
                           const char *policy, uint8_t *bytes, size_t capacity)
{
    TS_REQ *request = TS_REQ_new();
    TS_MSG_IMPRINT *message = TS_MSG_IMPRINT_new();
    X509_ALGOR *algorithm = X509_ALGOR_new();
    BIGNUM *value = BN_bin2bn(nonce->bytes, nonce->size, NULL);
    ASN1_INTEGER *number = value != NULL ? BN_to_ASN1_INTEGER(value, NULL) : NULL;
    ASN1_OBJECT *object = policy != NULL ? OBJ_txt2obj(policy, 1) : NULL;
    uint8_t *der = NULL, hash[32];
    memcpy(hash, imprint->bytes, sizeof hash);
    bool good = request != NULL && message != NULL && algorithm != NULL && number != NULL &&
                (policy == NULL || object != NULL) && TS_REQ_set_version(request, 1) &&
                X509_ALGOR_set0(algorithm, OBJ_nid2obj(NID_sha256), V_ASN1_NULL, NULL) &&
                TS_MSG_IMPRINT_set_algo(message, algorithm) &&
                TS_MSG_IMPRINT_set_msg(message, hash, sizeof hash) &&
                TS_REQ_set_msg_imprint(request, message) && TS_REQ_set_nonce(request, number) &&
                TS_REQ_set_cert_req(request, 1) &&
                (object == NULL || TS_REQ_set_policy_id(request, object));
    int size = good ? i2d_TS_REQ(request, &der) : 0;
    bool fits = size > 0 && (size_t)size <= capacity;
    if (fits)
        memcpy(bytes, der, (size_t)size);
    OPENSSL_free(der);
    ASN1_OBJECT_free(object);
    ASN1_INTEGER_free(number);
    BN_free(value);
    X509_ALGOR_free(algorithm);
    TS_MSG_IMPRINT_free(message);
    TS_REQ_free(request);
    return fits ? (size_t)size : 0;
}
