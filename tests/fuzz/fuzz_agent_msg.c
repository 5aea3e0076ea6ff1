/* fuzz_agent_msg.c - what an agent reads from vrmd, and vrmd from an agent's answers.
 *
 * Whatever is accepted must encode to a message that is accepted again and stays the same. */
#include "config.h"

#include "agentproto/ha_setup.h"
#include "agentproto/msg.h"

#include "base/err.h"
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_command(const json_t *json)
{
    struct agent_command command, again;
    g_autoptr(json_t) first = NULL;
    g_autoptr(json_t) second = NULL;
    g_autoptr(GError) error = NULL;

    if (!agent_command_decode(json, &command, &error)) {
        g_assert(err_is(error, VRM_ERR_INVALID));
        return;
    }
    first = agent_command_encode(&command);
    g_assert(agent_command_decode(first, &again, NULL));
    second = agent_command_encode(&again);
    g_assert(json_equal(first, second));
    agent_command_clear(&command);
    agent_command_clear(&again);
}

static void try_report(const json_t *json)
{
    struct command_report report, again;
    g_autoptr(json_t) first = NULL;
    g_autoptr(json_t) second = NULL;
    g_autoptr(GError) error = NULL;

    if (!command_report_decode(json, &report, &error)) {
        g_assert(err_is(error, VRM_ERR_INVALID));
        return;
    }
    first = command_report_encode(&report);
    g_assert(command_report_decode(first, &again, NULL));
    second = command_report_encode(&again);
    g_assert(json_equal(first, second));
    command_report_clear(&report);
    command_report_clear(&again);
}

static void try_setup(const json_t *json)
{
    struct ha_setup setup, again;
    g_autoptr(json_t) first = NULL;
    g_autoptr(json_t) second = NULL;
    g_autoptr(GError) error = NULL;

    if (!ha_setup_decode(json, &setup, &error)) {
        g_assert(err_is(error, VRM_ERR_INVALID));
        return;
    }
    first = ha_setup_encode(&setup);
    g_assert(ha_setup_decode(first, &again, NULL));
    second = ha_setup_encode(&again);
    g_assert(json_equal(first, second));
    ha_setup_clear(&setup);
    ha_setup_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(json_t) json = json_parse((const char *)data, size, NULL);
    g_autoptr(GError) error = NULL;

    agent_error_decode(409, (const char *)data, size, &error);
    g_assert(error && error->domain == VRM_ERROR);
    if (json) {
        try_command(json);
        try_report(json);
        try_setup(json);
    }
    return 0;
}
