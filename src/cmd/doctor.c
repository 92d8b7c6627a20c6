/* SPDX-License-Identifier: Apache-2.0 */
/* tally doctor: what is wrong, why, and what to do. */
#include "cmd/ask.h"
#include "cmd/print.h"
#include "cmd/reach.h"
#include "cmd/shelf.h"
#include "cmd/verbs.h"
#include "host/uv/report.h"

#include <stdlib.h>
#include <string.h>

/* What came of asking others whether they reach us. */
static const char *word_of(enum tally_error error)
{
    if (error == TALLY_OK || error == TALLY_UNREACHABLE)
        return "done"; /* With whichever result. */
    if (error == TALLY_TIMED_OUT)
        return "timed_out";
    if (error == TALLY_BUSY)
        return "busy";
    return "nobody"; /* To ask, or no way to. */
}

static const char *sentence_of(const char *word)
{
    if (strcmp(word, "done") == 0)
        return "others were asked just now";
    if (strcmp(word, "timed_out") == 0)
        return "others were asked, and did not answer in time";
    if (strcmp(word, "busy") == 0)
        return "others are being asked already";
    if (strcmp(word, "skipped") == 0)
        return "nobody was asked";
    return "there is nobody to ask";
}

/* ---- For people ---- */

static void show_findings(const json_t *doctor)
{
    size_t index;
    const json_t *finding, *findings = json_object_get(doctor, "findings");
    json_array_foreach(findings, index, finding)
    {
        const char *message = text_of(finding, "message"), *remedy = text_of(finding, "remedy");
        (void)printf("\n%s  %s\n  ", text_of(finding, "code"), text_of(finding, "level"));
        print_escaped(stdout, message, strlen(message));
        (void)printf("\n  do: ");
        print_escaped(stdout, remedy, strlen(remedy));
        (void)fputc('\n', stdout);
    }
    if (json_array_size(findings) == 0)
        (void)printf("\nall is well\n");
    else
        (void)printf("\ntally help CODE explains\n");
}

static void show_machine(const json_t *doctor)
{
    const json_t *disk = json_object_get(doctor, "disk");
    const json_t *machine = json_object_get(doctor, "machine");
    const char *data = text_of(disk, "data"), *mode = text_of(disk, "mode");
    (void)printf("data     ");
    print_escaped(stdout, data, strlen(data));
    (void)printf(", %s%s", mode[0] == '\0' ? "not there" : "mode ", mode);
    if (number_of(disk, "free_bytes") > 0)
        (void)printf(", %lld MB free", number_of(disk, "free_bytes") / 1000000);
    (void)printf("\nudp      buffers of %lld bytes in, %lld out\n",
                 number_of(machine, "udp_receive_buffer_bytes"),
                 number_of(machine, "udp_send_buffer_bytes"));
}

static void show_bootstraps(const json_t *doctor)
{
    size_t index;
    const json_t *one;
    json_array_foreach(json_object_get(doctor, "bootstraps"), index, one)
    {
        const char *name = text_of(one, "bootstrap"), *error = text_of(one, "last_error");
        (void)printf("%-9s", index == 0 ? "begin" : "");
        print_escaped(stdout, name, strlen(name));
        (void)printf("  %s%s%s\n", text_of(one, "state"), error[0] == '\0' ? "" : ": ", error);
    }
}

static void show(const json_t *doctor)
{
    const json_t *dht = json_object_get(doctor, "dht");
    if (truth_of(doctor, "running")) {
        (void)printf("node     running, profile %s, up %lld s\n", text_of(doctor, "profile"),
                     number_of(doctor, "uptime_ms") / 1000);
        show_machine(doctor);
        (void)printf("check    %s\n", sentence_of(text_of(doctor, "check")));
        reach_print(doctor);
        (void)printf("traffic  %lld datagrams in, %lld out\n", number_of(doctor, "datagrams_in"),
                     number_of(doctor, "datagrams_out"));
        if (number_of(doctor, "links") > 0)
            (void)printf("clock    peers differ by %lld ms\n",
                         number_of(doctor, "clock_offset_ms"));
        (void)printf("peers    %lld known, %lld linked\n", number_of(doctor, "peers"),
                     number_of(doctor, "links"));
        (void)printf("dht      %s, %lld contacts\n", text_of(dht, "role"),
                     number_of(dht, "contacts"));
        show_bootstraps(doctor);
    } else {
        (void)printf("node     not running\n");
        show_machine(doctor);
    }
    show_findings(doctor);
}

/* ---- With and without a node ---- */

/* Only what can be seen from here. */
static json_t *look_alone(const char *data)
{
    struct machine machine;
    struct findings findings = {.count = 0};
    const struct doctor_facts facts = {.data = data, .machine = &machine};
    machine_look(data, &machine);
    doctor_examine(&facts, &findings);
    return report_doctor(&facts, &findings, (struct tally_mono){0});
}

/* Asks the node to ask others; then what it knows. NULL: the complaint says why. */
static json_t *look(struct call *call, const char *data, unsigned timeout_s)
{
    struct complaint check = {.error = TALLY_OK};
    const char *word = "skipped";
    if (!call_flag(call, "quick")) {
        json_t *done = ask_node(data, "check", "", timeout_s,
                                "asking others whether they reach this node", &check);
        json_decref(done);
        word = word_of(done != NULL ? TALLY_OK : check.error);
    }
    json_t *doctor = ask_node(data, "doctor", "", timeout_s, NULL, &call->complaint);
    if (doctor != NULL)
        (void)json_object_set_new(doctor, "check", json_string(word));
    return doctor;
}

enum exit_code verb_doctor(struct call *call)
{
    char data[PATHS_MAX];
    unsigned timeout_s;
    enum exit_code code = EXIT_DONE;
    if (!shelf_data(call, data, &code) || !ask_timeout(call, &timeout_s, &code))
        return code;
    json_t *doctor = look(call, data, timeout_s);
    enum tally_error error = doctor != NULL ? TALLY_OK : call->complaint.error;
    if (error == TALLY_NO_DAEMON || error == TALLY_NOT_FOUND)
        doctor = look_alone(data);
    if (doctor == NULL)
        return call_fail(call, data);
    code = !truth_of(doctor, "running")  ? EXIT_NO_DAEMON
           : truth_of(doctor, "healthy") ? EXIT_DONE
                                         : EXIT_FAILED;
    if (call->json) {
        print_json(doctor);
        return code;
    }
    show(doctor);
    json_decref(doctor);
    return code;
}
