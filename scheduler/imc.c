/* imc.c - see imc.h. */
#include "config.h"

#include "scheduler/imc.h"

#include <string.h>

#include "base/err.h"
#include "model/cpu.h"
#include "model/reason.h"
#include "scheduler/cpufit.h"

#define MAX_NAMES 5

const char *imc_start_model(const Cluster *cluster)
{
    const char *model = cluster->imc_enabled ? imc_mode_model(cluster->imc_setting) : NULL;

    return model ? model : "";
}

/* ---- generations ---------------------------------------------------------------------------- */

/* Models that every host of the cluster presents which has told its CPU, and one more (or NULL);
 * maker NULL: of any.  Caller frees. */
static char *list_common(const Snapshot *snap, int64_t cluster_id, const Host *more,
                         const char *maker)
{
    GString *models = g_string_new(NULL);
    const struct imc_generation *it;

    for (size_t g = 0; (it = imc_generation(g)); g++) {
        bool all = !more || cpufit_can_present(more, it->model);

        for (size_t i = 0; all && i < snap->n_hosts; i++) {
            const Host *host = snap->hosts[i];

            all = host->cluster_id != cluster_id || !*host->cpu_features || host == more ||
                  cpufit_can_present(host, it->model);
        }
        if (all && (!maker || strcmp(maker, it->maker) == 0))
            g_string_append_printf(models, "%s%s", models->len ? " " : "", it->model);
    }
    return g_string_free(models, FALSE);
}

static const struct imc_generation *common_of(const Snapshot *snap, int64_t cluster_id,
                                              const Host *more, const char *maker)
{
    g_autofree char *models = list_common(snap, cluster_id, more, maker);

    return imc_newest(models);
}

static const char *maker_of(const char *model)
{
    const struct imc_generation *it = model ? imc_generation_of(model) : NULL;

    return it ? it->maker : NULL;
}

/* ---- hosts ---------------------------------------------------------------------------------- */

static void add_host(ImcPlan *plan, const Host *host)
{
    struct imc_host it = { .host = host, .newest = imc_newest(host->cpu_generations) };

    if (!*host->cpu_features) {
        it.verdict = IMC_HOST_UNKNOWN;
        it.text = g_strdup("its agent has not told what its CPU can present");
    } else if (plan->model && !cpufit_can_present(host, plan->model)) {
        it.verdict = IMC_HOST_LACKS;
        it.text = cpufit_lack_text(host, plan->model);
        it.missing = cpufit_lacks(host, plan->model);
    } else {
        it.text = g_strdup_printf("presents up to %s", it.newest ? it.newest->mode : "nothing");
    }
    imc_host_vec_push(&plan->hosts, it);
}

/* ---- VMs ------------------------------------------------------------------------------------ */

/* What the VM sees in terms of generations; NULL: not known.  One that was started with a model
 * sees that model, whatever QEMU put on top. */
static CpuSet *sees(const Vm *vm)
{
    g_autoptr(CpuSet) all = NULL;
    g_autoptr(CpuSet) known = NULL;

    if (*vm->cpu_model)
        return cpu_set_of_model(vm->cpu_model);
    all = cpu_set_of_seen(vm->cpu_seen);
    if (!all)
        return NULL;
    known = imc_all_features();
    return cpu_set_common(all, known);
}

static bool is_steady(const Vm *vm)
{
    return (vm->status == VM_RUNNING || vm->status == VM_PAUSED) && vm->target_host_id == 0;
}

/* VMs that see the same are judged once: a cluster has thousands of VMs and few CPUs. */
static bool judge_as_before(const ImcPlan *plan, struct imc_vm *it)
{
    for (size_t i = plan->vms.len; is_steady(it->vm) && i-- > 0;) {
        const struct imc_vm *other = &plan->vms.items[i];

        if (!is_steady(other->vm) || strcmp(other->vm->cpu_model, it->vm->cpu_model) != 0 ||
            strcmp(other->vm->cpu_seen, it->vm->cpu_seen) != 0)
            continue;
        it->verdict = other->verdict;
        it->features = cpu_set_dup(other->features);
        it->text = g_strdup(other->text);
        return true;
    }
    return false;
}

static void judge_vm(const ImcPlan *plan, struct imc_vm *it)
{
    g_autoptr(CpuSet) has = sees(it->vm);
    g_autoptr(CpuSet) baseline = cpu_set_of_model(plan->model);
    g_autofree char *hidden = has && baseline ? cpu_set_missing(has, baseline) : NULL;
    g_autofree char *gained = has && baseline ? cpu_set_missing(baseline, has) : NULL;

    if (!is_steady(it->vm)) {
        it->verdict = IMC_VM_UNSTABLE;
        it->text = g_strdup_printf("is %s", vm_status_name(it->vm->status));
    } else if (!hidden) {
        it->verdict = IMC_VM_HIDES;
        it->text = g_strdup("which CPU it sees is not known");
    } else if (*hidden) {
        it->verdict = IMC_VM_HIDES;
        it->features = cpu_set_minus(has, baseline);
        it->text = g_strdup_printf("sees %s, which %s hides", hidden, plan->mode);
    } else if (*gained) {
        it->verdict = IMC_VM_GAINS;
        it->features = cpu_set_minus(baseline, has);
        it->text = g_strdup_printf("gets %s with its next power cycle", gained);
    } else {
        it->text = g_strdup_printf("sees %s", plan->mode);
    }
}

static void add_vm(ImcPlan *plan, const Vm *vm)
{
    struct imc_vm it = { .vm = vm };

    if (plan->model && !judge_as_before(plan, &it))
        judge_vm(plan, &it);
    else if (!plan->model)
        it.text = g_strdup(*vm->cpu_seen ? vm->cpu_seen : "which CPU it sees is not known");
    imc_vm_vec_push(&plan->vms, it);
}

/* ---- words ---------------------------------------------------------------------------------- */

static void add_name(GString *list, size_t n, const char *name)
{
    if (n <= MAX_NAMES)
        g_string_append_printf(list, "%s%s", n > 1 ? ", " : "", name);
}

static void end_names(GString *list, size_t n)
{
    if (n > MAX_NAMES)
        g_string_append_printf(list, " and %zu more", n - MAX_NAMES);
}

static size_t hosts_with(const ImcPlan *plan, enum imc_host_verdict verdict, GString *list)
{
    size_t n = 0;

    for (size_t i = 0; i < plan->hosts.len; i++) {
        const struct imc_host *it = &plan->hosts.items[i];
        g_autofree char *words = NULL;

        if (it->verdict != verdict)
            continue;
        words = g_strdup_printf("%s (%s)", it->host->name, it->text);
        add_name(list, ++n, words);
    }
    end_names(list, n);
    return n;
}

static size_t vms_with(const ImcPlan *plan, enum imc_vm_verdict verdict, bool with_text,
                       GString *list)
{
    size_t n = 0;

    for (size_t i = 0; i < plan->vms.len; i++) {
        const struct imc_vm *it = &plan->vms.items[i];
        g_autofree char *words = NULL;

        if (it->verdict != verdict)
            continue;
        words =
            with_text ? g_strdup_printf("%s (%s)", it->vm->name, it->text) : g_strdup(it->vm->name);
        add_name(list, ++n, words);
    }
    end_names(list, n);
    return n;
}

static void say_common(const ImcPlan *plan, GString *text)
{
    if (plan->common)
        g_string_append_printf(text, " The newest generation that every host presents is %s.",
                               plan->common->mode);
    else
        g_string_append(text, " There is no generation that every host presents.");
}

static void say_hosts(const ImcPlan *plan, enum imc_host_verdict verdict, const char *what,
                      GString *text)
{
    g_autoptr(GString) list = g_string_new(NULL);
    size_t n = hosts_with(plan, verdict, list);

    if (n > 0)
        g_string_append_printf(text, " %s: %s.", what, list->str);
}

static void say_vms(const ImcPlan *plan, enum imc_vm_verdict verdict, const char *what,
                    GString *text)
{
    g_autoptr(GString) list = g_string_new(NULL);
    size_t n = vms_with(plan, verdict, true, list);

    if (n > 0)
        g_string_append_printf(text, " %s: %s.", what, list->str);
}

static char *describe(const ImcPlan *plan)
{
    GString *text = g_string_new(NULL);

    if (!plan->model)
        g_string_append(text, "IMC is off: VMs start with their host's own CPU.");
    else if (plan->possible)
        g_string_append_printf(text, "%s is possible.", plan->mode);
    else
        g_string_append_printf(text, "%s is not possible now.", plan->mode);
    say_hosts(plan, IMC_HOST_UNKNOWN, "Connect, or leave out", text);
    say_hosts(plan, IMC_HOST_LACKS, "Lower the baseline, or leave out", text);
    if (plan->model) {
        say_vms(plan, IMC_VM_UNSTABLE, "Wait for", text);
        say_vms(plan, IMC_VM_HIDES, "Stop first, and start again afterwards", text);
        say_vms(plan, IMC_VM_GAINS, "Power-cycle when it suits, to use all of it", text);
    }
    say_common(plan, text);
    return g_string_free(text, FALSE);
}

/* ---- the plan ------------------------------------------------------------------------------- */

static bool stands_in_no_way(const ImcPlan *plan)
{
    for (size_t i = 0; i < plan->hosts.len; i++) {
        if (plan->hosts.items[i].verdict != IMC_HOST_FITS)
            return false;
    }
    for (size_t i = 0; i < plan->vms.len; i++) {
        enum imc_vm_verdict verdict = plan->vms.items[i].verdict;

        if (verdict == IMC_VM_HIDES || verdict == IMC_VM_UNSTABLE)
            return false;
    }
    return true;
}

/* From the baseline that is set to the wanted one; NULL: none. */
static const char *change_word(const char *from, const char *to)
{
    g_autoptr(CpuSet) old = from ? cpu_set_of_model(from) : NULL;
    g_autoptr(CpuSet) new = to ? cpu_set_of_model(to) : NULL;

    if (g_strcmp0(from, to) == 0)
        return "none";
    if (!from || !to)
        return from ? "off" : "on";
    if (old && new &&cpu_set_covers(new, old))
        return "raise";
    return old && new &&cpu_set_covers(old, new) ? "lower" : "other";
}

static const char *model_of(const Cluster *cluster)
{
    const char *model = cluster ? imc_start_model(cluster) : "";

    return *model ? model : NULL;
}

ImcPlan *imc_plan(const Snapshot *snap, const Cluster *wanted)
{
    ImcPlan *plan = g_new0(ImcPlan, 1);

    plan->mode = wanted->imc_enabled ? wanted->imc_setting : "";
    plan->model = model_of(wanted);
    plan->change = change_word(model_of(snapshot_cluster(snap, wanted->id)), plan->model);
    for (size_t i = 0; i < snap->n_hosts; i++) {
        if (snap->hosts[i]->cluster_id == wanted->id)
            add_host(plan, snap->hosts[i]);
    }
    for (size_t i = 0; i < snap->n_vms; i++) {
        if (snap->vms[i]->cluster_id == wanted->id && vm_is_placed(snap->vms[i]))
            add_vm(plan, snap->vms[i]);
    }
    plan->common =
        plan->hosts.len ? common_of(snap, wanted->id, NULL, maker_of(plan->model)) : NULL;
    plan->possible = !plan->model || stands_in_no_way(plan);
    plan->text = describe(plan);
    return plan;
}

void imc_plan_free(ImcPlan *plan)
{
    if (!plan)
        return;
    for (size_t i = 0; i < plan->hosts.len; i++) {
        cpu_set_free(plan->hosts.items[i].missing);
        g_free(plan->hosts.items[i].text);
    }
    for (size_t i = 0; i < plan->vms.len; i++) {
        cpu_set_free(plan->vms.items[i].features);
        g_free(plan->vms.items[i].text);
    }
    imc_host_vec_clear(&plan->hosts);
    imc_vm_vec_clear(&plan->vms);
    g_free(plan->text);
    g_free(plan);
}

/* ---- changing the baseline ------------------------------------------------------------------ */

bool imc_check_change(const Snapshot *snap, const Cluster *current, const Cluster *wanted,
                      GError **error)
{
    static const struct {
        bool of_host;
        int verdict, reason;
        const char *want;
    } rows[] = {
        { true, IMC_HOST_UNKNOWN, REASON_IMC_HOST_INITIAL, "want hosts that have told their CPU" },
        { true, IMC_HOST_LACKS, REASON_IMC_HOST_LACKS, "want a baseline that every host presents" },
        { false, IMC_VM_UNSTABLE, REASON_IMC_VM_UNSTABLE, "want VMs that run or are stopped" },
        { false, IMC_VM_HIDES, REASON_IMC_VM_HIDES, "stop these VMs first" },
    };
    g_autoptr(ImcPlan) plan = NULL;

    if (strcmp(imc_start_model(current), imc_start_model(wanted)) == 0)
        return true;
    plan = imc_plan(snap, wanted);
    for (size_t i = 0; !plan->possible && i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GString) list = g_string_new(NULL);
        g_autoptr(GString) common = g_string_new(NULL);
        size_t n = rows[i].of_host
                       ? hosts_with(plan, (enum imc_host_verdict)rows[i].verdict, list)
                       : vms_with(plan, (enum imc_vm_verdict)rows[i].verdict, true, list);

        if (n == 0)
            continue;
        say_common(plan, common);
        err_set_reason(error, VRM_ERR_CONFLICT, rows[i].reason, "imcSetting",
                       "imcSetting = %s: %s; in the way: %s.%s", wanted->imc_setting, rows[i].want,
                       list->str, common->str);
        return false;
    }
    return true;
}

/* ---- a host that joins ---------------------------------------------------------------------- */

static void say_lower(const Snapshot *snap, const Cluster *cluster, const Host *host,
                      const char *model, GString *text)
{
    const struct imc_generation *common = common_of(snap, cluster->id, host, maker_of(model));
    g_autoptr(Cluster) lower = NULL;
    g_autoptr(ImcPlan) plan = NULL;
    g_autoptr(GString) list = g_string_new(NULL);

    if (!common) {
        g_string_append(text, "there is no lower baseline that it and the cluster's hosts share");
        return;
    }
    lower = cluster_dup(cluster);
    g_free(lower->imc_setting);
    lower->imc_setting = g_strdup(common->mode);
    plan = imc_plan(snap, lower);
    g_string_append_printf(text, "set imcSetting to %s, which all present", common->mode);
    if (vms_with(plan, IMC_VM_HIDES, false, list) > 0)
        g_string_append_printf(text, ", after stopping the VMs that see more: %s", list->str);
}

/* In full: the difference is what the refusal is about. */
static char *difference(const Host *host, const char *model)
{
    g_autoptr(CpuSet) missing = cpufit_lacks(host, model);
    g_autofree char *why = cpufit_lack_text(host, model);
    g_autofree char *features = NULL;

    if (!missing || missing->n == 0)
        return g_steal_pointer(&why);
    features = g_strjoinv(", ", missing->names);
    return strstr(why, "lacks") ? g_strdup_printf("its CPU lacks %s", features)
                                : g_strdup_printf("%s; it lacks %s", why, features);
}

bool imc_check_join(const Snapshot *snap, const Cluster *cluster, const Host *host, GError **error)
{
    const char *model = imc_start_model(cluster);
    g_autofree char *why = NULL;
    g_autoptr(GString) lower = g_string_new(NULL);

    if (!*model || cpufit_can_present(host, model))
        return true;
    why = difference(host, model);
    say_lower(snap, cluster, host, model, lower);
    err_set_reason(error, VRM_ERR_CONFLICT, REASON_IMC_JOIN, "clusterUrn",
                   "host %s cannot present %s, the CPU baseline of cluster %s: %s. Three ways out: "
                   "%s; leave the host out, or in a cluster of its like; switch IMC off, and "
                   "power-cycle each VM that is to run on it",
                   host->name, cluster->imc_setting, cluster->name, why, lower->str);
    return false;
}
