/*~ snapshot.c - see snapshot.h.
 *
 * Each kind of object lives in a list of pages, ascending by id.  A page owns a reference to each
 * of its objects and is sealed when a root is built from it; the builder never changes a sealed
 * page but replaces it by a copy.  So after one change a new root costs one copied page, a
 * reference to each other page, and one flat array of pointers that lets readers index and search
 * directly; a kind without changes costs one reference.  tests/bench/bench_snapshot.c measures it.
 *
 *     root 7 --> vms v7: flat [ a b c | d e f ]      pages P0, P1
 *     put e'             P1 is sealed: copied to P1', e replaced
 *     root 8 --> vms v8: flat [ a b c | d e' f ]     pages P0, P1';  hosts, tasks ...: as in 7 */
#include "config.h"

#include "model/snapshot.h"

#include <string.h>

/* Small enough to copy at each change, large enough that few pages need a reference. */
#define PAGE_OBJECTS 64

struct page {
    struct ref ref;
    bool sealed; /* only the builder looks at it */
    size_t n;    /* > 0 once it is in a list */
    void *objects[PAGE_OBJECTS];
};

/* One published list: immutable, shared by all roots between two changes of its kind. */
struct list {
    struct ref ref;
    size_t n_pages;
    struct page **pages;
    size_t n;
    const void *objects[]; /* all pages in one row; borrowed from them */
};

/* The builder's view of one kind. */
struct draft {
    struct page **pages;
    size_t n_pages, cap;
    struct list *published; /* NULL: changed since the last build */
};

enum kind {
#define X(Type, field, prefix) KIND_##Type,
    SNAPSHOT_LISTS(X)
#undef X
    N_KINDS
};

/* What readers get is its first member. */
struct root {
    Snapshot snapshot;
    Site *site;
    struct list *lists[N_KINDS];
};

struct SnapshotBuilder {
    Site *site;
    uint64_t version;
    int64_t wall_ms;
    struct measuring measuring;
    bool dirty;
    struct draft drafts[N_KINDS];
};

/* ---- objects of any kind ------------------------------------------------------------------- */

/* The key stands at the same place in each type, so look-ups need no function per kind. */
#define ID_OFFSET offsetof(Vm, id)
G_STATIC_ASSERT(offsetof(Cluster, id) == ID_OFFSET);
G_STATIC_ASSERT(offsetof(Host, id) == ID_OFFSET);
G_STATIC_ASSERT(offsetof(Group, id) == ID_OFFSET);
G_STATIC_ASSERT(offsetof(Rule, id) == ID_OFFSET);
G_STATIC_ASSERT(offsetof(Datastore, id) == ID_OFFSET);
G_STATIC_ASSERT(offsetof(Task, id) == ID_OFFSET);
G_STATIC_ASSERT(offsetof(DrsReport, cluster_id) == ID_OFFSET);

static int64_t object_key(const void *object)
{
    return *(const int64_t *)((const char *)object + ID_OFFSET);
}

#define X(Type, field, prefix)                                                                     \
    static void drop_##prefix(void *object)                                                        \
    {                                                                                              \
        prefix##_unref(object);                                                                    \
    }
SNAPSHOT_LISTS(X)
#undef X

typedef void (*drop_fn)(void *object);

static const drop_fn drops[N_KINDS] = {
#define X(Type, field, prefix) drop_##prefix,
    SNAPSHOT_LISTS(X)
#undef X
};

/* The last position whose key is <= id, or -1. */
static ptrdiff_t search(const void *const *objects, size_t n, int64_t id)
{
    size_t low = 0, high = n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (object_key(objects[middle]) <= id)
            low = middle + 1;
        else
            high = middle;
    }
    return (ptrdiff_t)low - 1;
}

/* ---- pages --------------------------------------------------------------------------------- */

static struct page *page_new(void)
{
    struct page *page = g_new(struct page, 1);

    ref_init(&page->ref);
    page->sealed = false;
    page->n = 0;
    return page;
}

static void page_unref(struct page *page, enum kind kind)
{
    if (!ref_put(&page->ref))
        return;
    for (size_t i = 0; i < page->n; i++)
        drops[kind](page->objects[i]);
    g_free(page);
}

static struct page *page_copy(const struct page *page)
{
    struct page *copy = page_new();

    copy->n = page->n;
    for (size_t i = 0; i < page->n; i++) {
        copy->objects[i] = page->objects[i];
        ref_get(copy->objects[i]);
    }
    return copy;
}

static void page_insert(struct page *page, size_t at, void *object)
{
    memmove(&page->objects[at + 1], &page->objects[at], (page->n - at) * sizeof(void *));
    page->objects[at] = object;
    page->n++;
}

/* The position of id in the page, or of the last object before it, or -1. */
static ptrdiff_t page_search(const struct page *page, int64_t id)
{
    return search((const void *const *)page->objects, page->n, id);
}

static const void *page_find(const struct page *page, int64_t id)
{
    ptrdiff_t at = page_search(page, id);

    return at >= 0 && object_key(page->objects[at]) == id ? page->objects[at] : NULL;
}

/* ---- lists --------------------------------------------------------------------------------- */

static void list_unref(struct list *list, enum kind kind)
{
    if (!list || !ref_put(&list->ref))
        return;
    for (size_t i = 0; i < list->n_pages; i++)
        page_unref(list->pages[i], kind);
    g_free(list->pages);
    g_free(list);
}

static size_t draft_length(const struct draft *draft)
{
    size_t n = 0;

    for (size_t i = 0; i < draft->n_pages; i++)
        n += draft->pages[i]->n;
    return n;
}

static struct list *list_build(const struct draft *draft)
{
    const size_t n = draft_length(draft);
    struct list *list = g_malloc(sizeof(*list) + n * sizeof(list->objects[0]));

    ref_init(&list->ref);
    list->n_pages = draft->n_pages;
    list->pages = g_memdup2(draft->pages, draft->n_pages * sizeof(struct page *));
    list->n = 0;
    for (size_t i = 0; i < list->n_pages; i++) {
        struct page *page = list->pages[i];

        ref_get(&page->ref);
        page->sealed = true;
        memcpy(&list->objects[list->n], page->objects, page->n * sizeof(void *));
        list->n += page->n;
    }
    return list;
}

static const void *list_find(const void *const *objects, size_t n, int64_t id)
{
    ptrdiff_t at = search(objects, n, id);

    return at >= 0 && object_key(objects[at]) == id ? objects[at] : NULL;
}

/* ---- the draft: what the builder changes ---------------------------------------------------- */

static void draft_insert_page(struct draft *draft, size_t at, struct page *page)
{
    if (draft->n_pages == draft->cap) {
        draft->cap = draft->cap ? draft->cap * 2 : 8;
        draft->pages = g_renew(struct page *, draft->pages, draft->cap);
    }
    memmove(&draft->pages[at + 1], &draft->pages[at],
            (draft->n_pages - at) * sizeof(struct page *));
    draft->pages[at] = page;
    draft->n_pages++;
}

static void draft_remove_page(struct draft *draft, size_t at, enum kind kind)
{
    page_unref(draft->pages[at], kind);
    draft->n_pages--;
    memmove(&draft->pages[at], &draft->pages[at + 1],
            (draft->n_pages - at) * sizeof(struct page *));
}

/* The page in which id is or would be.  There must be one. */
static size_t draft_page_of(const struct draft *draft, int64_t id)
{
    size_t low = 1, high = draft->n_pages;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (object_key(draft->pages[middle]->objects[0]) <= id)
            low = middle + 1;
        else
            high = middle;
    }
    return low - 1;
}

static const void *draft_find(const struct draft *draft, int64_t id)
{
    if (draft->n_pages == 0)
        return NULL;
    return page_find(draft->pages[draft_page_of(draft, id)], id);
}

/* The page at this place as one that may be changed. */
static struct page *draft_own_page(struct draft *draft, size_t at, enum kind kind)
{
    struct page *page = draft->pages[at];

    if (!page->sealed)
        return page;
    draft->pages[at] = page_copy(page);
    page_unref(page, kind);
    return draft->pages[at];
}

/* Makes room in the full page at this place.  A list that grows at its end, as lists ordered by a
 * serial id do, gets a fresh page there instead of two half-full ones. */
static void draft_split_page(struct draft *draft, size_t at, int64_t id)
{
    struct page *page = draft->pages[at];
    struct page *upper = page_new();
    bool append = at + 1 == draft->n_pages && id > object_key(page->objects[page->n - 1]);
    size_t keep = append ? page->n : page->n / 2;

    upper->n = page->n - keep;
    memcpy(upper->objects, &page->objects[keep], upper->n * sizeof(void *));
    page->n = keep;
    draft_insert_page(draft, at + 1, upper);
}

static void draft_put(struct draft *draft, enum kind kind, void *object)
{
    const int64_t id = object_key(object);
    struct page *page;
    ptrdiff_t before;
    size_t at;

    if (draft->n_pages == 0)
        draft_insert_page(draft, 0, page_new());
    at = draft_page_of(draft, id);
    page = draft_own_page(draft, at, kind);
    before = page_search(page, id);
    if (before >= 0 && object_key(page->objects[before]) == id) {
        void *old = page->objects[before];

        page->objects[before] = object;
        drops[kind](old);
        return;
    }
    if (page->n == PAGE_OBJECTS) {
        draft_split_page(draft, at, id);
        if (before + 1 >= (ptrdiff_t)page->n) {
            before -= (ptrdiff_t)page->n;
            page = draft->pages[at + 1];
        }
    }
    page_insert(page, (size_t)(before + 1), object);
}

/* False if there is no such object. */
static bool draft_remove(struct draft *draft, enum kind kind, int64_t id)
{
    struct page *page;
    void *object;
    size_t at, place;

    if (!draft_find(draft, id))
        return false;
    at = draft_page_of(draft, id);
    page = draft_own_page(draft, at, kind);
    place = (size_t)page_search(page, id);
    object = page->objects[place];
    page->n--;
    memmove(&page->objects[place], &page->objects[place + 1], (page->n - place) * sizeof(void *));
    drops[kind](object);
    if (page->n == 0)
        draft_remove_page(draft, at, kind);
    return true;
}

/* ---- the builder --------------------------------------------------------------------------- */

SnapshotBuilder *snapshot_builder_new(void)
{
    SnapshotBuilder *builder = g_new0(SnapshotBuilder, 1);

    builder->site = site_new();
    builder->dirty = true;
    return builder;
}

void snapshot_builder_free(SnapshotBuilder *builder)
{
    if (!builder)
        return;
    for (unsigned kind = 0; kind < N_KINDS; kind++) {
        struct draft *draft = &builder->drafts[kind];

        for (size_t i = 0; i < draft->n_pages; i++)
            page_unref(draft->pages[i], (enum kind)kind);
        g_free(draft->pages);
        list_unref(draft->published, (enum kind)kind);
    }
    site_unref(builder->site);
    g_free(builder);
}

void snapshot_builder_set_site(SnapshotBuilder *builder, Site *site)
{
    site_unref(builder->site);
    builder->site = site;
    builder->dirty = true;
}

const Site *snapshot_builder_get_site(const SnapshotBuilder *builder)
{
    return builder->site;
}

static void builder_touch(SnapshotBuilder *builder, enum kind kind)
{
    list_unref(builder->drafts[kind].published, kind);
    builder->drafts[kind].published = NULL;
    builder->dirty = true;
}

#define X(Type, field, prefix)                                                                     \
    void snapshot_builder_put_##prefix(SnapshotBuilder *builder, Type *object)                     \
    {                                                                                              \
        builder_touch(builder, KIND_##Type);                                                       \
        draft_put(&builder->drafts[KIND_##Type], KIND_##Type, object);                             \
    }                                                                                              \
    void snapshot_builder_remove_##prefix(SnapshotBuilder *builder, int64_t id)                    \
    {                                                                                              \
        if (draft_remove(&builder->drafts[KIND_##Type], KIND_##Type, id))                          \
            builder_touch(builder, KIND_##Type);                                                   \
    }                                                                                              \
    const Type *snapshot_builder_get_##prefix(const SnapshotBuilder *builder, int64_t id)          \
    {                                                                                              \
        return draft_find(&builder->drafts[KIND_##Type], id);                                      \
    }
SNAPSHOT_LISTS(X)
#undef X

void snapshot_builder_set_wall(SnapshotBuilder *builder, int64_t now_wall_ms)
{
    builder->wall_ms = now_wall_ms;
}

void snapshot_builder_set_measuring(SnapshotBuilder *builder, const struct measuring *measuring)
{
    builder->measuring = *measuring;
}

bool snapshot_builder_dirty(const SnapshotBuilder *builder)
{
    return builder->dirty;
}

Snapshot *snapshot_builder_build(SnapshotBuilder *builder, int64_t now_mono_ms)
{
    struct root *root = g_new0(struct root, 1);
    Snapshot *snap = &root->snapshot;

    ref_init(&snap->ref);
    snap->version = ++builder->version;
    snap->taken_mono_ms = now_mono_ms;
    snap->taken_wall_ms = builder->wall_ms;
    snap->measuring = builder->measuring;
    snap->site = root->site = site_ref(builder->site);
    for (unsigned kind = 0; kind < N_KINDS; kind++) {
        struct draft *draft = &builder->drafts[kind];

        if (!draft->published)
            draft->published = list_build(draft);
        root->lists[kind] = draft->published;
        ref_get(&draft->published->ref);
    }
#define X(Type, field, prefix)                                                                     \
    snap->field = (const Type *const *)root->lists[KIND_##Type]->objects;                          \
    snap->n_##field = root->lists[KIND_##Type]->n;
    SNAPSHOT_LISTS(X)
#undef X
    builder->dirty = false;
    return snap;
}

/* ---- the reader's side --------------------------------------------------------------------- */

Snapshot *snapshot_ref(const Snapshot *snap)
{
    return ref_get_const(snap);
}

void snapshot_unref(Snapshot *snap)
{
    struct root *root = (struct root *)snap;

    if (!snap || !ref_put(&snap->ref))
        return;
    for (unsigned kind = 0; kind < N_KINDS; kind++)
        list_unref(root->lists[kind], (enum kind)kind);
    site_unref(root->site);
    g_free(root);
}

#define X(Type, field, prefix)                                                                     \
    const Type *snapshot_##prefix(const Snapshot *snap, int64_t id)                                \
    {                                                                                              \
        return list_find((const void *const *)snap->field, snap->n_##field, id);                   \
    }
SNAPSHOT_LISTS(X)
#undef X

bool snapshot_is_local(const Snapshot *snap, const Vm *vm)
{
    for (size_t i = 0; i < vm->n_disks; i++) {
        const Datastore *store = snapshot_datastore(snap, vm->disks[i].datastore_id);

        if (!store || g_ascii_strcasecmp(store->storage_type, "LOCAL") != 0)
            return false;
    }
    return vm->n_disks > 0;
}
