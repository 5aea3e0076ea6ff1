/* restcli.c - see restcli.h. */
#include "config.h"

#include "tests/restcli.h"

#include <curl/curl.h>
#include <glib.h>
#include <poll.h>
#include <string.h>

#include "base/clock.h"

#define CALL_LIMIT_MS 15000L
#define TOKEN_HEADER  "X-Auth-Token:"

struct Rest {
    CURL *curl;
    const char *const *urls;
    size_t n_urls, at; /* the controller that answered last */
    char *token;       /* of the controller at; NULL: not logged in */
};

Rest *rest_new(const char *const *urls)
{
    Rest *rest = g_new0(Rest, 1);

    rest->curl = curl_easy_init();
    g_assert(rest->curl);
    rest->urls = urls;
    while (urls && urls[rest->n_urls])
        rest->n_urls++;
    return rest;
}

void rest_free(Rest *rest)
{
    if (!rest)
        return;
    curl_easy_cleanup(rest->curl);
    g_free(rest->token);
    g_free(rest);
}

static size_t on_body(char *data, size_t size, size_t n, void *user)
{
    g_string_append_len(user, data, (gssize)(size * n));
    return size * n;
}

/* Remembers a token from a log-in's answer. */
static size_t on_header(char *data, size_t size, size_t n, void *user)
{
    g_autofree char *line = g_strndup(data, size * n);
    char **token = user;

    if (g_ascii_strncasecmp(line, TOKEN_HEADER, strlen(TOKEN_HEADER)) == 0) {
        g_free(*token);
        *token = g_strdup(g_strstrip(line + strlen(TOKEN_HEADER)));
    }
    return size * n;
}

static struct curl_slist *add_header(struct curl_slist *list, const char *name, const char *value)
{
    g_autofree char *line = g_strdup_printf("%s: %s", name, value);

    return curl_slist_append(list, line);
}

static char *perform(Rest *rest, const char *method, const char *url, const char *body,
                     struct curl_slist *headers, int *ret_status)
{
    CURL *curl = rest->curl;
    g_autoptr(GString) text = g_string_new(NULL);
    long status = 0;

    curl_easy_reset(curl);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, CALL_LIMIT_MS);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, text);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, &rest->token);
    if (body)
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    *ret_status = 0;
    if (curl_easy_perform(curl) != CURLE_OK)
        return NULL;
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    *ret_status = (int)status;
    return g_string_free(g_steal_pointer(&text), FALSE);
}

char *rest_raw(Rest *rest, const char *method, const char *url, const char *body, int *ret_status)
{
    return perform(rest, method, url, body, NULL, ret_status);
}

int rest_status_with(Rest *rest, const char *token, const char *method, const char *url,
                     const char *body)
{
    struct curl_slist *headers = add_header(NULL, "X-Auth-Token", token);
    int status;

    g_free(perform(rest, method, url, body, headers, &status));
    curl_slist_free_all(headers);
    return status;
}

static void forget_login(Rest *rest)
{
    g_clear_pointer(&rest->token, g_free);
}

static void try_next(Rest *rest)
{
    forget_login(rest);
    rest->at = (rest->at + 1) % rest->n_urls;
}

char *rest_log_in(Rest *rest, const char *url)
{
    g_autofree char *kept = g_steal_pointer(&rest->token);
    g_autofree char *session = g_strconcat(url, "/service/session", NULL);
    struct curl_slist *headers = add_header(NULL, "X-Auth-User", REST_USER);
    char *token;
    int status;

    headers = add_header(headers, "X-Auth-Key", REST_PASSWORD);
    g_free(perform(rest, "POST", session, NULL, headers, &status));
    curl_slist_free_all(headers);
    token = rest->token;
    rest->token = g_steal_pointer(&kept);
    return token;
}

static bool log_in(Rest *rest)
{
    g_free(rest->token);
    rest->token = rest_log_in(rest, rest->urls[rest->at]);
    return rest->token != NULL;
}

bool rest_ready(Rest *rest)
{
    if (rest->token || log_in(rest))
        return true;
    try_next(rest);
    (void)poll(NULL, 0, 20);
    return false;
}

static char *call_once(Rest *rest, const char *method, const char *path, const char *body,
                       int *ret_status)
{
    g_autofree char *url = g_strconcat(rest->urls[rest->at], path, NULL);
    struct curl_slist *headers;
    char *text;

    *ret_status = 503;
    if (!rest_ready(rest))
        return NULL;
    headers = add_header(NULL, "X-Auth-Token", rest->token);
    headers = add_header(headers, "Content-Type", "application/json");
    text = perform(rest, method, url, body, headers, ret_status);
    curl_slist_free_all(headers);
    if (*ret_status == 0 || *ret_status == 503)
        try_next(rest);
    return text;
}

json_t *rest_call(Rest *rest, const char *method, const char *path, const char *body,
                  int *ret_status)
{
    g_autofree char *text = call_once(rest, method, path, body, ret_status);
    json_t *json;

    if (*ret_status == 401) { /* the controller was started anew: its sessions are gone */
        g_free(text);
        forget_login(rest);
        text = call_once(rest, method, path, body, ret_status);
    }
    json = text ? json_loads(text, 0, NULL) : NULL;
    return json ? json : json_object();
}

enum rest_outcome rest_outcome_of(int status)
{
    if (status == 200)
        return REST_DONE;
    return status >= 400 && status < 500 ? REST_REFUSED : REST_IN_DOUBT;
}

json_t *rest_read(Rest *rest, const char *path, int64_t patience_ms, int *ret_status)
{
    int64_t until_ms = clock_now_ms() + patience_ms;

    for (;;) {
        json_t *json = rest_call(rest, "GET", path, NULL, ret_status);

        if (rest_outcome_of(*ret_status) != REST_IN_DOUBT)
            return json;
        json_decref(json);
        if (clock_now_ms() > until_ms)
            return NULL;
        (void)poll(NULL, 0, 20);
    }
}

const char *rest_text(const json_t *json, const char *field)
{
    const char *text = json_string_value(json_object_get(json, field));

    return text ? text : "";
}
