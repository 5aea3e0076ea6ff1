/* vm_mac.c - see vm_mac.h. */
#include "config.h"

#include "controller/vm_mac.h"

/* Three random bytes: among 8,000 cards one in two thousand draws is taken, so a second draw is
 * rare and a hundred in vain mean that the prefix is full; then the database says so. */
#define MAX_DRAWS 100

static bool has_mac(const Vm *vm, const char *mac)
{
    for (size_t i = 0; i < vm->n_nics; i++) {
        if (g_ascii_strcasecmp(vm->nics[i].mac, mac) == 0)
            return true;
    }
    return false;
}

static bool is_taken(const Snapshot *snap, const Vm *vm, const char *mac)
{
    for (size_t i = 0; i < snap->n_vms; i++) {
        if (has_mac(snap->vms[i], mac))
            return true;
    }
    return has_mac(vm, mac);
}

/* 28:6e:d4 is what FusionCompute's guests have; the rest is random. */
static char *draw(vm_mac_random_fn random)
{
    unsigned char bytes[3];

    random(bytes, sizeof(bytes));
    return g_strdup_printf("28:6e:d4:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2]);
}

void vm_mac_fill(const Snapshot *snap, vm_mac_random_fn random, Vm *vm)
{
    for (size_t i = 0; i < vm->n_nics; i++) {
        char *mac;

        if (*vm->nics[i].mac)
            continue;
        mac = draw(random);
        for (int n = 1; n < MAX_DRAWS && is_taken(snap, vm, mac); n++) {
            g_free(mac);
            mac = draw(random);
        }
        g_free(vm->nics[i].mac);
        vm->nics[i].mac = mac;
    }
}
