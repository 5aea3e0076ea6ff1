/* h_health.c - is this controller alive, is it the active one, and its metrics.
 *
 * For systemd, HAProxy, keepalived and Prometheus: no login, short answers. */
#include "config.h"

#include "api/handlers.h"

#include "base/err.h"
#include "model/reason.h"

static void put_status(struct request *req, const struct controller_status *status)
{
    struct jw *out = &req->out;

    jw_object(out, NULL);
    jw_str(out, "status", status->active ? "active" : "standby");
    jw_int(out, "epoch", status->epoch);
    jw_str(out, "activeController", status->leader_url);
    jw_bool(out, "database", status->database_ok);
    jw_bool(out, "etcd", status->etcd_ok);
    jw_str(out, "trouble", status->trouble);
    jw_object_end(out);
}

bool h_health_alive(struct request *req, GError **error)
{
    struct controller_status status = { 0 };

    (void)error;
    req->core->ops->status(req->core->ctx, &status);
    put_status(req, &status);
    return true;
}

bool h_health_active(struct request *req, GError **error)
{
    struct controller_status status = { 0 };

    (void)error;
    req->core->ops->status(req->core->ctx, &status);
    if (!status.active) {
        req->status = 503;
        if (status.leader_url[0])
            req->active_url = g_strdup(status.leader_url);
    }
    put_status(req, &status);
    return true;
}

bool h_health_metrics(struct request *req, GError **error)
{
    g_autofree char *text = NULL;

    if (req->core->metrics_elsewhere && !req->management) {
        req->error_status = 404;
        err_set_reason(error, VRM_ERR_NOT_FOUND, REASON_MALFORMED, "url",
                       "metrics are on the management address only");
        return false;
    }
    text = req->core->ops->metrics(req->core->ctx);
    g_string_append(req->out.text, text ? text : "");
    if (req->core->own_metrics) {
        g_autofree char *own = req->core->own_metrics(req->core->metrics_user);

        g_string_append(req->out.text, own);
    }
    req->content_type = "text/plain; version=0.0.4; charset=utf-8";
    return true;
}
