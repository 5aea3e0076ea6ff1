/* test_host_news.c - which change of a host's state is told, and how. */
#include "config.h"

#include "controller/host_news.h"

#include "tests/suite.h"

static const struct {
    enum host_status told, now;
    const char *event; /* NULL: none */
    const char *text;
    enum host_status then;
} rows[] = {
    /* after a take-over nothing was announced */
    { HOST_INITIAL, HOST_NORMAL, NULL, NULL, HOST_NORMAL },
    { HOST_INITIAL, HOST_UNKNOWN, NULL, NULL, HOST_INITIAL },
    { HOST_INITIAL, HOST_FAULT, NULL, NULL, HOST_INITIAL },
    { HOST_NORMAL, HOST_NORMAL, NULL, NULL, HOST_NORMAL },
    { HOST_NORMAL, HOST_UNKNOWN, "HostUnreachable",
      "host h1 does not answer: why. The state of its VMs is unknown; none is started elsewhere "
      "without proof that it is dead",
      HOST_UNKNOWN },
    { HOST_NORMAL, HOST_FAULT, "HostFault", "host h1 has a fault: why", HOST_FAULT },
    { HOST_UNKNOWN, HOST_UNKNOWN, NULL, NULL, HOST_UNKNOWN },
    { HOST_UNKNOWN, HOST_NORMAL, "HostReachable", "host h1 answers again after 42 s", HOST_NORMAL },
    { HOST_UNKNOWN, HOST_FAULT, "HostFault",
      "host h1 answers again after 42 s, but has a fault: why", HOST_FAULT },
    { HOST_FAULT, HOST_FAULT, NULL, NULL, HOST_FAULT },
    { HOST_FAULT, HOST_NORMAL, "HostFaultCleared", "host h1 is without fault again after 42 s",
      HOST_NORMAL },
    { HOST_FAULT, HOST_UNKNOWN, "HostUnreachable",
      "host h1 does not answer: why. The state of its VMs is unknown; none is started elsewhere "
      "without proof that it is dead",
      HOST_UNKNOWN },
};

START_TEST(a_change_is_told_once_and_only_if_the_host_was_known)
{
    struct host_news news = { rows[_i].told, 1000 };
    const struct host_now now = { rows[_i].now, 40000, 43999, "h1", "why" };
    struct host_news_item item = { 0 };

    ck_assert_int_eq(host_news_take(&news, &now, &item), rows[_i].event != NULL);
    ck_assert_pstr_eq(item.event, rows[_i].event);
    ck_assert_pstr_eq(item.text, rows[_i].text);
    ck_assert_int_eq(news.told, rows[_i].then);
    if (rows[_i].event) {
        ck_assert_int_eq(news.since_ms, 40000);
        ck_assert_int_eq(item.severity, rows[_i].now == HOST_NORMAL ? EVENT_INFO : EVENT_ERROR);
    }
    g_free(item.text);
}
END_TEST

SUITE_MAIN("host_news", SUITE_LOOP(a_change_is_told_once_and_only_if_the_host_was_known, rows))
