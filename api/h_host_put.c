/* h_host_put.c - adding, changing, removing hosts; maintenance. */
#include "config.h"

#include "api/handlers.h"

#include <arpa/inet.h>
#include <string.h>

#include "api/answer.h"
#include "api/body.h"
#include "api/known.h"
#include "base/err.h"
#include "model/reason.h"

#define BMC_TEXT_MAX 128

static bool is_ip(const char *text)
{
    unsigned char address[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

static bool read_ip(const struct json_reader *json, const char *key, bool may_be_empty,
                    char **ret_ip, GError **error)
{
    g_autofree char *ip = NULL;

    if (!body_string(json, key, INET6_ADDRSTRLEN, REASON_HOST_BAD_IP, &ip, error))
        return false;
    if (!ip)
        return true;
    if (!(ip[0] ? is_ip(ip) : may_be_empty))
        return body_fail(json, key, REASON_HOST_BAD_IP, "an IPv4 or IPv6 address", error);
    g_free(*ret_ip);
    *ret_ip = g_steal_pointer(&ip);
    return true;
}

static bool read_cluster(const struct request *req, Host *host, GError **error)
{
    int64_t id = 0;

    if (!body_urn(&req->json,
                  URN_FIELD("clusterUrn", req->site, OBJECT_CLUSTER, REASON_HOST_CLUSTER_MISSING),
                  &id, error))
        return false;
    if (id && !snapshot_cluster(req->snap, id))
        return body_fail(&req->json, "clusterUrn", REASON_HOST_CLUSTER_MISSING,
                         "an existing cluster", error);
    if (id)
        host->cluster_id = id;
    return true;
}

/* What adding and changing have in common. */
static bool read_host(const struct request *req, Host *host, GError **error)
{
    const struct json_reader *json = &req->json;

    return body_name(json, "name", REASON_HOST_BAD_NAME, &host->name, error) &&
           body_string(json, "description", BODY_DESCRIPTION_MAX, REASON_BAD_DESCRIPTION,
                       &host->description, error) &&
           body_string(json, "rack", BODY_NAME_MAX, 0, &host->rack, error) &&
           read_ip(json, "bmcIp", true, &host->bmc_ip, error) &&
           body_string(json, "bmcUserName", BMC_TEXT_MAX, 0, &host->bmc_user, error) &&
           body_string(json, "bmcPassword", BMC_TEXT_MAX, 0, &host->bmc_password, error);
}

struct op *h_host_add(struct request *req, GError **error)
{
    g_autoptr(op_auto) op = op_new(OP_HOST_ADD);
    const struct json_reader *json = &req->json;

    op->host = host_new();
    if (!json_has(json, "name")) {
        body_fail(json, "name", REASON_HOST_BAD_NAME, "a name of 1..256 characters", error);
        return NULL;
    }
    if (!json_has(json, "ip")) {
        body_fail(json, "ip", REASON_HOST_BAD_IP, "the host's management address", error);
        return NULL;
    }
    if (!read_host(req, op->host, error) || !read_ip(json, "ip", false, &op->host->ip, error) ||
        !body_int(json, INT_FIELD("port", 1, 65535, 0, &op->host->port), error) ||
        !read_cluster(req, op->host, error))
        return NULL;
    return g_steal_pointer(&op);
}

/* The same address, however it is spelt. */
static bool is_same_ip(const char *a, const char *b)
{
    struct in6_addr addresses[2] = { 0 };

    if (inet_pton(AF_INET6, a, &addresses[0]) == 1 && inet_pton(AF_INET6, b, &addresses[1]) == 1)
        return memcmp(&addresses[0], &addresses[1], sizeof(addresses[0])) == 0;
    return g_str_equal(a, b); /* IPv4 has one spelling */
}

/* What a client may send back as it read it, but not otherwise. */
static bool check_fixed(const struct request *req, const Host *host, GError **error)
{
    const struct json_reader *json = &req->json;
    g_autofree char *ip = g_strdup(host->ip);
    int64_t cluster_id = host->cluster_id;

    if (!body_string(json, "ip", INET6_ADDRSTRLEN, REASON_HOST_BAD_IP, &ip, error) ||
        !body_urn(json, URN_FIELD("clusterUrn", req->site, OBJECT_CLUSTER, 0), &cluster_id, error))
        return false;
    if (!is_same_ip(ip, host->ip)) {
        g_autofree char *want =
            g_strdup_printf("%s: it cannot be changed; remove the host and add it anew", host->ip);

        return body_fail(json, "ip", REASON_HOST_BAD_IP, want, error);
    }
    return cluster_id == host->cluster_id ||
           body_fail(json, "clusterUrn", REASON_HOST_CLUSTER_MISSING,
                     "the cluster it is in: it cannot be changed; remove the host and add it anew",
                     error);
}

struct op *h_host_update(struct request *req, GError **error)
{
    g_autoptr(op_auto) op = op_new(OP_HOST_UPDATE);

    op->id = req->ids[OBJECT_HOST];
    op->host = host_dup(snapshot_host(req->snap, op->id));
    if (!read_host(req, op->host, error) || !check_fixed(req, op->host, error))
        return NULL;
    return g_steal_pointer(&op);
}

struct op *h_host_delete(struct request *req, GError **error)
{
    g_autoptr(op_auto) op = op_new(OP_HOST_DELETE);

    op->id = req->ids[OBJECT_HOST];
    if (!target_bool(&req->target, "isForce", &op->force, error))
        return NULL;
    return g_steal_pointer(&op);
}

/* ---- maintenance --------------------------------------------------------------------------------
 */

static struct op *host_op(const struct request *req, enum op_kind kind)
{
    struct op *op = op_new(kind);

    op->id = req->ids[OBJECT_HOST];
    return op;
}

/* In the query or the body: a misspelt word must not be the deed in place of its preview. */
static bool check_words(const struct request *req, const char *const *words, GError **error)
{
    return known_params(&req->target, words, error) && known_keys(&req->json, words, error);
}

static bool wants_drain(const struct request *req, bool *ret_drain, GError **error)
{
    return target_bool(&req->target, "drain", ret_drain, error) &&
           json_read_bool(&req->json, "drain", ret_drain, error);
}

/* The deed, or with dryRun=true the plan of it; NULL: bad words. */
static struct op *deed_or_plan(const struct request *req, enum op_kind deed, GError **error)
{
    bool dry_run = false;

    if (!request_dry_run(req, &dry_run, error))
        return NULL;
    return host_op(req, dry_run ? OP_DRAIN_PLAN : deed);
}

struct op *h_host_enter_maintenance(struct request *req, GError **error)
{
    static const char *const words[] = { "drain", "dryRun", NULL };
    bool drain = false;

    if (!check_words(req, words, error) || !wants_drain(req, &drain, error))
        return NULL;
    return deed_or_plan(req, OP_HOST_ENTER_MAINT, error);
}

/* Synchronous {} for FusionCompute's clients; with drain the move of all VMs follows as a task. */
bool h_host_entered_maintenance(struct request *req, struct op_result *result, GError **error)
{
    bool drain = false;

    if (result->drain)
        return h_drain_answer(req, result, error);
    if (!wants_drain(req, &drain, error))
        return false;
    if (!drain)
        return answer_empty(req, result, error);
    req->op = host_op(req, OP_HOST_EVACUATE);
    req->answer = answer_done;
    return true;
}

struct op *h_host_exit_maintenance(struct request *req, GError **error)
{
    (void)error;
    return host_op(req, OP_HOST_EXIT_MAINT);
}

struct op *h_host_evacuate(struct request *req, GError **error)
{
    static const char *const words[] = { "dryRun", NULL };

    return check_words(req, words, error) ? deed_or_plan(req, OP_HOST_EVACUATE, error) : NULL;
}

/* ---- power --------------------------------------------------------------------------------------
 */

struct op *h_host_power_on(struct request *req, GError **error)
{
    (void)error;
    return host_op(req, OP_HOST_POWER_ON);
}

/* safe (default): its VMs are moved away first; force: they go down with it. */
struct op *h_host_reboot(struct request *req, GError **error)
{
    static const char *const modes[] = { "safe", "force", NULL };
    g_autofree char *mode = NULL;
    struct op *op;

    if (!body_word(&req->json, "mode", modes, REASON_HOST_BAD_POWER_MODE, &mode, error))
        return NULL;
    op = host_op(req, OP_HOST_REBOOT);
    op->force = g_strcmp0(mode, "force") == 0;
    return op;
}

/* {"mode":"safe"|"force"}: an empty host is switched off in both; with VMs in neither. */
struct op *h_host_power_off(struct request *req, GError **error)
{
    static const char *const modes[] = { "safe", "force", NULL };
    g_autofree char *mode = NULL;

    return body_word(&req->json, "mode", modes, REASON_HOST_BAD_POWER_MODE, &mode, error)
               ? host_op(req, OP_HOST_POWER_OFF)
               : NULL;
}
