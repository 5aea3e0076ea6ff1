/* fuzz_etcd.c - etcd's answers.  The first byte picks the parser: r t g k h w, or e for a refusal.
 */
#include "config.h"

#include "etcd/etcd_reply.h"

#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct parser {
    char letter;
    etcd_reply_fn parse;
} parsers[] = {
    { 'r', etcd_reply_range },      { 't', etcd_reply_txn },    { 'g', etcd_reply_grant },
    { 'k', etcd_reply_keep_alive }, { 'h', etcd_reply_header }, { 'w', etcd_reply_watch },
};

static void check_answer(const struct etcd_answer *answer)
{
    g_assert(answer->revision >= 0 && answer->ttl_ms >= 0);
    for (size_t i = 0; i < answer->kvs.len; i++) {
        const struct etcd_kv *kv = &answer->kvs.items[i];

        g_assert(kv->key[0] != '\0' && kv->value && kv->value[kv->value_len] == '\0');
        g_assert(kv->create_revision >= 0 && kv->version >= 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct etcd_answer answer = { 0 };
    g_autoptr(GError) error = NULL;

    if (size > 0 && text[0] == 'e') {
        etcd_reply_refusal(404, text + 1, size - 1, &error);
        g_assert(error);
        return 0;
    }
    for (size_t i = 0; size > 0 && i < G_N_ELEMENTS(parsers); i++) {
        if (text[0] != parsers[i].letter)
            continue;
        if (parsers[i].parse(text + 1, size - 1, &answer, &error))
            check_answer(&answer);
        else
            g_assert(err_is(error, VRM_ERR_INTERNAL) || err_is(error, VRM_ERR_UNAVAILABLE));
        etcd_answer_clear(&answer);
    }
    return 0;
}
