/* fuzz_ha_plan.c - what hosts read of the published plan in etcd: keys and values.
 *
 * Whatever is accepted must be written as a text that is accepted again and stays the same. */
#include "config.h"

#include "agentproto/ha_plan.h"

#include <string.h>

#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_vm(const char *text, size_t len)
{
    struct ha_plan_vm plan, again;
    g_autoptr(GError) error = NULL;
    g_autofree char *first = NULL;
    g_autofree char *second = NULL;

    if (!ha_plan_vm_parse(text, len, &plan, &error)) {
        g_assert(err_is(error, VRM_ERR_INVALID));
        return;
    }
    first = ha_plan_vm_format(&plan);
    g_assert(ha_plan_vm_parse(first, strlen(first), &again, NULL));
    second = ha_plan_vm_format(&again);
    g_assert_cmpstr(first, ==, second);
    ha_plan_vm_clear(&plan);
    ha_plan_vm_clear(&again);
}

static void try_host(const char *text, size_t len)
{
    struct ha_plan_host plan, again;
    g_autoptr(GError) error = NULL;
    g_autofree char *first = NULL;

    if (!ha_plan_host_parse(text, len, &plan, &error)) {
        g_assert(err_is(error, VRM_ERR_INVALID));
        return;
    }
    first = ha_plan_host_format(&plan);
    g_assert(ha_plan_host_parse(first, strlen(first), &again, NULL));
    g_assert_cmpuint(plan.n_rows, ==, again.n_rows);
    ha_plan_host_clear(&plan);
    ha_plan_host_clear(&again);
}

static void try_deputies(const char *text, size_t len)
{
    struct ha_plan_deputies plan;
    g_autoptr(GError) error = NULL;

    if (ha_plan_deputies_parse(text, len, &plan, &error))
        ha_plan_deputies_clear(&plan);
    else
        g_assert(err_is(error, VRM_ERR_INVALID));
}

static void try_key(const char *text, size_t len)
{
    g_autofree char *key = g_strndup(text, len);
    enum ha_plan_kind kind;
    int64_t id;

    if (ha_plan_key_parse("/vrm", key, &kind, &id)) {
        g_autofree char *again = ha_plan_key("/vrm", kind, id);

        g_assert_cmpstr(key, ==, again);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;

    try_vm(text, size);
    try_host(text, size);
    try_deputies(text, size);
    try_key(text, size);
    return 0;
}
