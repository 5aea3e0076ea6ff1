/* fuzz_agent_journal.c - a journal as a crash or a stranger may have left it. */
#include "config.h"

#include "agent/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct journal_state state;
    g_autoptr(GError) error = NULL;
    size_t good = 0;

    journal_state_init(&state);
    if (journal_parse((const char *)data, size, "boot-1", &state, &good, &error)) {
        g_assert(good <= size);
        g_assert(good == 0 || data[good - 1] == '\n');
        g_assert_cmpuint(state.entries->len, ==, g_hash_table_size(state.indexes));
    } else {
        g_assert(error);
    }
    journal_state_clear(&state);
    return 0;
}
