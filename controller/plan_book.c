/* plan_book.c - see plan_book.h. */
#include "config.h"

#include "controller/plan_book.h"

#include <string.h>

struct planned {
    int64_t host;
    uint64_t stamp; /* of the last look that wanted it; 0: none did */
    struct plan_version version;
    struct ha_plan_row row; /* its digest is of what should be there; "": not known yet */
    char *text;             /* waits to be written; NULL: no need, or not told yet */
    char *written;          /* digest of what is there; NULL: nothing, as far as is known */
    bool told;              /* of this version */
    bool sent;              /* on its way */
};

struct plan_host {
    char *written; /* digest of its value; NULL: there is none */
    bool dirty;
};

struct PlanBook {
    GHashTable *vms;   /* int64 -> struct planned */
    GHashTable *hosts; /* int64 -> struct plan_host */
    uint64_t stamp;
};

static void free_planned(void *data)
{
    struct planned *it = data;

    g_free(it->row.digest);
    g_free(it->text);
    g_free(it->written);
    g_free(it);
}

static void free_host(void *data)
{
    struct plan_host *it = data;

    g_free(it->written);
    g_free(it);
}

PlanBook *plan_book_new(void)
{
    PlanBook *book = g_new0(PlanBook, 1);

    book->vms = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, free_planned);
    book->hosts = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, free_host);
    return book;
}

void plan_book_free(PlanBook *book)
{
    if (!book)
        return;
    g_hash_table_unref(book->vms);
    g_hash_table_unref(book->hosts);
    g_free(book);
}

static struct planned *vm_of(PlanBook *book, int64_t id)
{
    struct planned *it = g_hash_table_lookup(book->vms, &id);

    if (it)
        return it;
    it = g_new0(struct planned, 1);
    it->row.vm = id;
    it->row.digest = g_strdup("");
    (void)g_hash_table_insert(book->vms, g_memdup2(&id, sizeof(id)), it);
    return it;
}

static struct plan_host *host_of(PlanBook *book, int64_t id)
{
    struct plan_host *it = g_hash_table_lookup(book->hosts, &id);

    if (it)
        return it;
    it = g_new0(struct plan_host, 1);
    (void)g_hash_table_insert(book->hosts, g_memdup2(&id, sizeof(id)), it);
    return it;
}

static void touch(PlanBook *book, int64_t host)
{
    if (host != 0)
        host_of(book, host)->dirty = true;
}

/* ---- what etcd has --------------------------------------------------------------------------- */

/* Dirty all the same: what it should be is not known yet. */
void plan_book_found(PlanBook *book, int64_t host, const struct ha_plan_host *plan,
                     const char *text)
{
    struct plan_host *key = host_of(book, host);

    g_free(key->written);
    key->written = ha_plan_digest(text);
    key->dirty = true;
    for (size_t i = 0; i < plan->n_rows; i++) {
        const struct ha_plan_row *row = &plan->rows[i];
        struct planned *it = vm_of(book, row->vm);

        it->host = host;
        memcpy(it->row.targets, row->targets, sizeof(it->row.targets));
        g_free(it->written);
        it->written = g_strdup(row->digest);
    }
}

/* ---- what should be there -------------------------------------------------------------------- */

void plan_book_begin(PlanBook *book)
{
    book->stamp++;
}

static bool is_same(const struct planned *it, const struct plan_wish *wish)
{
    return it->host == wish->host && it->row.authority == wish->authority &&
           it->row.priority == wish->priority && it->row.after == wish->after;
}

bool plan_book_want(PlanBook *book, const struct plan_wish *wish)
{
    struct planned *it = vm_of(book, wish->vm);

    if (it->stamp == 0 || !is_same(it, wish)) {
        touch(book, it->host);
        touch(book, wish->host);
        it->host = wish->host;
        it->row.authority = wish->authority;
        it->row.priority = wish->priority;
        it->row.after = wish->after;
    }
    it->stamp = book->stamp;
    if (it->version.generation != wish->version.generation ||
        it->version.run_gen != wish->version.run_gen)
        it->told = false;
    it->version = wish->version;
    return it->told;
}

/* One that etcd never had is forgotten at once. */
static gboolean forget(gpointer key, gpointer value, gpointer user)
{
    struct planned *it = value;
    PlanBook *book = user;

    (void)key;
    if (it->stamp == book->stamp)
        return FALSE;
    if (it->stamp != 0)
        touch(book, it->host);
    it->stamp = 0;
    it->told = false;
    g_clear_pointer(&it->text, g_free);
    return it->written == NULL && !it->sent;
}

void plan_book_end(PlanBook *book)
{
    (void)g_hash_table_foreach_remove(book->vms, forget, book);
}

void plan_book_tell(PlanBook *book, int64_t vm, char *text)
{
    struct planned *it = g_hash_table_lookup(book->vms, &vm);
    g_autofree char *digest = ha_plan_digest(text);

    if (!it || it->stamp == 0) {
        g_free(text);
        return;
    }
    g_clear_pointer(&it->text, g_free);
    it->told = true;
    if (!g_str_equal(it->row.digest, digest))
        touch(book, it->host);
    g_free(it->row.digest);
    it->row.digest = g_steal_pointer(&digest);
    if (g_strcmp0(it->written, it->row.digest) == 0) {
        g_free(text);
        return;
    }
    it->text = text;
}

void plan_book_aim(PlanBook *book, int64_t vm, const int64_t targets[HA_PLAN_TARGETS])
{
    struct planned *it = g_hash_table_lookup(book->vms, &vm);

    if (!it || memcmp(it->row.targets, targets, sizeof(it->row.targets)) == 0)
        return;
    memcpy(it->row.targets, targets, sizeof(it->row.targets));
    touch(book, it->host);
}

/* ---- what to write --------------------------------------------------------------------------- */

static void clear_op(void *data)
{
    g_free(((struct plan_op *)data)->text);
}

struct writing {
    GArray *ops;
    unsigned max_ops;
    size_t max_bytes, n_bytes;
};

/* A text that is too long for any transaction goes alone. */
static bool add_op(struct writing *writing, enum ha_plan_kind kind, int64_t id, const char *text)
{
    const size_t len = text ? strlen(text) : 0;
    const struct plan_op op = { kind, id, g_strdup(text) };

    if (writing->ops->len >= writing->max_ops ||
        (writing->ops->len > 0 && writing->n_bytes + len > writing->max_bytes)) {
        g_free(op.text);
        return false;
    }
    writing->n_bytes += len;
    g_array_append_val(writing->ops, op);
    return true;
}

static bool is_settled(const struct planned *it)
{
    return it->stamp == 0 ? it->written == NULL
                          : it->told && g_strcmp0(it->written, it->row.digest) == 0;
}

static void add_vms(PlanBook *book, struct writing *writing)
{
    GHashTableIter iter;
    gpointer key, value;

    g_hash_table_iter_init(&iter, book->vms);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        struct planned *it = value;

        if (is_settled(it) || (it->stamp != 0 && !it->text))
            continue;
        if (!add_op(writing, HA_PLAN_VM, *(const int64_t *)key, it->text))
            return;
        it->sent = true;
    }
}

static int compare_rows(const void *a, const void *b)
{
    const struct ha_plan_row *x = a, *y = b;

    return (x->vm > y->vm) - (x->vm < y->vm);
}

/* NULL: some of its VMs are not written yet. */
static char *format_host(PlanBook *book, int64_t host, bool *ret_empty)
{
    g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(struct ha_plan_row));
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, book->vms);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct planned *it = value;

        if (it->host != host)
            continue;
        if (!is_settled(it))
            return NULL;
        if (it->stamp != 0 && rows->len < HA_PLAN_MAX_VMS)
            g_array_append_val(rows, it->row);
    }
    g_array_sort(rows, compare_rows);
    *ret_empty = rows->len == 0;
    return ha_plan_host_format(
        &(struct ha_plan_host){ (struct ha_plan_row *)(void *)rows->data, rows->len });
}

static bool add_host(PlanBook *book, int64_t id, struct plan_host *host, struct writing *writing)
{
    bool is_empty = false;
    g_autofree char *text = format_host(book, id, &is_empty);
    g_autofree char *digest = text ? ha_plan_digest(text) : NULL;

    if (!text)
        return true;
    if (is_empty ? host->written == NULL : g_strcmp0(host->written, digest) == 0) {
        host->dirty = false;
        return true;
    }
    return add_op(writing, HA_PLAN_HOST, id, is_empty ? NULL : text);
}

GArray *plan_book_next(PlanBook *book, unsigned max_ops, size_t max_bytes)
{
    struct writing writing = { g_array_new(FALSE, FALSE, sizeof(struct plan_op)), max_ops,
                               max_bytes, 0 };
    GHashTableIter iter;
    gpointer key, value;

    g_array_set_clear_func(writing.ops, clear_op);
    add_vms(book, &writing);
    g_hash_table_iter_init(&iter, book->hosts);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        struct plan_host *host = value;

        if (host->dirty && !add_host(book, *(const int64_t *)key, host, &writing))
            break;
    }
    return writing.ops;
}

static void vm_done(PlanBook *book, const struct plan_op *op)
{
    struct planned *it = g_hash_table_lookup(book->vms, &op->id);

    if (!it)
        return;
    it->sent = false;
    g_clear_pointer(&it->written, g_free);
    if (op->text)
        it->written = ha_plan_digest(op->text);
    if (it->text && op->text && g_str_equal(it->text, op->text))
        g_clear_pointer(&it->text, g_free);
    if (it->stamp == 0 && !it->written) {
        touch(book, it->host);
        (void)g_hash_table_remove(book->vms, &op->id);
    }
}

/* What changed while it was on its way is dirty still: the next turn compares. */
static void host_done(PlanBook *book, const struct plan_op *op)
{
    struct plan_host *host = host_of(book, op->id);

    g_clear_pointer(&host->written, g_free);
    if (op->text)
        host->written = ha_plan_digest(op->text);
}

void plan_book_done(PlanBook *book, const GArray *ops)
{
    for (guint i = 0; i < ops->len; i++) {
        const struct plan_op *op = &g_array_index(ops, struct plan_op, i);

        if (op->kind == HA_PLAN_VM)
            vm_done(book, op);
        else
            host_done(book, op);
    }
}
