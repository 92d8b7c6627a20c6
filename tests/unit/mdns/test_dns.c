/* SPDX-License-Identifier: Apache-2.0 */
/* DNS messages as bytes: what is of good form comes out again, the rest is refused at its fault. */
#include "core/base/bytes.h"
#include "core/mdns/dns.h"

#include "support/cmocka.h"

static struct dns_name name_of(const char *text)
{
    struct dns_name name;
    dns_name_make(&name, text);
    return name;
}

/* Reads one question out of a header for one question and the bytes given. */
static bool reads(const uint8_t *bytes, size_t size, struct dns_question *question)
{
    uint8_t packet[1024] = {[5] = 1};
    struct dns_reader r;
    struct dns_header header;
    memcpy(packet + DNS_HEADER, bytes, size);
    assert_true(dns_header_read(&r, bytes_of(packet, DNS_HEADER + size), &header));
    return dns_question_read(&r, question);
}

static void names_are_labels(void **state)
{
    struct dns_name name = name_of("_p2p._udp.local"), root = name_of(""), joined;
    static const uint8_t wire[] = "\4_p2p\4_udp\5local";
    assert_int_equal(name.size, sizeof wire);
    assert_memory_equal(name.bytes, wire, sizeof wire);
    assert_int_equal(root.size, 1);
    dns_name_join(&joined, bytes_text("A.b"), "_p2p._udp.local");
    assert_int_equal(joined.bytes[0], 3); /* A dot inside a label is a byte like any other. */
    assert_true(dns_name_follows(&joined, &name));
    assert_false(dns_name_follows(&joined, &root));
    assert_false(dns_name_follows(&root, &name));
    assert_int_equal(dns_name_label(&joined).size, 3);
    assert_int_equal(dns_name_label(&root).size, 0);
}

static void case_does_not_count(void **state)
{
    struct dns_name one = name_of("_P2P._uDp.LOCAL"), other = name_of("_p2p._udp.local");
    struct dns_name longer = name_of("_p2p._udp.local.x"), different = name_of("_p2q._udp.local");
    assert_true(dns_name_equal(&one, &other));
    assert_false(dns_name_equal(&other, &longer));
    assert_false(dns_name_equal(&other, &different));
    /* '@' and '`' differ in the bit that letters are folded by. */
    struct dns_name at = name_of("@"), grave = name_of("`");
    assert_false(dns_name_equal(&at, &grave));
}

static void what_is_written_is_read(void **state)
{
    uint8_t packet[512], small[sizeof packet];
    struct dns_name service = name_of("_p2p._udp.local"), one = name_of("one._p2p._udp.local");
    for (int compress = 0; compress < 2; compress++) {
        struct dns_writer w;
        dns_writer_init(&w, packet, sizeof packet, compress == 1, 7, DNS_FLAG_RESPONSE);
        dns_question_write(&w, &service, DNS_PTR);
        size_t begun = dns_record_begin(&w, &service, DNS_PTR, 120);
        dns_name_write(&w, &one);
        dns_record_end(&w, DNS_ANSWERS, begun);
        begun = dns_record_begin(&w, &one, DNS_TXT, 360);
        dns_bytes_write(&w, bytes_of("\3a=b\0\1c", 7));
        dns_record_end(&w, DNS_ADDITIONALS, begun);
        struct tally_bytes bytes = dns_writer_bytes(&w);
        assert_int_equal(bytes.size, compress == 1 ? 12 + 21 + 18 + 19 : 12 + 21 + 48 + 38);

        struct dns_reader r;
        struct dns_header header;
        struct dns_question question;
        struct dns_record record;
        struct dns_name target;
        assert_true(dns_header_read(&r, bytes, &header));
        assert_int_equal(header.id, 7);
        assert_int_equal(header.counts[DNS_ANSWERS], 1);
        assert_true(dns_question_read(&r, &question));
        assert_true(dns_name_equal(&question.name, &service));
        assert_true(dns_record_read(&r, &record));
        assert_true(dns_target_read(&r, &record, &target));
        assert_true(dns_name_equal(&target, &one));
        assert_int_equal(record.ttl_s, 120);
        assert_true(dns_record_read(&r, &record));
        assert_true(dns_name_equal(&record.name, &one));
        struct tally_bytes text = record.data, string;
        assert_true(dns_text_next(&text, &string) && string.size == 3);
        assert_true(dns_text_next(&text, &string) && string.size == 0);
        assert_true(dns_text_next(&text, &string) && string.size == 1);
        assert_false(dns_text_next(&text, &string));
        assert_int_equal(r.at, bytes.size);
        assert_false(dns_record_read(&r, &record)); /* Nothing is behind. */

        /* With a byte less it does not fit, and says so. */
        for (size_t room = DNS_HEADER; room < bytes.size; room++) {
            dns_writer_init(&w, small, room, compress == 1, 7, DNS_FLAG_RESPONSE);
            dns_question_write(&w, &service, DNS_PTR);
            begun = dns_record_begin(&w, &service, DNS_PTR, 120);
            dns_name_write(&w, &one);
            dns_record_end(&w, DNS_ANSWERS, begun);
            begun = dns_record_begin(&w, &one, DNS_TXT, 360);
            dns_bytes_write(&w, bytes_of("\3a=b\0\1c", 7));
            dns_record_end(&w, DNS_ADDITIONALS, begun);
            assert_int_equal(dns_writer_bytes(&w).size, 0);
        }
    }
}

static void what_does_not_fit_is_left_out_whole(void **state)
{
    uint8_t packet[DNS_HEADER + 21 + 20];
    struct dns_name service = name_of("_p2p._udp.local"), one = name_of("one._p2p._udp.local");
    struct dns_writer w, before;
    struct dns_reader r;
    struct dns_header header;
    dns_writer_init(&w, packet, sizeof packet, true, 0, 0);
    dns_question_write(&w, &service, DNS_PTR);
    for (unsigned i = 0; i < 3; i++) {
        before = w;
        size_t begun = dns_record_begin(&w, &service, DNS_PTR, 120);
        dns_name_write(&w, &one);
        dns_record_end(&w, DNS_ANSWERS, begun);
        if (w.full)
            w = before;
    }
    assert_true(dns_header_read(&r, dns_writer_bytes(&w), &header));
    assert_int_equal(header.counts[DNS_ANSWERS], 1);
}

static void bad_names_are_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *why;
    } cases[] = {
        {"", 0, "nothing"},
        {"\1a", 2, "no end"},
        {"\5ab", 3, "a label beyond the end"},
        {"\1a\0\0\14\0", 6, "no class"},
        {"\xc0\x0c\0\1\0\1", 6, "a pointer to itself"},
        {"\1a\xc0\x0e\0\1\0\1", 8, "a pointer to itself behind a label"},
        {"\1a\xc0\x0c\0\1\0\1", 8, "a circle"},
        {"\xc0\x0e\1a\0\0\1\0\1", 9, "forwards"},
        {"\xc0\x00\0\1\0\1", 6, "into the header"},
        {"\xc0\x0b\0\1\0\1", 6, "into the header's last byte"},
        {"\xff\xff\0\1\0\1", 6, "beyond the end"},
        {"\xc0", 1, "half a pointer"},
        {"\100a\0\0\1\0\1", 7, "a label of kind 01"},
        {"\200a\0\0\1\0\1", 7, "a label of kind 10"},
    };
    struct dns_question question;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (reads((const uint8_t *)cases[i].bytes, cases[i].size, &question))
            fail_msg("taken: %s", cases[i].why);
    assert_true(reads((const uint8_t *)"\0\0\1\0\1", 5, &question));
    assert_int_equal(question.name.size, 1);
}

static void long_names_are_refused(void **state)
{
    /* 63 + 63 + 63 + 61: 255 bytes with lengths and root, and one more. */
    uint8_t bytes[512];
    struct dns_question question;
    for (size_t last = 61; last <= 62; last++) {
        const size_t sizes[] = {63, 63, 63, last};
        size_t at = 0;
        for (size_t i = 0; i < 4; i++) {
            bytes[at++] = (uint8_t)sizes[i];
            memset(bytes + at, 'x', sizes[i]);
            at += sizes[i];
        }
        memcpy(bytes + at, "\0\0\1\0\1", 5);
        assert_int_equal(reads(bytes, at + 5, &question), last == 61);
    }
    assert_int_equal(DNS_NAME_MAX, 1 + 63 + 1 + 63 + 1 + 63 + 1 + 61 + 1);
}

/* Pointers that each lead one back: as many steps as are allowed, and one more. */
static void long_chains_are_refused(void **state)
{
    for (unsigned pointers = DNS_STEPS_MAX - 1; pointers <= DNS_STEPS_MAX; pointers++) {
        uint8_t packet[1024] = {[5] = 1};
        struct dns_reader r;
        struct dns_header header;
        struct dns_question question;
        /* The root, then each pointer to what is before it, the last of them is the name. */
        size_t at = DNS_HEADER + 1;
        for (unsigned i = 0; i < pointers; i++) {
            size_t to = i == 0 ? DNS_HEADER : at - 2;
            be16_write(packet + at, (uint16_t)(0xc000 | to));
            at += 2;
        }
        memcpy(packet + at, "\0\1\0\1", 4);
        assert_true(dns_header_read(&r, bytes_of(packet, at + 4), &header));
        r.at = at - 2;
        assert_int_equal(dns_question_read(&r, &question), pointers == DNS_STEPS_MAX - 1);
    }
}

static void counts_are_bounded(void **state)
{
    static const struct {
        uint16_t counts[DNS_SECTIONS];
        bool good;
    } cases[] = {
        {{DNS_QUESTIONS_MAX, 0, 0, 0}, true},
        {{DNS_QUESTIONS_MAX + 1, 0, 0, 0}, false},
        {{0, DNS_RECORDS_MAX, 0, 0}, true},
        {{0, DNS_RECORDS_MAX, 1, 0}, false},
        {{0, DNS_RECORDS_MAX / 2, 0, DNS_RECORDS_MAX / 2 + 1}, false},
        {{0, 0xffff, 0xffff, 0xffff}, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t packet[DNS_HEADER] = {0};
        struct dns_reader r;
        struct dns_header header;
        for (unsigned section = 0; section < DNS_SECTIONS; section++)
            be16_write(packet + 4 + 2 * section, cases[i].counts[section]);
        assert_int_equal(dns_header_read(&r, bytes_of(packet, DNS_HEADER), &header), cases[i].good);
        assert_false(dns_header_read(&r, bytes_of(packet, DNS_HEADER - 1), &header));
    }
}

static void a_target_is_the_whole_of_its_record(void **state)
{
    static const struct {
        const char *data;
        size_t size;
        bool good;
    } cases[] = {
        {"\3one\0", 5, true},  {"\3one\0x", 6, false},
        {"\3one", 4, false},   {"\3one\xc0\x0c", 6, true},
        {"\xc0\x0c", 2, true}, {"\xc0", 1, false},
        {"", 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t packet[128];
        struct dns_name service = name_of("local"), target;
        struct dns_writer w;
        struct dns_reader r;
        struct dns_header header;
        struct dns_record record;
        dns_writer_init(&w, packet, sizeof packet, false, 0, DNS_FLAG_RESPONSE);
        size_t begun = dns_record_begin(&w, &service, DNS_PTR, 1);
        dns_bytes_write(&w, bytes_of(cases[i].data, cases[i].size));
        dns_record_end(&w, DNS_ANSWERS, begun);
        dns_bytes_write(&w, bytes_of("\0\0\0", 3)); /* What lies behind is not its own. */
        assert_true(dns_header_read(&r, dns_writer_bytes(&w), &header));
        assert_true(dns_record_read(&r, &record));
        assert_int_equal(dns_target_read(&r, &record, &target), cases[i].good);
    }
}

static void strings_end_with_their_record(void **state)
{
    struct tally_bytes data = bytes_of("\2ab\5cd", 6), string;
    assert_true(dns_text_next(&data, &string));
    assert_int_equal(string.size, 2);
    assert_false(dns_text_next(&data, &string)); /* Five announced, two are there. */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_labels),
        cmocka_unit_test(case_does_not_count),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(what_does_not_fit_is_left_out_whole),
        cmocka_unit_test(bad_names_are_refused),
        cmocka_unit_test(long_names_are_refused),
        cmocka_unit_test(long_chains_are_refused),
        cmocka_unit_test(counts_are_bounded),
        cmocka_unit_test(a_target_is_the_whole_of_its_record),
        cmocka_unit_test(strings_end_with_their_record),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("dns", tests, NULL, NULL);
}
