/* hald_life.c - see hald_life.h. */
#include "config.h"

#include "agent/hald_life.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "ha/etcd/right_etcd.h"

#define FILE_MODE 0600
#define MAX_FILE  (4u << 20)
#define MAX_LIST  4096
#define FORMAT    1

static void lease_clear(struct life_lease *lease)
{
    g_free(lease->path);
    g_free(lease->name);
}

void life_clear(struct life *life)
{
    g_free(life->prefix);
    for (size_t i = 0; i < life->leases.len; i++)
        lease_clear(&life->leases.items[i]);
    life_leases_clear(&life->leases);
    life_vms_clear(&life->vms);
    *life = (struct life){ 0 };
}

uint64_t life_boot(const char *boot_id)
{
    g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, boot_id, -1);
    uint64_t boot;

    digest[16] = '\0';
    boot = g_ascii_strtoull(digest, NULL, 16);
    return boot != 0 ? boot : 1;
}

/* ---- text ------------------------------------------------------------------------------------ */

static json_t *lease_json(const struct life_lease *lease)
{
    g_autofree char *inc = right_inc_format(lease->inc);

    if (lease->authority < HA_STORAGE)
        return json_pack("{s:i, s:s, s:I}", "authority", (int)lease->authority, "inc", inc,
                         "end_ms", (json_int_t)lease->end_ms);
    return json_pack("{s:i, s:s, s:I, s:I, s:I, s:s, s:s}", "authority", (int)lease->authority,
                     "inc", inc, "end_ms", (json_int_t)lease->end_ms, "length_ms",
                     (json_int_t)lease->length_ms, "renew_ms", (json_int_t)lease->renew_ms, "path",
                     lease->path, "name", lease->name);
}

static json_t *vm_json(const struct life_vm *vm)
{
    g_autofree char *right = right_token_format(&vm->seen);

    return json_pack("{s:I, s:i, s:s, s:s, s:b, s:b, s:b, s:b, s:b}", "vm", (json_int_t)vm->seen.vm,
                     "authority", (int)vm->authority, "uuid", vm->uuid, "right", right, "held",
                     vm->held, "releasing", vm->releasing, "told", vm->told, "unseen", vm->unseen,
                     "banned", vm->banned);
}

char *life_format(const struct life *life)
{
    g_autofree char *boot = g_strdup_printf("%016" G_GINT64_MODIFIER "x", life->boot);
    json_t *leases = json_array(), *vms = json_array();
    g_autoptr(json_t) json = NULL;

    for (size_t i = 0; i < life->leases.len; i++)
        json_array_append_new(leases, lease_json(&life->leases.items[i]));
    for (size_t i = 0; i < life->vms.len; i++)
        json_array_append_new(vms, vm_json(&life->vms.items[i]));
    json = json_pack("{s:i, s:s, s:I, s:s, s:I, s:o, s:o}", "v", FORMAT, "boot", boot, "host",
                     (json_int_t)life->host, "prefix", life->prefix, "armed_until_ms",
                     (json_int_t)life->armed_until_ms, "leases", leases, "vms", vms);
    return json_format(json);
}

static bool refuse(const char *what, GError **error)
{
    err_set(error, VRM_ERR_INVALID, "vrm-hald did not write this: %s", what);
    return false;
}

static bool parse_lease(json_t *json, struct life_lease *ret_lease)
{
    struct life_lease lease = { 0 };
    const char *inc, *path = NULL, *name = NULL;
    json_int_t end, length = 0, renew = 0;
    int authority;

    if (json_unpack_ex(json, NULL, JSON_STRICT, "{s:i, s:s, s:I, s?I, s?I, s?s, s?s}", "authority",
                       &authority, "inc", &inc, "end_ms", &end, "length_ms", &length, "renew_ms",
                       &renew, "path", &path, "name", &name) < 0 ||
        authority < HA_ETCD || end < 0 || !right_inc_parse(inc, &lease.inc))
        return false;
    if (authority >= HA_STORAGE &&
        (!path || path[0] != '/' || !name || renew < 1 || length <= renew))
        return false;
    lease.authority = authority;
    lease.end_ms = end;
    lease.length_ms = length;
    lease.renew_ms = renew;
    lease.path = g_strdup(path);
    lease.name = g_strdup(name);
    *ret_lease = lease;
    return true;
}

static bool parse_vm(json_t *json, struct life_vm *ret_vm, GError **error)
{
    struct life_vm vm = { 0 };
    const char *uuid, *right;
    json_int_t id;
    int authority, held, releasing, told, unseen, banned;

    if (json_unpack_ex(json, NULL, JSON_STRICT, "{s:I, s:i, s:s, s:s, s:b, s:b, s:b, s:b, s:b}",
                       "vm", &id, "authority", &authority, "uuid", &uuid, "right", &right, "held",
                       &held, "releasing", &releasing, "told", &told, "unseen", &unseen, "banned",
                       &banned) < 0 ||
        id < 1 || authority < HA_LOCAL || !g_uuid_string_is_valid(uuid))
        return refuse("a VM", error);
    if (!right_token_parse(right, id, &vm.seen, error))
        return false;
    g_strlcpy(vm.uuid, uuid, sizeof vm.uuid);
    vm.authority = authority;
    vm.held = held;
    vm.releasing = releasing;
    vm.told = told;
    vm.unseen = unseen;
    vm.banned = banned;
    *ret_vm = vm;
    return true;
}

static bool parse_lists(const json_t *leases, const json_t *vms, struct life *life, GError **error)
{
    if (!json_is_array(leases) || json_array_size(leases) > MAX_LIST || !json_is_array(vms) ||
        json_array_size(vms) > MAX_LIST)
        return refuse("its lists", error);
    for (size_t i = 0; i < json_array_size(leases); i++) {
        struct life_lease lease;

        if (!parse_lease(json_array_get(leases, i), &lease))
            return refuse("a lease", error);
        life_leases_push(&life->leases, lease);
    }
    for (size_t i = 0; i < json_array_size(vms); i++) {
        struct life_vm vm;

        if (!parse_vm(json_array_get(vms, i), &vm, error))
            return false;
        life_vms_push(&life->vms, vm);
    }
    return true;
}

static bool parse_head(json_t *json, struct life *life, GError **error)
{
    const char *boot, *prefix;
    json_t *leases, *vms;
    json_int_t host, armed;
    guint64 number;
    int version;

    if (json_unpack_ex(json, NULL, JSON_STRICT, "{s:i, s:s, s:I, s:s, s:I, s:o, s:o}", "v",
                       &version, "boot", &boot, "host", &host, "prefix", &prefix, "armed_until_ms",
                       &armed, "leases", &leases, "vms", &vms) < 0)
        return refuse("its keys", error);
    if (version != FORMAT || host < 1 || armed < 0 || prefix[0] != '/' ||
        !g_ascii_string_to_unsigned(boot, 16, 1, G_MAXUINT64, &number, NULL))
        return refuse("its values", error);
    life->boot = number;
    life->host = host;
    life->armed_until_ms = armed;
    life->prefix = g_strdup(prefix);
    return parse_lists(leases, vms, life, error);
}

bool life_parse(const char *text, size_t len, struct life *ret_life, GError **error)
{
    g_autoptr(json_t) json = json_parse(text, len, error);
    struct life life = { 0 };

    if (!json)
        return false;
    if (!parse_head(json, &life, error)) {
        life_clear(&life);
        return false;
    }
    *ret_life = life;
    return true;
}

/* ---- files ----------------------------------------------------------------------------------- */

static bool write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        const ssize_t n = write(fd, text, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        text += n;
        len -= (size_t)n;
    }
    return true;
}

static bool sync_folder(const char *path)
{
    g_autofree char *folder = g_path_get_dirname(path);
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok;

    if (fd < 0)
        return false;
    ok = fsync(fd) == 0;
    close(fd);
    return ok;
}

bool life_write(const char *path, const char *text, bool sync, GError **error)
{
    g_autofree char *temporary = g_strconcat(path, ".new", NULL);
    const int fd =
        open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    bool ok = fd >= 0 && write_all(fd, text, strlen(text)) && (!sync || fsync(fd) == 0) &&
              g_rename(temporary, path) == 0 && (!sync || sync_folder(path));

    if (!ok)
        err_set(error, VRM_ERR_UNAVAILABLE, "%s: %s", path, g_strerror(errno));
    if (fd >= 0)
        close(fd);
    return ok;
}

char *life_read(const char *path, size_t *ret_len, GError **error)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) trouble = NULL;
    gsize len;

    if (!g_file_get_contents(path, &text, &len, &trouble)) {
        err_set(error,
                g_error_matches(trouble, G_FILE_ERROR, G_FILE_ERROR_NOENT) ? VRM_ERR_NOT_FOUND
                                                                           : VRM_ERR_UNAVAILABLE,
                "%s", trouble->message);
        return NULL;
    }
    if (len > MAX_FILE) {
        err_set(error, VRM_ERR_INVALID, "%s: %zu bytes are too many", path, (size_t)len);
        return NULL;
    }
    *ret_len = len;
    return g_steal_pointer(&text);
}

bool life_load_setup(const char *path, struct ha_setup *ret_setup, GError **error)
{
    size_t len;
    g_autofree char *text = life_read(path, &len, error);
    g_autoptr(json_t) json = text ? json_parse(text, len, error) : NULL;

    if (!text)
        return false;
    if (json && ha_setup_decode(json, ret_setup, error))
        return true;
    g_prefix_error(error, "%s: ", path);
    return false;
}
