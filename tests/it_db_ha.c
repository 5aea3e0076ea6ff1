/* it_db_ha.c - what HA counts, in PostgreSQL. */
#include "config.h"

#include "db/store_ha.h"
#include "db/store_vm.h"
#include "tests/db_world.h"

static bool add_restart(Db *db, void *data, GError **error)
{
    return store_ha_add_restart(db, data, error);
}

static bool put_power_on(Db *db, void *data, GError **error)
{
    return store_ha_put_power_on(db, data, error);
}

struct listing {
    int64_t after_ms;
    GPtrArray *rows;
};

static bool list_restarts(Db *db, void *data, GError **error)
{
    struct listing *listing = data;

    return store_ha_list_restarts(db, listing->after_ms, &listing->rows, error);
}

static char *restarts_after(Db *db, int64_t after_ms)
{
    struct listing listing = { .after_ms = after_ms };
    GString *text = g_string_new(NULL);

    must_read(db, list_restarts, &listing);
    for (guint i = 0; i < listing.rows->len; i++) {
        const struct ha_restart_row *row = listing.rows->pdata[i];

        g_string_append_printf(text, "%" G_GINT64_FORMAT "@%" G_GINT64_FORMAT " ", row->vm_id,
                               row->at_ms);
    }
    g_ptr_array_unref(listing.rows);
    return g_string_free(text, FALSE);
}

static char *power_ons(Db *db)
{
    g_autoptr(GPtrArray) rows = read_list(db, store_ha_list_power_ons);
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < rows->len; i++) {
        const struct ha_power_on_row *row = rows->pdata[i];

        g_string_append_printf(text, "%" G_GINT64_FORMAT "x%" G_GINT64_FORMAT "@%" G_GINT64_FORMAT,
                               row->host_id, row->tries, row->at_ms);
    }
    return g_string_free(text, FALSE);
}

struct trimming {
    int64_t before_ms, removed;
};

static bool trim(Db *db, void *data, GError **error)
{
    struct trimming *trimming = data;

    return store_ha_trim_restarts(db, trimming->before_ms, &trimming->removed, error);
}

static bool delete_vm(Db *db, void *data, GError **error)
{
    const Vm *vm = data;

    return store_vm_delete(db, vm->id, vm->generation, true, error);
}

START_TEST(restarts_of_a_vm_are_listed_trimmed_and_go_with_it)
{
    g_autoptr(Db) db = scratch_db(NULL);
    g_autofree char *all = NULL, *late = NULL, *trimmed = NULL, *gone = NULL, *want = NULL;
    struct trimming trimming = { .before_ms = 1000 };
    struct world world;

    make_world(db, &world);
    must_write(db, add_restart, &(struct ha_restart_row){ world.vm->id, 2000 });
    must_write(db, add_restart, &(struct ha_restart_row){ world.vm->id, 999 });
    must_write(db, add_restart, &(struct ha_restart_row){ world.vm->id, 999 });
    must_write(db, add_restart, &(struct ha_restart_row){ world.vm->id + 1000, 2000 }); /* none */
    all = restarts_after(db, 0);
    want = g_strdup_printf("%" G_GINT64_FORMAT "@999 %" G_GINT64_FORMAT "@999 %" G_GINT64_FORMAT
                           "@2000 ",
                           world.vm->id, world.vm->id, world.vm->id);
    ck_assert_str_eq(all, want);
    late = restarts_after(db, 999);
    ck_assert(g_str_has_suffix(want, late) && strlen(late) < strlen(want) / 2);
    must_write(db, trim, &trimming);
    ck_assert_int_eq(trimming.removed, 2);
    trimmed = restarts_after(db, 0);
    ck_assert_str_eq(trimmed, late);
    must_write(db, delete_vm, world.vm);
    gone = restarts_after(db, 0);
    ck_assert_str_eq(gone, "");
    clear_world(&world);
}
END_TEST

START_TEST(tries_of_a_host_are_one_row_until_there_are_none)
{
    g_autoptr(Db) db = scratch_db(NULL);
    g_autofree char *first = NULL, *second = NULL, *none = NULL, *want = NULL;
    struct ha_power_on_row row = { .tries = 1, .at_ms = 70 };
    struct world world;

    make_world(db, &world);
    row.host_id = world.host->id + 1000; /* none */
    must_write(db, put_power_on, &row);
    row.host_id = world.host->id;
    must_write(db, put_power_on, &row);
    first = power_ons(db);
    want = g_strdup_printf("%" G_GINT64_FORMAT "x1@70", row.host_id);
    ck_assert_str_eq(first, want);
    row.tries = 2;
    row.at_ms = 71;
    must_write(db, put_power_on, &row);
    second = power_ons(db);
    ck_assert(g_str_has_suffix(second, "x2@71"));
    row.tries = 0;
    must_write(db, put_power_on, &row);
    must_write(db, put_power_on, &row);
    none = power_ons(db);
    ck_assert_str_eq(none, "");
    clear_world(&world);
}
END_TEST

SUITE_MAIN("db-ha", SUITE_TEST(restarts_of_a_vm_are_listed_trimmed_and_go_with_it),
           SUITE_TEST(tries_of_a_host_are_one_row_until_there_are_none))
