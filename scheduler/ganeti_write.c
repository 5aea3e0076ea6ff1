/* ganeti_write.c - see ganeti.h.  The data file again, with the instances elsewhere. */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "scheduler/ganeti.h"

/* Fields that change. */
#define NODE_FREE_MEM  3
#define INST_NODE      6
#define INST_SECONDARY 7

enum section {
    SECTION_GROUPS,
    SECTION_NODES,
    SECTION_INSTANCES,
    SECTION_TAGS,
};

struct writer {
    const Snapshot *before, *after;
    int64_t *freed_mb; /* by host: memory that has left, less what has come */
    size_t node, instance;
    GString *out;
};

/* A field of a line that was parsed before, so it is there. */
static const char *find_field(const char *line, size_t len, unsigned n, size_t *ret_len)
{
    const char *at = line, *end = line + len, *stop;

    while (n-- > 0) {
        at = memchr(at, '|', (size_t)(end - at));
        g_assert(at);
        at++;
    }
    stop = memchr(at, '|', (size_t)(end - at));
    *ret_len = (size_t)((stop ? stop : end) - at);
    return at;
}

static void append_until(const struct writer *w, const char **at, const char *end)
{
    g_string_append_len(w->out, *at, end - *at);
    *at = end;
}

static void write_node(struct writer *w, const char *line, size_t len)
{
    const int64_t freed = w->freed_mb[w->node++];
    size_t field_len;
    const char *field = find_field(line, len, NODE_FREE_MEM, &field_len), *at = line;
    g_autofree char *value = g_strndup(field, field_len);

    /* Of an offline node nobody may know it. */
    if (freed != 0 && strcmp(value, "?") != 0) {
        append_until(w, &at, field);
        g_string_append_printf(w->out, "%" PRId64, (int64_t)g_ascii_strtod(value, NULL) + freed);
        at = field + field_len;
    }
    append_until(w, &at, line + len);
}

static void write_instance(struct writer *w, const char *line, size_t len)
{
    const Vm *was = w->before->vms[w->instance], *is = w->after->vms[w->instance];
    size_t node_len, second_len;
    const char *node = find_field(line, len, INST_NODE, &node_len);
    const char *second = find_field(line, len, INST_SECONDARY, &second_len), *at = line;

    w->instance++;
    if (was->host_id != is->host_id) {
        append_until(w, &at, node);
        g_string_append(w->out, snapshot_host(w->after, is->host_id)->name);
        at = node + node_len;
        append_until(w, &at, second);
        if (second_len > 0) /* the mirror stays where it is: the two change roles */
            g_string_append_len(w->out, node, (gssize)node_len);
        at = second + second_len;
    }
    append_until(w, &at, line + len);
}

static void write_line(struct writer *w, enum section section, const char *line, size_t len)
{
    switch (section) {
    case SECTION_NODES:
        write_node(w, line, len);
        return;
    case SECTION_INSTANCES:
        write_instance(w, line, len);
        return;
    case SECTION_GROUPS:
    case SECTION_TAGS:
        break;
    }
    g_string_append_len(w->out, line, (gssize)len);
}

static int64_t *freed_mb(const Snapshot *before, const Snapshot *after)
{
    int64_t *freed = g_new0(int64_t, before->n_hosts + 1);

    for (size_t i = 0; i < before->n_vms; i++) {
        const Vm *was = before->vms[i], *is = after->vms[i];

        if (was->host_id == is->host_id)
            continue;
        freed[was->host_id - 1] += was->memory.size_mb;
        freed[is->host_id - 1] -= was->memory.size_mb;
    }
    return freed;
}

char *ganeti_write(const char *text, size_t len, const Snapshot *before, const Snapshot *after)
{
    g_autofree int64_t *freed = freed_mb(before, after);
    struct writer w = { .before = before,
                        .after = after,
                        .freed_mb = freed,
                        .out = g_string_sized_new(len + len / 8) };
    const char *end = text + len;
    enum section section = SECTION_GROUPS;
    const size_t bom =
        len >= strlen(GANETI_BOM) && memcmp(text, GANETI_BOM, strlen(GANETI_BOM)) == 0
            ? strlen(GANETI_BOM)
            : 0;

    g_string_append_len(w.out, text, (gssize)bom);
    for (const char *line = text + bom; line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line)), *content;

        if (!stop)
            stop = end;
        content = stop > line && stop[-1] == '\r' ? stop - 1 : stop;
        if (content > line)
            write_line(&w, section, line, (size_t)(content - line));
        else if (section < SECTION_TAGS)
            section++;
        g_string_append_len(w.out, content, (stop < end ? stop + 1 : end) - content);
        line = stop < end ? stop + 1 : end;
    }
    return g_string_free(w.out, FALSE);
}
