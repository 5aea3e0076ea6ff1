/* cpu.h - CPU features as sets of names, and the named models that stand for such sets.
 *
 * A CPU that a guest sees is written as libvirt describes it: a model, then what it has more and
 * less than the model, "Westmere +arat +hypervisor -rdtscp".  A host's features are the names
 * alone.  Names are libvirt's.  Pure; any thread. */
#ifndef VRM_MODEL_CPU_H
#define VRM_MODEL_CPU_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

/* The data, by cpumap.c. */
struct cpu_model {
    const char *name, *features;
};
extern const struct cpu_model cpu_models[];
extern const size_t cpu_n_models;

typedef struct CpuSet {
    char **names; /* ascending, each once; NULL behind the last */
    size_t n;
} CpuSet;

/* Words with blanks between them. */
CpuSet *cpu_set_parse(const char *text);
/* NULL: not in the map. */
CpuSet *cpu_set_of_model(const char *model);
/* "Westmere +arat -rdtscp"; NULL: empty, or the model is not in the map. */
CpuSet *cpu_set_of_seen(const char *seen);
CpuSet *cpu_set_dup(const CpuSet *set); /* NULL of NULL */
void cpu_set_free(CpuSet *set);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CpuSet, cpu_set_free)

bool cpu_set_has(const CpuSet *set, const char *name);
bool cpu_set_covers(const CpuSet *have, const CpuSet *need);
/* What need has and have lacks, for people: "aes, avx2", a long list cut short; "": nothing. Caller
 * frees. */
char *cpu_set_missing(const CpuSet *need, const CpuSet *have);
/* What is in both, or only in the first. */
CpuSet *cpu_set_common(const CpuSet *a, const CpuSet *b);
CpuSet *cpu_set_minus(const CpuSet *a, const CpuSet *b);
CpuSet *cpu_set_union(const CpuSet *a, const CpuSet *b);
/* The words again, one blank between two.  Caller frees. */
char *cpu_set_format(const CpuSet *set);

/* The model of a CPU that a guest sees: the first word.  Caller frees. */
char *cpu_seen_model(const char *seen);

#endif /* VRM_MODEL_CPU_H */
