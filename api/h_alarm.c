/* h_alarm.c - alarms, active and of the past, in FusionCompute's form: a query by POST; and the
 * table of all there can be.
 *
 * In items every value but iSerialNo is a string, as clients have it typed. */
#include "config.h"

#include "api/handlers.h"

#include <string.h>

#include "api/body.h"
#include "api/read.h"
#include "base/clock.h"
#include "base/err.h"
#include "model/id.h"
#include "model/reason.h"

#define MAX_WORDS  32
#define NUMBER_MAX 64

/* objectType on the wire. */
static const struct {
    const char *word;
    enum object_kind kind;
} object_types[] = {
    { "sites", OBJECT_SITE }, { "clusters", OBJECT_CLUSTER },    { "hosts", OBJECT_HOST },
    { "vms", OBJECT_VM },     { "DATASTORE", OBJECT_DATASTORE }, { "drsrules", OBJECT_RULE },
};

static const char *type_word(enum object_kind kind)
{
    for (size_t i = 0; i < G_N_ELEMENTS(object_types); i++) {
        if (object_types[i].kind == kind)
            return object_types[i].word;
    }
    return object_kind_segment(kind);
}

/* ---- the query --------------------------------------------------------------------------------
 */

/* A number names a type in a list that only the original product has: it is taken and chooses
 * nothing. */
static bool read_type(const struct json_reader *body, const char *key, struct alarm_filter *filter,
                      GError **error)
{
    const json_t *value = json_get(body, key);
    const char *word = value ? json_string_value(value) : NULL;

    if (!value || json_is_null(value) || json_is_integer(value) || (word && !word[0]))
        return true;
    for (size_t i = 0; word && i < G_N_ELEMENTS(object_types); i++) {
        if (g_ascii_strcasecmp(word, object_types[i].word) != 0)
            continue;
        filter->kind = object_types[i].kind;
        filter->with_kind = true;
        return true;
    }
    return body_fail(body, key, 0,
                     "a number, or sites, clusters, hosts, vms, DATASTORE or drsrules", error);
}

struct words {
    const char *key;
    const char *const *known; /* ended by NULL */
    const char *want;
};

/* The known word that an element of a list means; strings in any case, and integers. */
static const char *known_word(const struct words *words, const json_t *element)
{
    const char *text = json_string_value(element);
    g_autofree char *number =
        json_is_integer(element)
            ? g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(element))
            : NULL;

    for (size_t i = 0; words->known[i]; i++) {
        if ((text && g_ascii_strcasecmp(text, words->known[i]) == 0) ||
            (number && strcmp(number, words->known[i]) == 0))
            return words->known[i];
    }
    return NULL;
}

/* A list, or one value, of known words to ",a,b,". */
static bool read_words(const struct json_reader *body, const struct words *words, char **ret_list,
                       GError **error)
{
    const json_t *value = json_get(body, words->key);
    g_autoptr(GString) list = g_string_new("");
    bool is_array = json_is_array(value);
    size_t n = is_array ? json_array_size(value) : 1;

    if (!value || json_is_null(value) || n == 0)
        return true;
    if (n > MAX_WORDS)
        return body_fail(body, words->key, 0, words->want, error);
    for (size_t i = 0; i < n; i++) {
        const char *word = known_word(words, is_array ? json_array_get(value, i) : value);

        if (!word)
            return body_fail(body, words->key, 0, words->want, error);
        g_string_append_printf(list, "%s%s", list->len ? "" : ",", word);
        g_string_append_c(list, ',');
    }
    *ret_list = g_string_free(g_steal_pointer(&list), FALSE);
    return true;
}

/* ["occurtime ASC"] */
static bool read_order(const struct json_reader *body, bool *ret_oldest_first, GError **error)
{
    static const char *const known[] = { "occurtime asc", "occurtime desc", "dtoccurtime asc",
                                         "dtoccurtime desc", NULL };
    g_autofree char *first = NULL;

    if (!read_words(body,
                    &(const struct words){ "order", known,
                                           "a list with \"occurtime ASC\" or \"occurtime DESC\"" },
                    &first, error))
        return false;
    *ret_oldest_first = first && strstr(first, " asc,") && !strstr(first, " desc,");
    return true;
}

static bool read_number(const struct json_reader *body, char **ret_number, GError **error)
{
    *ret_number = g_strdup("");
    return body_string(body, "alarmId", NUMBER_MAX, 0, ret_number, error);
}

static bool read_choice(struct request *req, struct alarm_filter *filter, GError **error)
{
    static const char *const levels[] = { "1", "2", "3", "4", NULL };
    static const char *const types[] = { "communications", "quality of service", "processing error",
                                         "equipment",      "environment",        NULL };
    const struct json_reader *body = &req->json;

    filter->name = g_strdup("");
    return read_number(body, &filter->number, error) &&
           body_string(body, "alarmName", BODY_NAME_MAX, 0, &filter->name, error) &&
           read_words(body,
                      &(const struct words){ "alarmLevel", levels,
                                             "a list of \"1\" critical, \"2\" major, \"3\" minor, "
                                             "\"4\" warning" },
                      &filter->levels, error) &&
           read_words(body,
                      &(const struct words){ "eventType", types,
                                             "a list of communications, quality of service, "
                                             "processing error, equipment, environment" },
                      &filter->event_types, error) &&
           read_type(body, "objectType", filter, error) && read_type(body, "MOC", filter, error) &&
           read_order(body, &filter->oldest_first, error);
}

static bool read_object(struct request *req, struct alarm_filter *filter, GError **error)
{
    g_autofree char *text = g_strdup("");

    if (!body_string(&req->json, "objectUrn", BODY_NAME_MAX, 0, &text, error))
        return false;
    if (!text[0])
        return true;
    if (!urn_parse_any(text, req->site, &filter->kind, &filter->object_id))
        return body_fail(&req->json, "objectUrn", 0, "the URN of a cluster, host, VM or datastore",
                         error);
    filter->with_kind = true;
    return true;
}

static struct op *read_query(struct request *req, enum op_kind kind, GError **error)
{
    g_autoptr(op_auto) op = op_new(kind);
    struct alarm_filter *filter = &op->alarms;
    const struct json_reader *body = &req->json;
    struct read_page page;

    if (!read_page_body(req, &page, error) || !read_choice(req, filter, error) ||
        !read_object(req, filter, error) ||
        !body_time(body, "occurStartTime", &filter->occur_from_ms, error) ||
        !body_time(body, "occurStopTime", &filter->occur_to_ms, error) ||
        !body_time(body, "clearStartTime", &filter->clear_from_ms, error) ||
        !body_time(body, "clearStopTime", &filter->clear_to_ms, error))
        return NULL;
    filter->limit = page.limit < 0 ? READ_HISTORY_MAX : MIN(page.limit, READ_HISTORY_MAX);
    filter->offset = page.offset;
    return g_steal_pointer(&op);
}

/* Nothing active has been cleared: these times choose nothing here. */
struct op *h_alarm_active(struct request *req, GError **error)
{
    struct op *op = read_query(req, OP_ALARM_ACTIVE, error);

    if (op)
        op->alarms.clear_from_ms = op->alarms.clear_to_ms = 0;
    return op;
}

struct op *h_alarm_history(struct request *req, GError **error)
{
    return read_query(req, OP_ALARM_HISTORY, error);
}

/* ---- the answer -------------------------------------------------------------------------------
 */

static void put_object(struct request *req, const Alarm *alarm)
{
    struct jw *out = &req->out;
    bool is_child = alarm->cluster_id != 0;
    g_autofree char *place = NULL;
    g_autofree char *urn = NULL;

    /* What lives below a cluster is shown there: clients know no such objects. */
    jw_str(out, "objectType", is_child ? "clusters" : type_word(alarm->kind));
    read_put_urn(req, "objectUrn", is_child ? OBJECT_CLUSTER : alarm->kind,
                 is_child ? alarm->cluster_id : alarm->object_id);
    jw_str(out, "urnByName",
           is_child ? read_name(req, OBJECT_CLUSTER, alarm->cluster_id) : alarm->object_name);
    if (is_child) {
        urn = urn_format_child(req->site, OBJECT_CLUSTER, alarm->cluster_id, alarm->kind,
                               alarm->object_id);
        place = g_strdup_printf("%s %s (%" G_GINT64_FORMAT ")",
                                alarm->kind == OBJECT_RULE ? "rule" : type_word(alarm->kind),
                                alarm->object_name, alarm->object_id);
    }
    jw_str(out, "svLocationInfo", place);
    if (is_child)
        jw_str(out, "partUrn", urn);
    jw_str(out, "svMoc", type_word(alarm->kind));
}

static void put_time(struct jw *out, const char *key, int64_t at_ms)
{
    if (at_ms)
        jw_int_str(out, key, at_ms);
    else
        jw_str(out, key, "-");
}

static void put_alarm(struct request *req, const Alarm *alarm)
{
    struct jw *out = &req->out;
    const struct alarm_info *info = alarm_find(alarm->number);

    jw_object(out, NULL);
    jw_int(out, "iSerialNo", alarm->id);
    jw_str(out, "svAlarmID", alarm->number);
    put_object(req, alarm);
    jw_str(out, "svAlarmName", alarm->name);
    jw_str(out, "iAlarmCategory", "0");
    jw_int_str(out, "iAlarmLevel", alarm->level);
    jw_str(out, "iClearType", alarm->clear_ms ? "1" : "0");
    put_time(out, "dtClearTime", alarm->clear_ms);
    put_time(out, "dtOccurTime", alarm->occur_ms);
    put_time(out, "dtUpdateTime", alarm->update_ms);
    put_time(out, "dtArrivedTime", alarm->occur_ms);
    jw_str(out, "svAdditionalInfo", alarm->text);
    jw_str(out, "svAlarmCause", info ? info->doc : "");
    jw_str(out, "svEventType", alarm->event_type);
    jw_str(out, "iAutoClear", "1");
    jw_str(out, "iAffectOpFlag", alarm->level <= ALARM_MAJOR ? "1" : "0");
    jw_str(out, "svClearAlarmUserName", alarm->clear_ms ? "-_system" : "");
    jw_str(out, "iDisplay", "1");
    jw_str(out, "iParse", "0");
    jw_int_str(out, "iSyncNo", alarm->id);
    jw_object_end(out);
}

bool h_alarm_answer(struct request *req, struct op_result *result, GError **error)
{
    struct jw *out = &req->out;

    (void)error;
    jw_object(out, NULL);
    jw_int(out, "total", result->total);
    jw_int(out, "itemSize", (int64_t)result->n_alarms);
    jw_int(out, "pageno", 1);
    jw_int(out, "viewId", 0);
    jw_int(out, "updateFlag", 0);
    jw_array(out, "items");
    for (size_t i = 0; i < result->n_alarms; i++)
        put_alarm(req, result->alarms[i]);
    jw_array_end(out);
    jw_object_end(out);
    return true;
}

bool h_alarm_kinds(struct request *req, GError **error)
{
    struct jw *out = &req->out;
    struct read_page page;
    size_t from, to;

    if (!read_page(req, &page, error))
        return false;
    read_page_bounds(&page, N_ALARM_KINDS, &from, &to);
    jw_object(out, NULL);
    jw_int(out, "total", N_ALARM_KINDS);
    jw_array(out, "items");
    for (size_t i = from; i < to; i++) {
        const struct alarm_info *info = alarm_info((enum alarm_kind)i);

        jw_object(out, NULL);
        jw_str(out, "svAlarmID", info->number);
        jw_str(out, "svAlarmName", info->name);
        jw_int_str(out, "iAlarmLevel", info->level);
        jw_str(out, "objectType", type_word(info->object));
        jw_str(out, "svEventType", info->event_type);
        jw_str(out, "svAlarmCause", info->doc);
        jw_object_end(out);
    }
    jw_array_end(out);
    jw_object_end(out);
    return true;
}
