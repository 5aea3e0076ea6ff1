/* alarm.c - see alarm.h. */
#include "config.h"

#include "model/alarm.h"

#include <string.h>

static const struct alarm_info infos[N_ALARM_KINDS] = {
#define X(name, number, level, object, type, title, doc)                                           \
    [name] = { number, level, object, type, title, doc },
    ALARM_KINDS(X)
#undef X
};

const struct alarm_info *alarm_info(enum alarm_kind kind)
{
    g_assert((size_t)kind < N_ALARM_KINDS);
    return &infos[kind];
}

const struct alarm_info *alarm_find(const char *number)
{
    for (size_t i = 0; i < N_ALARM_KINDS; i++) {
        if (strcmp(infos[i].number, number) == 0)
            return &infos[i];
    }
    return NULL;
}

Alarm *alarm_new(void)
{
    Alarm *alarm = g_new0(Alarm, 1);

    alarm->number = g_strdup("");
    alarm->name = g_strdup("");
    alarm->event_type = g_strdup("");
    alarm->object_name = g_strdup("");
    alarm->text = g_strdup("");
    return alarm;
}

Alarm *alarm_dup(const Alarm *alarm)
{
    Alarm *copy = g_new(Alarm, 1);

    *copy = *alarm;
    copy->number = g_strdup(alarm->number);
    copy->name = g_strdup(alarm->name);
    copy->event_type = g_strdup(alarm->event_type);
    copy->object_name = g_strdup(alarm->object_name);
    copy->text = g_strdup(alarm->text);
    return copy;
}

void alarm_free(Alarm *alarm)
{
    if (!alarm)
        return;
    g_free(alarm->number);
    g_free(alarm->name);
    g_free(alarm->event_type);
    g_free(alarm->object_name);
    g_free(alarm->text);
    g_free(alarm);
}

void alarm_filter_clear(struct alarm_filter *filter)
{
    g_free(filter->number);
    g_free(filter->name);
    g_free(filter->levels);
    g_free(filter->event_types);
    *filter = (struct alarm_filter){ 0 };
}

static bool is_part(const char *text, const char *part)
{
    g_autofree char *folded = NULL;
    g_autofree char *folded_part = NULL;

    if (!part || !part[0])
        return true;
    folded = g_utf8_casefold(text, -1);
    folded_part = g_utf8_casefold(part, -1);
    return strstr(folded, folded_part) != NULL;
}

/* list: ",a,b," */
static bool is_listed(const char *list, const char *word)
{
    g_autofree char *wanted = NULL;

    if (!list || !list[0])
        return true;
    wanted = g_strdup_printf(",%s,", word);
    return strstr(list, wanted) != NULL;
}

static bool is_within(int64_t at_ms, int64_t from_ms, int64_t to_ms)
{
    return (from_ms == 0 || at_ms >= from_ms) && (to_ms == 0 || at_ms <= to_ms);
}

static bool is_about(const struct alarm_filter *filter, const Alarm *alarm)
{
    return (!filter->with_kind || alarm->kind == filter->kind) &&
           (filter->object_id == 0 || alarm->object_id == filter->object_id);
}

bool alarm_filter_pass(const struct alarm_filter *filter, const Alarm *alarm)
{
    char level[24];

    (void)g_snprintf(level, sizeof(level), "%" G_GINT64_FORMAT, alarm->level);
    return (!filter->number || !filter->number[0] || strcmp(filter->number, alarm->number) == 0) &&
           is_part(alarm->name, filter->name) && is_listed(filter->levels, level) &&
           is_listed(filter->event_types, alarm->event_type) && is_about(filter, alarm) &&
           is_within(alarm->occur_ms, filter->occur_from_ms, filter->occur_to_ms) &&
           is_within(alarm->clear_ms, filter->clear_from_ms, filter->clear_to_ms);
}
