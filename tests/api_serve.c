/* api_serve.c - the API over the fake controller as a program, for tests of scripts and for
 * measuring: prints its port, serves until standard input ends.
 *
 *     api_serve [N_VMS [TIMEOUT_S]] */
#include "config.h"

#include <stdio.h>
#include <unistd.h>

#include "api/http.h"
#include "base/work.h"
#include "tests/api_fake.h"

struct job {
    struct op *op;
    op_done_fn done;
    void *user;
};

struct server {
    struct fake fake;
    Mailbox *box;
};

static Snapshot *on_snapshot(void *ctx)
{
    struct server *server = ctx;

    return fake_ops.snapshot(&server->fake);
}

static void on_status(void *ctx, struct controller_status *ret_status)
{
    struct server *server = ctx;

    fake_ops.status(&server->fake, ret_status);
}

static char *on_metrics(void *ctx)
{
    struct server *server = ctx;

    return fake_ops.metrics(&server->fake);
}

static void on_submit(void *ctx, struct op *op, op_done_fn done, void *user)
{
    struct server *server = ctx;
    struct job *job = g_new(struct job, 1);

    *job = (struct job){ op, done, user };
    mailbox_post(server->box, job);
}

static void on_job(void *message, void *user)
{
    struct job *job = message;
    struct server *server = user;

    fake_ops.submit(&server->fake, job->op, job->done, job->user);
    g_free(job);
}

static void add_vms(struct fake *fake, int n)
{
    for (int i = 0; i < n; i++) {
        Vm *vm = vm_dup(snapshot_builder_get_vm(fake->builder, 0x35));

        vm->id = 0x1000 + i;
        g_free(vm->name);
        vm->name = g_strdup_printf("vm-%05d", i);
        snapshot_builder_put_vm(fake->builder, vm);
    }
    fake_publish(fake);
}

static gboolean on_input(GIOChannel *channel, GIOCondition condition, void *data)
{
    char byte;

    (void)channel;
    (void)condition;
    if (read(STDIN_FILENO, &byte, 1) > 0)
        return G_SOURCE_CONTINUE;
    g_main_loop_quit(data);
    return G_SOURCE_REMOVE;
}

int main(int argc, char **argv)
{
    static const struct api_ops ops = { on_snapshot, on_submit, on_status, on_metrics };
    struct server server;
    struct api_options options;
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    g_autoptr(GIOChannel) input = g_io_channel_unix_new(STDIN_FILENO);
    g_autoptr(GError) error = NULL;
    Api *api;

    fake_init(&server.fake);
    add_vms(&server.fake, argc > 1 ? (int)g_ascii_strtoll(argv[1], NULL, 10) : 0);
    server.box = mailbox_new(NULL, on_job, NULL, &server);
    api_options_init(&options);
    options.address = "127.0.0.1";
    options.port = 0;
    options.tls = false;
    if (argc > 2)
        options.idle_timeout_s = options.request_timeout_s =
            (unsigned)g_ascii_strtoull(argv[2], NULL, 10);
    api = api_start(&options, &ops, &server, &error);
    if (!api) {
        fprintf(stderr, "api_serve: %s\n", error->message);
        return 1;
    }
    printf("%u\n", (unsigned)api_port(api));
    fflush(stdout);
    g_io_add_watch(input, G_IO_IN | G_IO_HUP | G_IO_ERR, on_input, loop);
    g_main_loop_run(loop);
    api_stop(api);
    mailbox_free(server.box);
    fake_clear(&server.fake);
    return 0;
}
