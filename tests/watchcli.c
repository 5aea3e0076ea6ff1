/* watchcli.c - see watchcli.h. */
#include "config.h"

#include "tests/watchcli.h"

#include <curl/curl.h>
#include <glib.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "tests/restcli.h"

#define TOKEN_HEADER "X-Auth-Token: "

struct Watch {
    CURL *curl;
    struct curl_slist *headers;
    pthread_t thread;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    GString *text;
    bool over, leave;
};

static size_t on_text(char *data, size_t size, size_t n, void *user)
{
    Watch *watch = user;

    pthread_mutex_lock(&watch->lock);
    g_string_append_len(watch->text, data, (gssize)(size * n));
    pthread_cond_broadcast(&watch->changed);
    pthread_mutex_unlock(&watch->lock);
    return size * n;
}

/* curl asks this at least each second. */
static int on_progress(void *user, curl_off_t total, curl_off_t now, curl_off_t up_total,
                       curl_off_t up_now)
{
    Watch *watch = user;
    bool leave;

    (void)total, (void)now, (void)up_total, (void)up_now;
    pthread_mutex_lock(&watch->lock);
    leave = watch->leave;
    pthread_mutex_unlock(&watch->lock);
    return leave;
}

static void *run(void *user)
{
    Watch *watch = user;

    (void)curl_easy_perform(watch->curl);
    pthread_mutex_lock(&watch->lock);
    watch->over = true;
    pthread_cond_broadcast(&watch->changed);
    pthread_mutex_unlock(&watch->lock);
    return NULL;
}

static size_t keep_token(char *data, size_t size, size_t n, void *user)
{
    char **token = user;
    g_autofree char *line = g_strndup(data, size * n);

    if (g_ascii_strncasecmp(line, TOKEN_HEADER, strlen(TOKEN_HEADER)) == 0 && !*token)
        *token = g_strdup(g_strchomp(line));
    return size * n;
}

static size_t drop(char *data, size_t size, size_t n, void *user)
{
    (void)data, (void)user;
    return size * n;
}

/* The header line with the token of a new session. */
static char *log_in(CURL *curl, const char *base)
{
    g_autofree char *url = g_strconcat(base, "/service/session", NULL);
    struct curl_slist *headers = curl_slist_append(NULL, "X-Auth-User: " REST_USER);
    char *token = NULL;

    headers = curl_slist_append(headers, "X-Auth-Key: " REST_PASSWORD);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "POST");
    (void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, keep_token);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, &token);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop);
    (void)curl_easy_perform(curl);
    curl_slist_free_all(headers);
    curl_easy_reset(curl);
    return token;
}

Watch *watch_open(const char *base, const char *site_path, const char *query, int64_t last_id)
{
    Watch *watch = g_new0(Watch, 1);
    g_autofree char *url = g_strconcat(base, site_path, "/events/stream", query, NULL);
    g_autofree char *token = NULL;

    pthread_mutex_init(&watch->lock, NULL);
    pthread_cond_init(&watch->changed, NULL);
    watch->text = g_string_new("");
    watch->curl = curl_easy_init();
    g_assert(watch->curl);
    token = log_in(watch->curl, base);
    watch->headers = curl_slist_append(NULL, token ? token : "X: y");
    if (last_id) {
        g_autofree char *line = g_strdup_printf("Last-Event-ID: %" G_GINT64_FORMAT, last_id);

        watch->headers = curl_slist_append(watch->headers, line);
    }
    (void)curl_easy_setopt(watch->curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(watch->curl, CURLOPT_NOPROXY, "*");
    (void)curl_easy_setopt(watch->curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(watch->curl, CURLOPT_HTTPHEADER, watch->headers);
    (void)curl_easy_setopt(watch->curl, CURLOPT_WRITEFUNCTION, on_text);
    (void)curl_easy_setopt(watch->curl, CURLOPT_WRITEDATA, watch);
    (void)curl_easy_setopt(watch->curl, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(watch->curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    (void)curl_easy_setopt(watch->curl, CURLOPT_XFERINFODATA, watch);
    (void)pthread_create(&watch->thread, NULL, run, watch);
    return watch;
}

void watch_close(Watch *watch)
{
    if (!watch)
        return;
    pthread_mutex_lock(&watch->lock);
    watch->leave = true;
    pthread_mutex_unlock(&watch->lock);
    (void)pthread_join(watch->thread, NULL);
    curl_easy_cleanup(watch->curl);
    curl_slist_free_all(watch->headers);
    g_string_free(watch->text, TRUE);
    pthread_cond_destroy(&watch->changed);
    pthread_mutex_destroy(&watch->lock);
    g_free(watch);
}

/* part NULL: until it is over. */
static bool wait_for(Watch *watch, const char *part, int64_t patience_ms)
{
    struct timespec until;
    bool came = false;

    clock_gettime(CLOCK_REALTIME, &until); /* allowed: timedwait counts in it */
    until.tv_sec += patience_ms / 1000;
    pthread_mutex_lock(&watch->lock);
    for (;;) {
        came = part ? strstr(watch->text->str, part) != NULL : watch->over;
        if (came || watch->over ||
            pthread_cond_timedwait(&watch->changed, &watch->lock, &until) != 0)
            break;
    }
    pthread_mutex_unlock(&watch->lock);
    return came;
}

bool watch_wait(Watch *watch, const char *part, int64_t patience_ms)
{
    return wait_for(watch, part, patience_ms);
}

bool watch_wait_end(Watch *watch, int64_t patience_ms)
{
    return wait_for(watch, NULL, patience_ms);
}

char *watch_text(Watch *watch)
{
    char *text;

    pthread_mutex_lock(&watch->lock);
    text = g_strdup(watch->text->str);
    pthread_mutex_unlock(&watch->lock);
    return text;
}

int64_t watch_last_id(Watch *watch)
{
    g_autofree char *text = watch_text(watch);
    g_auto(GStrv) frames = g_strsplit(text, "\n\n", -1);
    int64_t last = 0;

    for (size_t i = 0; frames[i] && frames[i + 1]; i++) { /* the last piece is no whole message */
        const char *at = strstr(frames[i], "id: ");
        int64_t id = at ? g_ascii_strtoll(at + strlen("id: "), NULL, 10) : 0;
        bool repeats = strstr(frames[i], "event: beat") || strstr(frames[i], "event: end");

        if (!at || id < last || (id == last && !repeats))
            return -1;
        last = id;
    }
    return last;
}
