/* h_monitor.c - the controller's clock, which clients ask before they ask for curves. */
#include "config.h"

#include "api/handlers.h"

#include "api/read.h"
#include "base/clock.h"

bool h_monitor_time(struct request *req, GError **error)
{
    int64_t now_ms = clock_wall_ms();
    struct jw *out = &req->out;

    (void)error;
    jw_object(out, NULL);
    jw_str(out, "result", "0");
    jw_int_str(out, "currentUtcTime", now_ms);
    jw_int(out, "zoneOffset", 0);
    jw_int(out, "dstOffset", 0);
    read_put_time(req, "currentLocalTime", now_ms);
    jw_object_end(out);
    return true;
}
