#!/bin/sh
# gen-cpumap.sh - makes common/model/cpumap.c from libvirt's map of x86 CPU models.
#
# usage: common/model/gen-cpumap.sh [FOLDER] >common/model/cpumap.c
#
# Run by hand when a newer libvirt knows newer models; FOLDER is its cpu_map (default: that of the
# package libvirt0).  Generic models below 64 bits are left out.
set -eu
folder=${1:-/usr/share/libvirt/cpu_map}
version=${LIBVIRT_VERSION:-$(virsh --version)}

cat <<END
/* cpumap.c - see cpu.h: the named CPU models and their features.
 *
 * Data, made by gen-cpumap.sh from src/cpu_map of libvirt $version; do not edit. */
#include "config.h"

#include "model/cpu.h"

#include <glib.h>

// clang-format off
const struct cpu_model cpu_models[] = {
END
for file in "$folder"/x86_*.xml; do
    grep -q '<model name' "$file" || continue
    grep -q "feature name='lm'" "$file" || continue
    awk -F"'" '
        /<!--/ && !/-->/ { comment = 1 }
        !comment && /<model name=/ { model = $2 }
        !comment && /<feature name=/ { features[n++] = $2 }
        /-->/ { comment = 0 }
        END {
            printf "    { \"%s\",\n      \"", model
            width = 7
            for (i = 0; i < n; i++) {
                word = features[i] (i + 1 < n ? " " : "")
                if (width + length(word) > 97) {
                    printf "\"\n      \""
                    width = 7
                }
                printf "%s", word
                width += length(word)
            }
            print "\" },"
        }' "$file"
done
cat <<'END'
};
// clang-format on
const size_t cpu_n_models = G_N_ELEMENTS(cpu_models);
END
