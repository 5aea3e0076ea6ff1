/* h_site.c - /service/sites. */
#include "config.h"

#include "api/handlers.h"
#include "api/read.h"

static void put_site(struct request *req)
{
    const Site *site = req->snap->site;
    struct jw *out = &req->out;

    jw_object(out, NULL);
    read_put_object(req, OBJECT_SITE, 0);
    jw_str(out, "name", site->name);
    jw_str(out, "ip", site->ip);
    jw_bool(out, "isDC", false);
    jw_bool(out, "isSelf", true);
    jw_str(out, "status", "normal");
    jw_object_end(out);
}

bool h_site_list(struct request *req, GError **error)
{
    struct read_page page;
    size_t from, to;

    if (!read_page(req, &page, error))
        return false;
    read_page_bounds(&page, req->snap->site ? 1 : 0, &from, &to);
    jw_object(&req->out, NULL);
    jw_int(&req->out, "total", req->snap->site ? 1 : 0);
    jw_array(&req->out, "sites");
    if (from < to)
        put_site(req);
    jw_array_end(&req->out);
    jw_object_end(&req->out);
    return true;
}

bool h_site_get(struct request *req, GError **error)
{
    (void)error;
    put_site(req);
    return true;
}
