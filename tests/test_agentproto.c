/* test_agentproto.c - every message makes the round trip; bad ones are named and change nothing. */
#include "config.h"

#include "agentproto/msg.h"

#include "base/json.h"
#include "base/text.h"
#include "tests/suite.h"

#define UUID  "5f0c2a3e-0c7d-4b5e-9d6f-1a2b3c4d5e6f"
#define UUID2 "0b6c9d8e-1f2a-4c3b-8d7e-6f5a4b3c2d1e"
#define RIGHT                                                                                      \
    "17 {\"gen\":3,\"claimed\":false,\"owners\":[{\"host\":101,\"authority\":1,"                   \
    "\"inc\":\"00000000000000ab-1\"}]}"

static Vm *make_vm(void)
{
    Vm *vm = vm_new();
    struct vm_disk *disk = vm_add_disk(vm);
    struct vm_nic *nic = vm_add_nic(vm);

    vm->id = 26;
    text_set(&vm->uuid, UUID);
    text_set(&vm->name, "web \xc3\xa4\xe2\x82\xac <&>");
    text_set(&vm->description, "stays at home");
    vm->cpu = (struct vm_cpu){ .quantity = 4, .cores_per_socket = 2, .weight = 4000 };
    vm->memory = (struct vm_memory){ .size_mb = 4096, .reservation_mb = 1024, .hot_plug = 1 };
    *disk = (struct vm_disk){ .sequence = 1,
                              .volume_id = 9,
                              .datastore_id = 4,
                              .name = disk->name,
                              .path = disk->path,
                              .bus = disk->bus,
                              .size_gb = 40,
                              .thin = true };
    text_set(&disk->path, "/srv/vrm/vm-26-1.qcow2");
    text_set(&disk->bus, "VIRTIO");
    text_set(&nic->mac, "52:54:00:00:00:1a");
    nic->virtio = true;
    text_set(&vm->boot_option, "disk");
    text_set(&vm->os_type, "Linux");
    vm->os_version = 10088;
    text_set(&vm->clock_mode, "synchClock");
    text_set(&vm->cpu_model, "Skylake-Server-noTSX-IBRS");
    return vm;
}

/* Cleared by the caller. */
static struct agent_command make_command(enum agent_verb verb)
{
    struct agent_command command = {
        .id = g_strdup("t44-2-7"), .epoch = 7, .gen = 3, .verb = verb, .deadline_ms = 60000
    };

    if (verb == VERB_ABORT)
        command.abort_id = g_strdup("t44-1-7");
    else
        command.vm_uuid = g_strdup(UUID);
    if (verb == VERB_DEFINE || verb == VERB_UNDEFINE || verb == VERB_START)
        command.vm = make_vm();
    command.force = verb == VERB_STOP;
    if (verb == VERB_STOP || verb == VERB_MIGRATE || verb == VERB_RECEIVE || verb == VERB_RELEASE)
        command.vm_id = 26;
    if (verb == VERB_START || verb == VERB_RECEIVE || verb == VERB_RELEASE)
        command.right = g_strdup(RIGHT);
    if (verb == VERB_MIGRATE)
        command.migrate = (struct migrate_args){ .target_name = g_strdup("cna2"),
                                                 .target_address = g_strdup("fd00::12"),
                                                 .bandwidth_mib = 800,
                                                 .auto_converge = true,
                                                 .timeout_ms = 600000 };
    return command;
}

/* ---- round trips: what was decoded encodes to the same text ---------------------------------- */

START_TEST(each_command_makes_the_round_trip)
{
    struct agent_command command = make_command((enum agent_verb)_i), copy;
    g_autoptr(json_t) json = agent_command_encode(&command);
    g_autoptr(json_t) again = NULL;
    g_autoptr(GError) error = NULL;

    ck_assert(agent_command_decode(json, &copy, &error));
    suite_no_error(error);
    again = agent_command_encode(&copy);
    ck_assert(json_equal(json, again));
    ck_assert_int_eq(copy.verb, _i);
    ck_assert_str_eq(copy.id, "t44-2-7");
    ck_assert_int_eq(copy.epoch, 7);
    ck_assert_int_eq(copy.gen, 3);
    ck_assert_int_eq(copy.deadline_ms, 60000);
    ck_assert_int_eq(copy.force, command.force);
    ck_assert_str_eq(copy.vm_uuid, command.vm_uuid ? UUID : "");
    ck_assert_str_eq(copy.abort_id, command.abort_id ? "t44-1-7" : "");
    ck_assert_int_eq(copy.migrate.timeout_ms, command.migrate.timeout_ms);
    ck_assert_str_eq(copy.migrate.target_address,
                     command.vm_uuid && _i == VERB_MIGRATE ? "fd00::12" : "");
    ck_assert_int_eq(copy.vm != NULL, command.vm != NULL);
    ck_assert_int_eq(copy.vm_id, command.vm_id);
    ck_assert_str_eq(copy.right, command.right ? RIGHT : "");
    agent_command_clear(&command);
    agent_command_clear(&copy);
    ck_assert_ptr_null(copy.vm);
}
END_TEST

START_TEST(an_agent_gets_all_it_needs_of_a_vm)
{
    struct agent_command command = make_command(VERB_START), copy;
    g_autoptr(json_t) json = agent_command_encode(&command);
    g_autoptr(GError) error = NULL;
    const Vm *vm;

    ck_assert(agent_command_decode(json, &copy, &error));
    vm = copy.vm;
    ck_assert_int_eq(vm->id, 26);
    ck_assert_str_eq(vm->uuid, UUID);
    ck_assert_str_eq(vm->name, command.vm->name);
    ck_assert_int_eq(vm->cpu.quantity, 4);
    ck_assert_int_eq(vm->cpu.cores_per_socket, 2);
    ck_assert_int_eq(vm->memory.size_mb, 4096);
    ck_assert_int_eq(vm->memory.reservation_mb, 1024);
    ck_assert_uint_eq(vm->n_disks, 1);
    ck_assert_str_eq(vm->disks[0].path, "/srv/vrm/vm-26-1.qcow2");
    ck_assert_str_eq(vm->disks[0].bus, "VIRTIO");
    ck_assert_int_eq(vm->disks[0].size_gb, 40);
    ck_assert(vm->disks[0].thin);
    ck_assert_uint_eq(vm->n_nics, 1);
    ck_assert_str_eq(vm->nics[0].mac, "52:54:00:00:00:1a");
    ck_assert_str_eq(vm->nics[0].port_group, "");
    ck_assert_str_eq(vm->boot_option, "disk");
    ck_assert_str_eq(vm->os_type, "Linux");
    ck_assert_int_eq(vm->os_version, 10088);
    ck_assert_str_eq(vm->clock_mode, "synchClock");
    ck_assert_str_eq(vm->cpu_model, "Skylake-Server-noTSX-IBRS");
    ck_assert_str_eq(vm->description, ""); /* no agent's business */
    agent_command_clear(&command);
    agent_command_clear(&copy);
}
END_TEST

/* An older agent would drop the right and start the VM all the same. */
static const struct {
    enum agent_verb verb;
    const char *right;
    int64_t protocol;
    bool fits;
} versions[] = {
    { VERB_START, "", 3, true },       { VERB_START, RIGHT, 4, true },
    { VERB_START, RIGHT, 5, true },    { VERB_START, RIGHT, 3, false },
    { VERB_START, RIGHT, 1, false },   { VERB_RECEIVE, RIGHT, 3, false },
    { VERB_RELEASE, RIGHT, 3, false }, { VERB_RECEIVE, RIGHT, 4, true },
    { VERB_RELEASE, RIGHT, 4, true },  { VERB_STOP, "", 1, true },
    { VERB_MIGRATE, "", 3, true },
};

START_TEST(an_older_agent_is_not_sent_what_it_would_not_understand)
{
    char right[] = RIGHT, none[] = "";
    const struct agent_command command = { .verb = versions[_i].verb,
                                           .right = *versions[_i].right ? right : none };
    g_autoptr(GError) error = NULL;

    ck_assert_int_eq(agent_command_fits(&command, versions[_i].protocol, &error),
                     versions[_i].fits);
    if (!versions[_i].fits)
        suite_take_error(&error, VRM_ERR_UNAVAILABLE, "version 4 is needed for this");
    ck_assert_ptr_null(error);
}
END_TEST

static struct command_report make_report(enum command_state state)
{
    struct command_report report = {
        .id = g_strdup("t44-2-7"),
        .verb = VERB_MIGRATE,
        .vm_uuid = g_strdup(UUID),
        .state = state,
        .progress = 42,
        .elapsed_ms = 1500,
        .downtime_ms = 80,
        .transferred_mb = 900,
        .remaining_mb = 100,
        .dirty_mbps = 12,
    };

    if (state == COMMAND_FAILED) {
        report.err_code = VRM_ERR_UNAVAILABLE;
        report.reason = 10300015;
        report.error = g_strdup("internal error: QEMU said:\n\tno");
    }
    return report;
}

START_TEST(each_report_makes_the_round_trip)
{
    struct command_report report = make_report((enum command_state)_i), copy;
    g_autoptr(json_t) json = command_report_encode(&report);
    g_autoptr(json_t) again = NULL;
    g_autoptr(GError) error = NULL;

    ck_assert(command_report_decode(json, &copy, &error));
    suite_no_error(error);
    again = command_report_encode(&copy);
    ck_assert(json_equal(json, again));
    ck_assert_int_eq(copy.state, _i);
    ck_assert_int_eq(copy.verb, VERB_MIGRATE);
    ck_assert_int_eq(copy.err_code, report.err_code);
    ck_assert_int_eq(copy.reason, report.reason);
    ck_assert_str_eq(copy.error, report.error ? report.error : "");
    ck_assert_int_eq(copy.remaining_mb, 100);
    command_report_clear(&report);
    command_report_clear(&copy);
}
END_TEST

static struct domain_report make_domain(const char *uuid, enum domain_state state)
{
    return (struct domain_report){ .uuid = g_strdup(uuid),
                                   .name = g_strdup("i-0000001A"),
                                   .state = state,
                                   .detail = g_strdup("migrated"),
                                   .vm_id = 26,
                                   .gen = 3,
                                   .vnc_port = 5901,
                                   .cpu = g_strdup("Westmere +arat -vme"),
                                   .by_right = true,
                                   .halted = true };
}

static struct agent_hello make_hello(void)
{
    return (struct agent_hello){ .protocol = 1,
                                 .agent_version = g_strdup("0.1.0"),
                                 .cpu_vendor = g_strdup("Intel"),
                                 .cpu_features = g_strdup("aes apic sse4.2"),
                                 .cpu_generations = g_strdup("Conroe Westmere"),
                                 .name = g_strdup("cna1"),
                                 .uuid = g_strdup(UUID2),
                                 .real_name = g_strdup("cna1.example"),
                                 .vendor = g_strdup("QEMU"),
                                 .model = g_strdup("Standard PC"),
                                 .cpu_model = g_strdup("Skylake"),
                                 .hypervisor = g_strdup("QEMU 7.2"),
                                 .boot_id = g_strdup(UUID),
                                 .mem_mb = 64000,
                                 .cpu_threads = 32,
                                 .cpu_sockets = 2,
                                 .cpu_cores = 16,
                                 .cpu_mhz = 2600,
                                 .nic_count = 4,
                                 .devices = g_strdup("gpu-t4:2 mdev-a:8"),
                                 .net_mbps = 20000,
                                 .ha = true,
                                 .ha_address = g_strdup("10.91.0.11"),
                                 .hypervisor_restarts = 3,
                                 .epoch = 7 };
}

static void add_reports(struct watch_line *line, size_t n)
{
    line->commands = g_new0(struct command_report, n);
    for (line->n_commands = 0; line->n_commands < n; line->n_commands++)
        line->commands[line->n_commands] =
            make_report(line->n_commands % 2 ? COMMAND_FAILED : COMMAND_RUNNING);
}

static void add_domains(struct watch_line *line, size_t n)
{
    line->domains = g_new0(struct domain_report, n);
    for (line->n_domains = 0; line->n_domains < n; line->n_domains++)
        line->domains[line->n_domains] = make_domain(line->n_domains % 2 ? UUID2 : UUID,
                                                     (enum domain_state)(line->n_domains % 6));
}

static struct watch_line make_line(enum watch_kind kind)
{
    struct watch_line line = { .kind = kind };

    switch (kind) {
    case WATCH_HELLO:
        line.hello = make_hello();
        break;
    case WATCH_FULL:
        line.hypervisor_ok = true;
        add_domains(&line, 7);
        add_reports(&line, 2);
        break;
    case WATCH_DOMAIN:
        add_domains(&line, 1);
        break;
    case WATCH_COMMAND:
        add_reports(&line, 1);
        break;
    case WATCH_STATS:
        line.interval_ms = 5000;
        line.host = (struct host_stats){ .cpu_mhz = 8000, .mem_mb = 32000, .net_kbps = 12 };
        line.stats = g_new0(struct domain_stats, 1);
        line.stats[0] = (struct domain_stats){
            .uuid = g_strdup(UUID),
            .cpu_mhz = 2500,
            .mem_mb = 4000,
            .disk_read_kbps = 1,
            .agent_silent_ms = 30000,
            .io_still_ms = 20000,
            .cpu_still_ms = 10000,
            .cpu_stuck_ms = 5000,
            .agent_answers = true,
        };
        line.n_stats = 1;
        break;
    case WATCH_BEAT:
        break;
    }
    return line;
}

static char *line_text(const struct watch_line *line)
{
    g_autoptr(json_t) json = watch_line_encode(line);

    return json_format(json);
}

START_TEST(each_watch_line_makes_the_round_trip)
{
    struct watch_line line = make_line((enum watch_kind)_i), copy;
    g_autofree char *text = line_text(&line);
    g_autofree char *again = NULL;
    g_autoptr(GError) error = NULL;

    ck_assert(watch_line_decode(text, strlen(text), &copy, &error));
    suite_no_error(error);
    again = line_text(&copy);
    ck_assert_str_eq(text, again);
    ck_assert_ptr_null(strchr(text, '\n'));
    ck_assert_int_eq(copy.kind, _i);
    ck_assert_int_eq(copy.hypervisor_ok, line.hypervisor_ok);
    ck_assert_uint_eq(copy.n_domains, line.n_domains);
    ck_assert_uint_eq(copy.n_commands, line.n_commands);
    ck_assert_uint_eq(copy.n_stats, line.n_stats);
    ck_assert_int_eq(copy.interval_ms, line.interval_ms);
    ck_assert_int_eq(copy.hello.mem_mb, line.hello.mem_mb);
    if (line.kind == WATCH_HELLO) {
        ck_assert_str_eq(copy.hello.cpu_vendor, "Intel");
        ck_assert_str_eq(copy.hello.cpu_features, "aes apic sse4.2");
        ck_assert_str_eq(copy.hello.cpu_generations, "Conroe Westmere");
        ck_assert_str_eq(copy.hello.devices, "gpu-t4:2 mdev-a:8");
        ck_assert_int_eq(copy.hello.net_mbps, 20000);
        ck_assert(copy.hello.ha);
        ck_assert_str_eq(copy.hello.ha_address, "10.91.0.11");
        ck_assert_int_eq(copy.hello.hypervisor_restarts, 3);
    }
    ck_assert_int_eq(copy.host.cpu_mhz, line.host.cpu_mhz);
    watch_line_clear(&line);
    watch_line_clear(&copy);
    ck_assert_uint_eq(copy.n_domains, 0);
}
END_TEST

START_TEST(lists_keep_their_order_and_contents)
{
    struct watch_line line = make_line(WATCH_FULL), copy;
    g_autofree char *text = line_text(&line);

    ck_assert(watch_line_decode(text, strlen(text), &copy, NULL));
    for (size_t i = 0; i < copy.n_domains; i++) {
        ck_assert_str_eq(copy.domains[i].uuid, line.domains[i].uuid);
        ck_assert_int_eq(copy.domains[i].state, line.domains[i].state);
        ck_assert_int_eq(copy.domains[i].vnc_port, 5901);
        ck_assert_str_eq(copy.domains[i].cpu, "Westmere +arat -vme");
        ck_assert(copy.domains[i].by_right);
        ck_assert(copy.domains[i].halted);
    }
    ck_assert_int_eq(copy.commands[1].err_code, VRM_ERR_UNAVAILABLE);
    watch_line_clear(&line);
    watch_line_clear(&copy);
}
END_TEST

/* ---- encoders mend what a hypervisor may say ------------------------------------------------- */

START_TEST(strange_values_of_a_hypervisor_do_not_end_the_stream)
{
    struct watch_line line = make_line(WATCH_STATS), copy;
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;

    line.stats[0].cpu_mhz = -5; /* a counter went back */
    line.stats[0].mem_mb = INT64_MAX;
    text = line_text(&line);
    ck_assert(watch_line_decode(text, strlen(text), &copy, &error));
    suite_no_error(error);
    ck_assert_int_eq(copy.stats[0].cpu_mhz, 0);
    ck_assert_int_gt(copy.stats[0].mem_mb, 0);
    watch_line_clear(&line);
    watch_line_clear(&copy);
}
END_TEST

START_TEST(texts_are_cut_and_cleaned)
{
    struct watch_line line = make_line(WATCH_DOMAIN), copy;
    g_autofree char *wide = g_malloc(2001);
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;

    for (size_t i = 0; i < 1000; i++)
        memcpy(wide + 2 * i, "\xc3\xa4", 2);
    wide[2000] = '\0';
    text_set(&line.domains[0].name, wide);
    text_set(&line.domains[0].detail, "a\x1b[31m\xff\xc2\x85\nb");
    text = line_text(&line);
    ck_assert(watch_line_decode(text, strlen(text), &copy, &error));
    suite_no_error(error);
    ck_assert_int_eq(g_utf8_strlen(copy.domains[0].name, -1), 256);
    ck_assert_str_eq(copy.domains[0].detail, "a [31m\xef\xbf\xbd  \nb");
    watch_line_clear(&line);
    watch_line_clear(&copy);
}
END_TEST

/* ---- bad messages ---------------------------------------------------------------------------- */

#define START_HEAD                                                                                 \
    "{'v':1,'verb':'start','id':'t1','epoch':1,'gen':1,'deadline_ms':1,'vm_uuid':'" UUID "'"
#define STOP_HEAD                                                                                  \
    "{'v':1,'verb':'stop','id':'t1','epoch':1,'gen':1,'deadline_ms':1,'vm_uuid':'" UUID "'"
#define MOVE_HEAD                                                                                  \
    "{'v':1,'verb':'migrate','id':'t1','epoch':1,'gen':1,'deadline_ms':1,'vm_uuid':'" UUID "'"
#define RECEIVE_HEAD                                                                               \
    "{'v':1,'verb':'receive','id':'t1','epoch':1,'gen':1,'deadline_ms':1,'vm_uuid':'" UUID "'"
#define RELEASE_HEAD                                                                               \
    "{'v':1,'verb':'release','id':'t1','epoch':1,'gen':1,'deadline_ms':1,'vm_uuid':'" UUID "'"
#define VM_HEAD    START_HEAD ",'vm':{'id':1,'uuid':'" UUID "','name':'web'"
#define SIZES      ",'cpu':{'quantity':1},'memory':{'size_mb':1}"
#define DISK(path) ",'disks':[{'sequence':1,'size_gb':1,'path':'" path "'}]}}"

/* ' stands for " */
static const struct {
    const char *text;
    const char *field; /* that the error must name */
    const char *part;  /* of the message */
} bad_commands[] = {
    { "[]", "command", "command is an array of 0; want an object" },
    { "{}", "v", "v is missing; want a protocol version of at least 1" },
    { "{'v':'1'}", "v", "v is \"1\"" },
    { "{'v':0}", "v", "v is 0" },
    { "{'v':-1}", "v", "v is -1" },
    { "{'v':1}", "verb", "verb is missing" },
    { "{'v':1,'verb':'fly'}", "verb", "verb is \"fly\"; want one of define undefine start" },
    { "{'v':1,'verb':3}", "verb", "verb is 3" },
    { "{'v':1,'verb':null}", "verb", "verb is null" },
    { "{'v':1,'verb':'stop'}", "id", "id is missing" },
    { "{'v':1,'verb':'stop','id':''}", "id", "1 to 64 characters" },
    { "{'v':1,'verb':'stop','id':'a b'}", "id", "id is \"a b\"; want letters" },
    { "{'v':1,'verb':'stop','id':'../../etc/passwd'}", "id", "want letters" },
    { "{'v':1,'verb':'stop','id':"
      "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'}",
      "id", "1 to 64 characters" },
    { "{'v':1,'verb':'stop','id':'t','epoch':0}", "epoch", "epoch is 0" },
    { "{'v':1,'verb':'stop','id':'t','epoch':1.5}", "epoch", "epoch is 1.5; want an integer" },
    { "{'v':1,'verb':'stop','id':'t','epoch':'1'}", "epoch", "epoch is \"1\"" },
    { "{'v':1,'verb':'stop','id':'t','epoch':1,'gen':-1}", "gen", "gen is -1" },
    { "{'v':1,'verb':'stop','id':'t','epoch':1,'gen':0}", "vm_uuid", "missing" },
    { "{'v':1,'verb':'stop','id':'t','epoch':1,'gen':0,'vm_uuid':'x'}", "vm_uuid", "want a UUID" },
    { "{'v':1,'verb':'stop','id':'t','epoch':1,'gen':0,'vm_uuid':'" UUID "'}", "deadline_ms",
      "missing" },
    { "{'v':1,'verb':'stop','id':'t','epoch':1,'gen':0,'vm_uuid':'" UUID "','deadline_ms':0}",
      "deadline_ms", "want an integer of 1 to 86400000" },
    { STOP_HEAD ",'force':1}", "force", "force is 1; want true or false" },
    { STOP_HEAD ",'colour':'red'}", "colour", "does not belong into this command" },
    { STOP_HEAD ",'abort_id':'t0'}", "abort_id", "does not belong into this command" },
    { STOP_HEAD ",'vm':{}}", "vm", "does not belong into this command" },
    { STOP_HEAD ",'migrate':{}}", "migrate", "does not belong into this command" },
    { STOP_HEAD ",'right':'1 {}'}", "right", "does not belong into this command" },
    { STOP_HEAD ",'vm_id':-1}", "vm_id", "vm_id is -1" },
    { RECEIVE_HEAD "}", "vm_id", "missing" },
    { RECEIVE_HEAD ",'vm_id':0,'right':'1 {}'}", "vm_id", "vm_id is 0; want an integer of 1 to" },
    { RECEIVE_HEAD ",'vm_id':26}", "right", "missing" },
    { RECEIVE_HEAD ",'vm_id':26,'right':''}", "right", "1 to 512 characters" },
    { RELEASE_HEAD ",'vm_id':26}", "right", "missing" },
    { RELEASE_HEAD ",'vm_id':26,'right':'a\\nb'}", "right", "without control characters" },
    { RELEASE_HEAD ",'vm_id':26,'right':'1 {}','force':true}", "force", "does not belong" },
    { START_HEAD ",'force':true}", "vm", "vm is missing" },
    { START_HEAD ",'vm':null}", "vm", "vm is null; want an object" },
    { START_HEAD ",'vm':[]}", "vm", "vm is an array of 0; want an object" },
    { START_HEAD ",'vm':{'id':0}}", "vm.id", "vm.id is 0" },
    { START_HEAD ",'vm':{'id':1,'uuid':7}}", "vm.uuid", "vm.uuid is 7" },
    { START_HEAD ",'vm':{'id':1,'uuid':'" UUID "','name':'a\\nb'}}", "vm.name",
      "without control characters" },
    { START_HEAD ",'vm':{'id':1,'uuid':'" UUID2 "','name':'web'" SIZES "}}", "vm.uuid",
      "want the command's vm_uuid " UUID },
    { VM_HEAD "}}", "vm.cpu", "missing" },
    { VM_HEAD ",'cpu':{}}}", "vm.cpu.quantity", "missing" },
    { VM_HEAD ",'cpu':{'quantity':2000}}}", "vm.cpu.quantity", "of 1 to 1024" },
    { VM_HEAD ",'cpu':{'quantity':1,'size':1}}}", "vm.cpu.size", "into this VM's cpu" },
    { VM_HEAD ",'cpu':{'quantity':1},'memory':{'size_mb':0}}}", "vm.memory.size_mb", "is 0" },
    { VM_HEAD SIZES ",'disks':{}}}", "vm.disks", "want an array of 0 to 64" },
    { VM_HEAD SIZES ",'disks':[1]}}", "vm.disks[0]", "vm.disks[0] is 1; want an object" },
    { VM_HEAD SIZES DISK("srv/a"), "vm.disks[0].path", "want an absolute path" },
    { VM_HEAD SIZES DISK("/srv/../etc/shadow"), "vm.disks[0].path", "without \"..\"" },
    { VM_HEAD SIZES DISK("/srv/.."), "vm.disks[0].path", "without \"..\"" },
    { VM_HEAD SIZES DISK("/srv/a','raw':'/dev/sda"), "vm.disks[0].raw", "does not belong" },
    { VM_HEAD SIZES ",'nics':[{},{'mac':'52:54:00:00:00'}]}}", "vm.nics[1].mac", "a MAC address" },
    { VM_HEAD SIZES ",'nics':[{'mac':'52-54-00-00-00-01'}]}}", "vm.nics[0].mac", "a MAC address" },
    { MOVE_HEAD "}", "migrate", "missing" },
    { MOVE_HEAD ",'migrate':{}}", "migrate.target_address", "missing" },
    { MOVE_HEAD ",'migrate':{'target_address':'h/system?x=1','timeout_ms':1}}",
      "migrate.target_address", "want a host name or address" },
    { MOVE_HEAD ",'migrate':{'target_address':'h'}}", "migrate.timeout_ms", "missing" },
    { "{'v':1,'verb':'abort','id':'t','epoch':1,'gen':0,'deadline_ms':1}", "abort_id", "missing" },
    { "{'v':1,'verb':'abort','id':'t','epoch':1,'gen':0,'deadline_ms':1,'abort_id':'t0',"
      "'vm_uuid':'" UUID "'}",
      "vm_uuid", "does not belong" },
};

static char *quoted(const char *text)
{
    char *json = g_strdup(text);

    g_strdelimit(json, "'", '"');
    return json;
}

START_TEST(a_bad_command_is_refused_by_the_name_of_its_field)
{
    g_autofree char *text = quoted(bad_commands[_i].text);
    g_autoptr(json_t) json = json_parse(text, strlen(text), NULL);
    struct agent_command command, before;
    g_autoptr(GError) error = NULL;

    memset(&command, 0x5a, sizeof(command));
    before = command;
    ck_assert_msg(json != NULL, "the test itself is wrong: %s", text);
    ck_assert_msg(!agent_command_decode(json, &command, &error), "taken: %s", text);
    ck_assert_mem_eq(&command, &before, sizeof(command));
    ck_assert_str_eq(err_field(error), bad_commands[_i].field);
    suite_take_error(&error, VRM_ERR_INVALID, bad_commands[_i].part);
}
END_TEST

#define REPORT ",'id':'t','verb':'stop'"

static const struct {
    const char *text;
    const char *field;
    const char *part;
} bad_lines[] = {
    { "{'v':1,'kind':'gossip'}", "kind", "want one of hello full domain" },
    { "{'v':1,'kind':'hello'}", "hello", "missing" },
    { "{'v':1,'kind':'hello','hello':{'protocol':0}}", "hello.protocol", "is 0" },
    { "{'v':1,'kind':'beat'}", "hypervisor_ok", "missing" },
    { "{'v':1,'kind':'beat','hypervisor_ok':1}", "hypervisor_ok", "want true or false" },
    { "{'v':1,'kind':'beat','hypervisor_ok':true,'domains':[]}", "domains", "does not belong" },
    { "{'v':1,'kind':'full','hypervisor_ok':true}", "domains", "missing" },
    { "{'v':1,'kind':'full','hypervisor_ok':true,'domains':[]}", "commands", "missing" },
    { "{'v':1,'kind':'domain','domains':[]}", "domains", "want an array of 1 to 1" },
    { "{'v':1,'kind':'domain','domains':[{},{}]}", "domains", "want an array of 1 to 1" },
    { "{'v':1,'kind':'domain','domains':[{'uuid':'" UUID "','state':'odd'}]}", "domains[0].state",
      "want one of absent running" },
    { "{'v':1,'kind':'domain','domains':[{'uuid':'" UUID "','state':'paused','vnc_port':65536}]}",
      "domains[0].vnc_port", "of 0 to 65535" },
    { "{'v':1,'kind':'full','hypervisor_ok':true,'commands':[],'domains':[{'uuid':'" UUID
      "','state':'paused'},{'uuid':''}]}",
      "domains[1].uuid", "domains[1].uuid is \"\"; want a UUID" },
    { "{'v':1,'kind':'command','commands':[{'state':'done'" REPORT ",'code':'busy'}]}",
      "commands[0].code", "does not belong into this command report" },
    { "{'v':1,'kind':'command','commands':[{'state':'failed'" REPORT "}]}", "commands[0].code",
      "missing" },
    { "{'v':1,'kind':'command','commands':[{'state':'failed'" REPORT ",'code':'sad'}]}",
      "commands[0].code", "want the name of an error code" },
    { "{'v':1,'kind':'command','commands':[{'state':'done'" REPORT ",'progress':101}]}",
      "commands[0].progress", "of 0 to 100" },
    { "{'v':1,'kind':'stats','interval_ms':5000,'host':{'cpu_mhz':-1}}", "host.cpu_mhz", "is -1" },
    { "{'v':1,'kind':'stats','interval_ms':0}", "interval_ms", "is 0" },
};

START_TEST(a_bad_line_is_refused_by_the_name_of_its_field)
{
    g_autofree char *text = quoted(bad_lines[_i].text);
    struct watch_line line, before;
    g_autoptr(GError) error = NULL;

    memset(&line, 0x5a, sizeof(line));
    before = line;
    ck_assert_msg(!watch_line_decode(text, strlen(text), &line, &error), "taken: %s", text);
    ck_assert_mem_eq(&line, &before, sizeof(line));
    ck_assert_msg(err_field(error) != NULL, "%s", error->message);
    ck_assert_str_eq(err_field(error), bad_lines[_i].field);
    suite_take_error(&error, VRM_ERR_INVALID, bad_lines[_i].part);
}
END_TEST

static const char *const no_lines[] = {
    "", "x", "{", "null", "[]", "1", "{\"v\":1}{\"v\":1}", "{\"v\":1,\"v\":1,\"kind\":\"beat\"}"
};

START_TEST(what_is_no_json_object_is_refused)
{
    struct watch_line line;
    g_autoptr(GError) error = NULL;

    ck_assert(!watch_line_decode(no_lines[_i], strlen(no_lines[_i]), &line, &error));
    ck_assert(err_is(error, VRM_ERR_INVALID));
}
END_TEST

START_TEST(lists_and_lines_beyond_their_bounds_are_refused)
{
    g_autofree char *huge = g_strnfill(AGENT_MAX_LINE + 1, ' ');
    g_autoptr(GString) many =
        g_string_new("{\"v\":1,\"kind\":\"full\",\"hypervisor_ok\":true,\"domains\":[0");
    struct watch_line line;
    g_autoptr(GError) error = NULL;

    ck_assert(!watch_line_decode(huge, AGENT_MAX_LINE + 1, &line, &error));
    suite_take_error(&error, VRM_ERR_INVALID, "want at most 8388608");
    for (size_t i = 0; i < AGENT_MAX_DOMAINS; i++)
        g_string_append(many, ",0");
    g_string_append(many, "]}");
    ck_assert(!watch_line_decode(many->str, many->len, &line, &error));
    suite_take_error(&error, VRM_ERR_INVALID, "domains is an array of 4097; want an array of 0 to");
}
END_TEST

START_TEST(a_newer_peer_may_say_more)
{
    g_autofree char *older = quoted("{'v':1,'kind':'beat','hypervisor_ok':true,'mood':'good'}");
    g_autofree char *newer = quoted("{'v':99,'kind':'beat','hypervisor_ok':true,'mood':'good'}");
    g_autofree char *wrong = quoted("{'v':99,'kind':'beat','hypervisor_ok':7,'mood':'good'}");
    struct watch_line line;
    g_autoptr(GError) error = NULL;

    ck_assert(!watch_line_decode(older, strlen(older), &line, &error));
    suite_take_error(&error, VRM_ERR_INVALID, "mood");
    ck_assert(!watch_line_decode(wrong, strlen(wrong), &line, &error));
    suite_take_error(&error, VRM_ERR_INVALID, "hypervisor_ok is 7");
    ck_assert(watch_line_decode(newer, strlen(newer), &line, &error));
    ck_assert(line.hypervisor_ok);
    watch_line_clear(&line);
}
END_TEST

/* ---- errors ---------------------------------------------------------------------------------- */

START_TEST(an_error_reaches_the_other_side)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GError) copy = NULL;
    g_autoptr(json_t) json = NULL;
    g_autofree char *text = NULL;

    err_set_reason(&error, VRM_ERR_CONFLICT, 10300015, "gen", "gen is 3; want at least %d", 4);
    json = agent_error_encode(error);
    text = json_format(json);
    agent_error_decode(409, text, strlen(text), &copy);
    ck_assert_int_eq(err_reason(copy), 10300015);
    ck_assert_str_eq(err_field(copy), "gen");
    suite_take_error(&copy, VRM_ERR_CONFLICT, "gen is 3; want at least 4");
}
END_TEST

START_TEST(a_foreign_error_is_internal)
{
    g_autoptr(GError) error = g_error_new(G_FILE_ERROR, G_FILE_ERROR_IO, "disk on fire");
    g_autoptr(GError) copy = NULL;
    g_autoptr(json_t) json = agent_error_encode(error);
    g_autofree char *text = json_format(json);

    agent_error_decode(500, text, strlen(text), &copy);
    ck_assert_ptr_null(err_field(copy));
    suite_take_error(&copy, VRM_ERR_INTERNAL, "disk on fire");
}
END_TEST

static const struct {
    const char *body;
    int status;
    enum vrm_err code;
} bodies[] = {
    { "", 400, VRM_ERR_INVALID },
    { "<html>no</html>", 404, VRM_ERR_NOT_FOUND },
    { "{}", 409, VRM_ERR_CONFLICT },
    { "{\"v\":1,\"error\":{\"code\":\"busy\"}}", 503, VRM_ERR_UNAVAILABLE },
    { "null", 500, VRM_ERR_INTERNAL },
    { "{\"v\":1,\"error\":7}", 200, VRM_ERR_INTERNAL },
};

START_TEST(an_answer_without_an_error_of_ours_is_judged_by_its_status)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *part = g_strdup_printf("HTTP status %d", bodies[_i].status);

    agent_error_decode(bodies[_i].status, bodies[_i].body, strlen(bodies[_i].body), &error);
    suite_take_error(&error, bodies[_i].code, part);
}
END_TEST

START_TEST(clearing_twice_or_an_empty_struct_is_fine)
{
    struct agent_command command = { 0 };
    struct watch_line line = { 0 };
    struct command_report report = make_report(COMMAND_FAILED);

    agent_command_clear(&command);
    watch_line_clear(&line);
    command_report_clear(&report);
    command_report_clear(&report);
}
END_TEST

SUITE_MAIN("agentproto", SUITE_LOOP(each_command_makes_the_round_trip, agent_verb_words),
           SUITE_LOOP(an_older_agent_is_not_sent_what_it_would_not_understand, versions),
           SUITE_TEST(an_agent_gets_all_it_needs_of_a_vm),
           SUITE_LOOP(each_report_makes_the_round_trip, command_state_words),
           SUITE_LOOP(each_watch_line_makes_the_round_trip, watch_kind_words),
           SUITE_TEST(lists_keep_their_order_and_contents),
           SUITE_TEST(strange_values_of_a_hypervisor_do_not_end_the_stream),
           SUITE_TEST(texts_are_cut_and_cleaned),
           SUITE_LOOP(a_bad_command_is_refused_by_the_name_of_its_field, bad_commands),
           SUITE_LOOP(a_bad_line_is_refused_by_the_name_of_its_field, bad_lines),
           SUITE_LOOP(what_is_no_json_object_is_refused, no_lines),
           SUITE_TEST(lists_and_lines_beyond_their_bounds_are_refused),
           SUITE_TEST(a_newer_peer_may_say_more), SUITE_TEST(an_error_reaches_the_other_side),
           SUITE_TEST(a_foreign_error_is_internal),
           SUITE_LOOP(an_answer_without_an_error_of_ours_is_judged_by_its_status, bodies),
           SUITE_TEST(clearing_twice_or_an_empty_struct_is_fine))
