/* dpm_trouble.c - see dpm_trouble.h. */
#include "config.h"

#include "controller/dpm_trouble.h"

#include "model/reason.h"

#define MAX_DOUBLINGS 4
#define MS_PER_S      1000

struct DpmTroubles {
    int64_t rest_ms;
    GHashTable *by_host; /* int64 host id -> struct dpm_trouble */
};

static void free_trouble(void *data)
{
    struct dpm_trouble *trouble = data;

    g_free(trouble->text);
    g_free(trouble->bmc);
    g_free(trouble);
}

DpmTroubles *dpm_troubles_new(int64_t rest_ms)
{
    DpmTroubles *troubles = g_new0(DpmTroubles, 1);

    troubles->rest_ms = rest_ms;
    troubles->by_host = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, free_trouble);
    return troubles;
}

void dpm_troubles_free(DpmTroubles *troubles)
{
    if (!troubles)
        return;
    g_hash_table_unref(troubles->by_host);
    g_free(troubles);
}

void dpm_troubles_reset(DpmTroubles *troubles)
{
    g_hash_table_remove_all(troubles->by_host);
}

static char *bmc_of(const Host *host)
{
    return g_strdup_printf("%s\n%s\n%s", host->bmc_ip, host->bmc_user, host->bmc_password);
}

/* Not the host's fault: it was wanted otherwise. */
static bool was_called_off(const Task *task)
{
    return task->reason == REASON_HOST_STATE || task->reason == REASON_BUSY;
}

void dpm_trouble_note(DpmTroubles *troubles, const Task *task, const Host *host)
{
    int64_t id = task->entity_id;
    const struct dpm_trouble *before = g_hash_table_lookup(troubles->by_host, &id);
    struct dpm_trouble *trouble;

    if (task->status == TASK_SUCCESS) {
        (void)g_hash_table_remove(troubles->by_host, &id);
        return;
    }
    if (was_called_off(task))
        return;
    trouble = g_new0(struct dpm_trouble, 1);
    trouble->n_failures = before ? before->n_failures + 1 : 1;
    trouble->since_ms = task->finish_ms;
    trouble->until_ms =
        task->finish_ms + (troubles->rest_ms << MIN(trouble->n_failures - 1, MAX_DOUBLINGS));
    trouble->what = task->type;
    trouble->reason = task->reason;
    trouble->text = g_strdup(task->reason_text);
    trouble->bmc = host ? bmc_of(host) : NULL;
    (void)g_hash_table_replace(troubles->by_host, g_memdup2(&id, sizeof(id)), trouble);
}

const struct dpm_trouble *dpm_trouble_look(DpmTroubles *troubles, const Host *host, int64_t now_ms)
{
    struct dpm_trouble *trouble = g_hash_table_lookup(troubles->by_host, &host->id);
    g_autofree char *bmc = NULL;

    if (!trouble)
        return NULL;
    bmc = bmc_of(host);
    if (!trouble->bmc) {
        trouble->bmc = g_steal_pointer(&bmc);
    } else if (dpm_trouble_is_power(trouble) && !g_str_equal(trouble->bmc, bmc)) {
        (void)g_hash_table_remove(troubles->by_host, &host->id);
        return NULL;
    }
    return now_ms < trouble->until_ms ? trouble : NULL;
}

bool dpm_trouble_is_power(const struct dpm_trouble *trouble)
{
    switch (trouble->reason) {
    case REASON_BMC_UNREACHABLE:
    case REASON_HOST_BAD_BMC_PASSWORD:
    case REASON_HOST_BAD_BMC_USER:
    case REASON_HOST_NO_BMC:
    case REASON_HOST_NOT_BACK:
        return true;
    default:
        return trouble->what == TASK_WAKE_HOST;
    }
}

static char *span(int64_t ms)
{
    int64_t s = MAX(ms, 0) / MS_PER_S;

    return s < 120 ? g_strdup_printf("%" G_GINT64_FORMAT " s", s)
                   : g_strdup_printf("%" G_GINT64_FORMAT " min", s / 60);
}

char *dpm_trouble_text(const struct dpm_trouble *trouble, int64_t now_ms)
{
    g_autofree char *ago = span(now_ms - trouble->since_ms);
    g_autofree char *left = span(trouble->until_ms - now_ms);
    const char *what = trouble->what == TASK_WAKE_HOST    ? "wake-up"
                       : trouble->what == TASK_PROVE_HOST ? "proof"
                                                          : "way to sleep";

    return g_strdup_printf("its last %s failed %s ago, next try in %s: %s", what, ago, left,
                           trouble->text);
}
