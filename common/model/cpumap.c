/* cpumap.c - see cpu.h: the named CPU models and their features.
 *
 * Data, made by gen-cpumap.sh from src/cpu_map of libvirt 9.0.0; do not edit. */
#include "config.h"

#include "model/cpu.h"

#include <glib.h>

// clang-format off
const struct cpu_model cpu_models[] = {
    { "Broadwell-IBRS",
      "3dnowprefetch adx aes apic avx avx2 bmi1 bmi2 clflush cmov cx16 cx8 de erms fma fpu "
      "fsgsbase fxsr hle invpcid lahf_lm lm mca mce mmx movbe msr mtrr nx pae pat pcid pclmuldq "
      "pge pni popcnt pse pse36 rdseed rdtscp rtm sep smap smep spec-ctrl sse sse2 sse4.1 sse4.2 "
      "ssse3 syscall tsc tsc-deadline x2apic xsave" },
    { "Broadwell-noTSX-IBRS",
      "3dnowprefetch adx aes apic avx avx2 bmi1 bmi2 clflush cmov cx16 cx8 de erms fma fpu "
      "fsgsbase fxsr invpcid lahf_lm lm mca mce mmx movbe msr mtrr nx pae pat pcid pclmuldq pge "
      "pni popcnt pse pse36 rdseed rdtscp sep smap smep spec-ctrl sse sse2 sse4.1 sse4.2 ssse3 "
      "syscall tsc tsc-deadline x2apic xsave" },
    { "Broadwell-noTSX",
      "3dnowprefetch adx aes apic avx avx2 bmi1 bmi2 clflush cmov cx16 cx8 de erms fma fpu "
      "fsgsbase fxsr invpcid lahf_lm lm mca mce mmx movbe msr mtrr nx pae pat pcid pclmuldq pge "
      "pni popcnt pse pse36 rdseed rdtscp sep smap smep sse sse2 sse4.1 sse4.2 ssse3 syscall tsc "
      "tsc-deadline x2apic xsave" },
    { "Broadwell",
      "3dnowprefetch adx aes apic avx avx2 bmi1 bmi2 clflush cmov cx16 cx8 de erms fma fpu "
      "fsgsbase fxsr hle invpcid lahf_lm lm mca mce mmx movbe msr mtrr nx pae pat pcid pclmuldq "
      "pge pni popcnt pse pse36 rdseed rdtscp rtm sep smap smep sse sse2 sse4.1 sse4.2 ssse3 "
      "syscall tsc tsc-deadline x2apic xsave" },
    { "Cascadelake-Server-noTSX",
      "3dnowprefetch abm adx aes apic arat avx avx2 avx512bw avx512cd avx512dq avx512f avx512vl "
      "avx512vnni bmi1 bmi2 clflush clflushopt clwb cmov cx16 cx8 de erms f16c fma fpu fsgsbase "
      "fxsr invpcid lahf_lm lm mca mce mmx movbe mpx msr mtrr nx pae pat pcid pclmuldq pdpe1gb "
      "pge pni popcnt pse pse36 rdrand rdseed rdtscp sep smap smep spec-ctrl ssbd sse sse2 "
      "sse4.1 sse4.2 ssse3 syscall tsc tsc-deadline vme x2apic xgetbv1 xsave xsavec xsaveopt" },
    { "Cascadelake-Server",
      "3dnowprefetch abm adx aes apic arat avx avx2 avx512bw avx512cd avx512dq avx512f avx512vl "
      "avx512vnni bmi1 bmi2 clflush clflushopt clwb cmov cx16 cx8 de erms f16c fma fpu fsgsbase "
      "fxsr hle invpcid lahf_lm lm mca mce mmx movbe mpx msr mtrr nx pae pat pcid pclmuldq "
      "pdpe1gb pge pni popcnt pse pse36 rdrand rdseed rdtscp rtm sep smap smep spec-ctrl ssbd "
      "sse sse2 sse4.1 sse4.2 ssse3 syscall tsc tsc-deadline vme x2apic xgetbv1 xsave xsavec "
      "xsaveopt" },
    { "Conroe",
      "apic clflush cmov cx8 de fpu fxsr lahf_lm lm mca mce mmx msr mtrr nx pae pat pge pni pse "
      "pse36 sep sse sse2 ssse3 syscall tsc" },
    { "Cooperlake",
      "3dnowprefetch abm adx aes apic arat arch-capabilities avx avx2 avx512-bf16 avx512bw "
      "avx512cd avx512dq avx512f avx512vl avx512vnni bmi1 bmi2 clflush clflushopt clwb cmov cx16 "
      "cx8 de erms f16c fma fpu fsgsbase fxsr hle ibrs-all invpcid lahf_lm lm mca mce mds-no mmx "
      "movbe msr mtrr nx pae pat pcid pclmuldq pdpe1gb pge pku pni popcnt pschange-mc-no pse "
      "pse36 rdctl-no rdrand rdseed rdtscp rtm sep skip-l1dfl-vmentry smap smep spec-ctrl ssbd "
      "sse sse2 sse4.1 sse4.2 ssse3 stibp syscall taa-no tsc tsc-deadline vme x2apic xgetbv1 "
      "xsave xsavec xsaveopt" },
    { "Dhyana",
      "3dnowprefetch abm adx apic arat avx avx2 bmi1 bmi2 clflush clflushopt cmov cr8legacy cx16 "
      "cx8 de f16c fma fpu fsgsbase fxsr fxsr_opt ibpb lahf_lm lm mca mce misalignsse mmx mmxext "
      "monitor movbe msr mtrr nx osvw pae pat pdpe1gb pge pni popcnt pse pse36 rdrand rdseed "
      "rdtscp sep smap smep sse sse2 sse4.1 sse4.2 sse4a ssse3 svm syscall tsc vme xgetbv1 xsave "
      "xsavec xsaveopt" },
    { "EPYC-IBPB",
      "3dnowprefetch abm adx aes apic arat avx avx2 bmi1 bmi2 clflush clflushopt cmov cr8legacy "
      "cx16 cx8 de f16c fma fpu fsgsbase fxsr fxsr_opt ibpb lahf_lm lm mca mce misalignsse mmx "
      "mmxext monitor movbe msr mtrr nx osvw pae pat pclmuldq pdpe1gb pge pni popcnt pse pse36 "
      "rdrand rdseed rdtscp sep sha-ni smap smep sse sse2 sse4.1 sse4.2 sse4a ssse3 svm syscall "
      "tsc vme xgetbv1 xsave xsavec xsaveopt" },
    { "EPYC-Milan",
      "3dnowprefetch abm adx aes amd-ssbd amd-stibp apic arat avx avx2 bmi1 bmi2 clflush "
      "clflushopt clwb clzero cmov cr8legacy cx16 cx8 de erms f16c fma fpu fsgsbase fsrm fxsr "
      "fxsr_opt ibpb ibrs invpcid lahf_lm lm mca mce misalignsse mmx mmxext movbe msr mtrr npt "
      "nrip-save nx osvw pae pat pcid pclmuldq pdpe1gb perfctr_core pge pku pni popcnt pse pse36 "
      "rdpid rdrand rdseed rdtscp sep sha-ni smap smep sse sse2 sse4.1 sse4.2 sse4a ssse3 svm "
      "svme-addr-chk syscall tsc umip vme wbnoinvd xgetbv1 xsave xsavec xsaveerptr xsaveopt "
      "xsaves" },
    { "EPYC-Rome",
      "3dnowprefetch abm adx aes amd-stibp apic arat avx avx2 bmi1 bmi2 clflush clflushopt clwb "
      "clzero cmov cr8legacy cx16 cx8 de f16c fma fpu fsgsbase fxsr fxsr_opt ibpb lahf_lm lm mca "
      "mce misalignsse mmx mmxext movbe msr mtrr npt nrip-save nx osvw pae pat pclmuldq pdpe1gb "
      "perfctr_core pge pni popcnt pse pse36 rdpid rdrand rdseed rdtscp sep sha-ni smap smep sse "
      "sse2 sse4.1 sse4.2 sse4a ssse3 svm syscall tsc umip vme wbnoinvd xgetbv1 xsave xsavec "
      "xsaveerptr xsaveopt" },
    { "EPYC",
      "3dnowprefetch abm adx aes apic arat avx avx2 bmi1 bmi2 clflush clflushopt cmov cr8legacy "
      "cx16 cx8 de f16c fma fpu fsgsbase fxsr fxsr_opt lahf_lm lm mca mce misalignsse mmx mmxext "
      "monitor movbe msr mtrr nx osvw pae pat pclmuldq pdpe1gb pge pni popcnt pse pse36 rdrand "
      "rdseed rdtscp sep sha-ni smap smep sse sse2 sse4.1 sse4.2 sse4a ssse3 svm syscall tsc vme "
      "xgetbv1 xsave xsavec xsaveopt" },
    { "Haswell-IBRS",
      "aes apic avx avx2 bmi1 bmi2 clflush cmov cx16 cx8 de erms fma fpu fsgsbase fxsr hle "
      "invpcid lahf_lm lm mca mce mmx movbe msr mtrr nx pae pat pcid pclmuldq pge pni popcnt pse "
      "pse36 rdtscp rtm sep smep spec-ctrl sse sse2 sse4.1 sse4.2 ssse3 syscall tsc tsc-deadline "
      "x2apic xsave" },
    { "Haswell-noTSX-IBRS",
      "aes apic avx avx2 bmi1 bmi2 clflush cmov cx16 cx8 de erms fma fpu fsgsbase fxsr invpcid "
      "lahf_lm lm mca mce mmx movbe msr mtrr nx pae pat pcid pclmuldq pge pni popcnt pse pse36 "
      "rdtscp sep smep spec-ctrl sse sse2 sse4.1 sse4.2 ssse3 syscall tsc tsc-deadline x2apic "
      "xsave" },
    { "Haswell-noTSX",
      "aes apic avx avx2 bmi1 bmi2 clflush cmov cx16 cx8 de erms fma fpu fsgsbase fxsr invpcid "
      "lahf_lm lm mca mce mmx movbe msr mtrr nx pae pat pcid pclmuldq pge pni popcnt pse pse36 "
      "rdtscp sep smep sse sse2 sse4.1 sse4.2 ssse3 syscall tsc tsc-deadline x2apic xsave" },
    { "Haswell",
      "aes apic avx avx2 bmi1 bmi2 clflush cmov cx16 cx8 de erms fma fpu fsgsbase fxsr hle "
      "invpcid lahf_lm lm mca mce mmx movbe msr mtrr nx pae pat pcid pclmuldq pge pni popcnt pse "
      "pse36 rdtscp rtm sep smep sse sse2 sse4.1 sse4.2 ssse3 syscall tsc tsc-deadline x2apic "
      "xsave" },
    { "Icelake-Client-noTSX",
      "3dnowprefetch abm adx aes apic arat avx avx2 avx512-vpopcntdq avx512bitalg avx512vbmi "
      "avx512vbmi2 avx512vnni bmi1 bmi2 clflush cmov cx16 cx8 de erms f16c fma fpu fsgsbase fxsr "
      "gfni intel-pt invpcid lahf_lm lm mca mce mmx movbe mpx msr mtrr nx pae pat pcid pclmuldq "
      "pge pku pni popcnt pse pse36 rdrand rdseed rdtscp sep smap smep spec-ctrl ssbd sse sse2 "
      "sse4.1 sse4.2 ssse3 syscall tsc tsc-deadline umip vaes vme vpclmulqdq wbnoinvd x2apic "
      "xgetbv1 xsave xsavec xsaveopt" },
    { "Icelake-Client",
      "3dnowprefetch abm adx aes apic arat avx avx2 avx512-vpopcntdq avx512bitalg avx512vbmi "
      "avx512vbmi2 avx512vnni bmi1 bmi2 clflush cmov cx16 cx8 de erms f16c fma fpu fsgsbase fxsr "
      "gfni hle intel-pt invpcid lahf_lm lm mca mce mmx movbe mpx msr mtrr nx pae pat pcid "
      "pclmuldq pge pku pni popcnt pse pse36 rdrand rdseed rdtscp rtm sep smap smep spec-ctrl "
      "ssbd sse sse2 sse4.1 sse4.2 ssse3 syscall tsc tsc-deadline umip vaes vme vpclmulqdq "
      "wbnoinvd x2apic xgetbv1 xsave xsavec xsaveopt" },
    { "Icelake-Server-noTSX",
      "3dnowprefetch abm adx aes apic arat avx avx2 avx512-vpopcntdq avx512bitalg avx512bw "
      "avx512cd avx512dq avx512f avx512vbmi avx512vbmi2 avx512vl avx512vnni bmi1 bmi2 clflush "
      "clflushopt clwb cmov cx16 cx8 de erms f16c fma fpu fsgsbase fxsr gfni intel-pt invpcid "
      "la57 lahf_lm lm mca mce mmx movbe mpx msr mtrr nx pae pat pcid pclmuldq pdpe1gb pge pku "
      "pni popcnt pse pse36 rdrand rdseed rdtscp sep smap smep spec-ctrl ssbd sse sse2 sse4.1 "
      "sse4.2 ssse3 syscall tsc tsc-deadline umip vaes vme vpclmulqdq wbnoinvd x2apic xgetbv1 "
      "xsave xsavec xsaveopt" },
    { "Icelake-Server",
      "3dnowprefetch abm adx aes apic arat avx avx2 avx512-vpopcntdq avx512bitalg avx512bw "
      "avx512cd avx512dq avx512f avx512vbmi avx512vbmi2 avx512vl avx512vnni bmi1 bmi2 clflush "
      "clflushopt clwb cmov cx16 cx8 de erms f16c fma fpu fsgsbase fxsr gfni hle intel-pt "
      "invpcid la57 lahf_lm lm mca mce mmx movbe mpx msr mtrr nx pae pat pcid pclmuldq pdpe1gb "
      "pge pku pni popcnt pse pse36 rdrand rdseed rdtscp rtm sep smap smep spec-ctrl ssbd sse "
      "sse2 sse4.1 sse4.2 ssse3 syscall tsc tsc-deadline umip vaes vme vpclmulqdq wbnoinvd "
      "x2apic xgetbv1 xsave xsavec xsaveopt" },
    { "IvyBridge-IBRS",
      "aes apic avx clflush cmov cx16 cx8 de erms f16c fpu fsgsbase fxsr lahf_lm lm mca mce mmx "
      "msr mtrr nx pae pat pclmuldq pge pni popcnt pse pse36 rdrand rdtscp sep smep spec-ctrl "
      "sse sse2 sse4.1 sse4.2 ssse3 syscall tsc tsc-deadline vme x2apic xsave" },
    { "IvyBridge",
      "aes apic avx clflush cmov cx16 cx8 de erms f16c fpu fsgsbase fxsr lahf_lm lm mca mce mmx "
      "msr mtrr nx pae pat pclmuldq pge pni popcnt pse pse36 rdrand rdtscp sep smep sse sse2 "
      "sse4.1 sse4.2 ssse3 syscall tsc tsc-deadline vme x2apic xsave" },
    { "Nehalem-IBRS",
      "apic clflush cmov cx16 cx8 de fpu fxsr lahf_lm lm mca mce mmx msr mtrr nx pae pat pge pni "
      "popcnt pse pse36 sep spec-ctrl sse sse2 sse4.1 sse4.2 ssse3 syscall tsc" },
    { "Nehalem",
      "apic clflush cmov cx16 cx8 de fpu fxsr lahf_lm lm mca mce mmx msr mtrr nx pae pat pge pni "
      "popcnt pse pse36 sep sse sse2 sse4.1 sse4.2 ssse3 syscall tsc" },
    { "Opteron_G1",
      "apic clflush cmov cx8 de fpu fxsr lm mca mce mmx msr mtrr nx pae pat pge pni pse pse36 "
      "sep sse sse2 syscall tsc" },
    { "Opteron_G2",
      "apic clflush cmov cx16 cx8 de fpu fxsr lahf_lm lm mca mce mmx msr mtrr nx pae pat pge pni "
      "pse pse36 rdtscp sep sse sse2 svm syscall tsc" },
    { "Opteron_G3",
      "abm apic clflush cmov cx16 cx8 de fpu fxsr lahf_lm lm mca mce misalignsse mmx monitor msr "
      "mtrr nx pae pat pge pni popcnt pse pse36 rdtscp sep sse sse2 sse4a svm syscall tsc" },
    { "Opteron_G4",
      "3dnowprefetch abm aes apic avx clflush cmov cx16 cx8 de fma4 fpu fxsr lahf_lm lm mca mce "
      "misalignsse mmx msr mtrr nx pae pat pclmuldq pdpe1gb pge pni popcnt pse pse36 rdtscp sep "
      "sse sse2 sse4.1 sse4.2 sse4a ssse3 svm syscall tsc xop xsave" },
    { "Opteron_G5",
      "3dnowprefetch abm aes apic avx clflush cmov cx16 cx8 de f16c fma fma4 fpu fxsr lahf_lm lm "
      "mca mce misalignsse mmx msr mtrr nx pae pat pclmuldq pdpe1gb pge pni popcnt pse pse36 "
      "rdtscp sep sse sse2 sse4.1 sse4.2 sse4a ssse3 svm syscall tbm tsc xop xsave" },
    { "Penryn",
      "apic clflush cmov cx16 cx8 de fpu fxsr lahf_lm lm mca mce mmx msr mtrr nx pae pat pge pni "
      "pse pse36 sep sse sse2 sse4.1 ssse3 syscall tsc" },
    { "SandyBridge-IBRS",
      "aes apic avx clflush cmov cx16 cx8 de fpu fxsr lahf_lm lm mca mce mmx msr mtrr nx pae pat "
      "pclmuldq pge pni popcnt pse pse36 rdtscp sep spec-ctrl sse sse2 sse4.1 sse4.2 ssse3 "
      "syscall tsc tsc-deadline x2apic xsave" },
    { "SandyBridge",
      "aes apic avx clflush cmov cx16 cx8 de fpu fxsr lahf_lm lm mca mce mmx msr mtrr nx pae pat "
      "pclmuldq pge pni popcnt pse pse36 rdtscp sep sse sse2 sse4.1 sse4.2 ssse3 syscall tsc "
      "tsc-deadline x2apic xsave" },
    { "Skylake-Client-IBRS",
      "3dnowprefetch abm adx aes apic arat avx avx2 bmi1 bmi2 clflush cmov cx16 cx8 de erms f16c "
      "fma fpu fsgsbase fxsr hle invpcid lahf_lm lm mca mce mmx movbe mpx msr mtrr nx pae pat "
      "pcid pclmuldq pge pni popcnt pse pse36 rdrand rdseed rdtscp rtm sep smap smep spec-ctrl "
      "sse sse2 sse4.1 sse4.2 ssse3 syscall tsc tsc-deadline vme x2apic xgetbv1 xsave xsavec "
      "xsaveopt" },
    { "Skylake-Client-noTSX-IBRS",
      "3dnowprefetch abm adx aes apic arat avx avx2 bmi1 bmi2 clflush cmov cx16 cx8 de erms f16c "
      "fma fpu fsgsbase fxsr invpcid lahf_lm lm mca mce mmx movbe mpx msr mtrr nx pae pat pcid "
      "pclmuldq pge pni popcnt pse pse36 rdrand rdseed rdtscp sep smap smep spec-ctrl sse sse2 "
      "sse4.1 sse4.2 ssse3 syscall tsc tsc-deadline vme x2apic xgetbv1 xsave xsavec xsaveopt" },
    { "Skylake-Client",
      "3dnowprefetch abm adx aes apic arat avx avx2 bmi1 bmi2 clflush cmov cx16 cx8 de erms f16c "
      "fma fpu fsgsbase fxsr hle invpcid lahf_lm lm mca mce mmx movbe mpx msr mtrr nx pae pat "
      "pcid pclmuldq pge pni popcnt pse pse36 rdrand rdseed rdtscp rtm sep smap smep sse sse2 "
      "sse4.1 sse4.2 ssse3 syscall tsc tsc-deadline vme x2apic xgetbv1 xsave xsavec xsaveopt" },
    { "Skylake-Server-IBRS",
      "3dnowprefetch abm adx aes apic arat avx avx2 avx512bw avx512cd avx512dq avx512f avx512vl "
      "bmi1 bmi2 clflush clwb cmov cx16 cx8 de erms f16c fma fpu fsgsbase fxsr hle invpcid "
      "lahf_lm lm mca mce mmx movbe mpx msr mtrr nx pae pat pcid pclmuldq pdpe1gb pge pni popcnt "
      "pse pse36 rdrand rdseed rdtscp rtm sep smap smep spec-ctrl sse sse2 sse4.1 sse4.2 ssse3 "
      "syscall tsc tsc-deadline vme x2apic xgetbv1 xsave xsavec xsaveopt" },
    { "Skylake-Server-noTSX-IBRS",
      "3dnowprefetch abm adx aes apic arat avx avx2 avx512bw avx512cd avx512dq avx512f avx512vl "
      "bmi1 bmi2 clflush clwb cmov cx16 cx8 de erms f16c fma fpu fsgsbase fxsr invpcid lahf_lm "
      "lm mca mce mmx movbe mpx msr mtrr nx pae pat pcid pclmuldq pdpe1gb pge pni popcnt pse "
      "pse36 rdrand rdseed rdtscp sep smap smep spec-ctrl sse sse2 sse4.1 sse4.2 ssse3 syscall "
      "tsc tsc-deadline vme x2apic xgetbv1 xsave xsavec xsaveopt" },
    { "Skylake-Server",
      "3dnowprefetch abm adx aes apic arat avx avx2 avx512bw avx512cd avx512dq avx512f avx512vl "
      "bmi1 bmi2 clflush clwb cmov cx16 cx8 de erms f16c fma fpu fsgsbase fxsr hle invpcid "
      "lahf_lm lm mca mce mmx movbe mpx msr mtrr nx pae pat pcid pclmuldq pdpe1gb pge pni popcnt "
      "pse pse36 rdrand rdseed rdtscp rtm sep smap smep sse sse2 sse4.1 sse4.2 ssse3 syscall tsc "
      "tsc-deadline vme x2apic xgetbv1 xsave xsavec xsaveopt" },
    { "Snowridge",
      "3dnowprefetch aes apic arat arch-capabilities cldemote clflush clflushopt clwb cmov "
      "core-capability cx16 cx8 de erms fpu fsgsbase fxsr gfni lahf_lm lm mca mce mmx movbe "
      "movdir64b movdiri msr mtrr nx pae pat pclmuldq pdpe1gb pge pni popcnt pse pse36 rdrand "
      "rdseed rdtscp sep sha-ni smap smep spec-ctrl split-lock-detect ssbd sse sse2 sse4.1 "
      "sse4.2 ssse3 syscall tsc tsc-deadline umip vme x2apic xgetbv1 xsave xsavec xsaveopt" },
    { "Westmere-IBRS",
      "aes apic clflush cmov cx16 cx8 de fpu fxsr lahf_lm lm mca mce mmx msr mtrr nx pae pat pge "
      "pni popcnt pse pse36 sep spec-ctrl sse sse2 sse4.1 sse4.2 ssse3 syscall tsc" },
    { "Westmere",
      "aes apic clflush cmov cx16 cx8 de fpu fxsr lahf_lm lm mca mce mmx msr mtrr nx pae pat pge "
      "pni popcnt pse pse36 sep sse sse2 sse4.1 sse4.2 ssse3 syscall tsc" },
    { "core2duo",
      "apic clflush cmov cx8 de fpu fxsr lm mca mce mmx monitor msr mtrr nx pae pat pge pni pse "
      "pse36 sep sse sse2 ssse3 syscall tsc vme" },
    { "cpu64-rhel5",
      "apic clflush cmov cx8 de fpu fxsr lm mca mce mmx msr mtrr nx pae pat pge pni pse pse36 "
      "sep sse sse2 syscall tsc" },
    { "cpu64-rhel6",
      "apic clflush cmov cx16 cx8 de fpu fxsr lahf_lm lm mca mce mmx msr mtrr nx pae pat pge pni "
      "pse pse36 sep sse sse2 syscall tsc" },
    { "kvm64",
      "apic clflush cmov cx16 cx8 de fpu fxsr lm mca mce mmx msr mtrr nx pae pat pge pni pse "
      "pse36 sep sse sse2 syscall tsc" },
    { "phenom",
      "3dnow 3dnowext apic clflush cmov cx8 de fpu fxsr fxsr_opt lm mca mce mmx mmxext monitor "
      "msr mtrr nx pae pat pge pni pse pse36 sep sse sse2 svm syscall tsc" },
    { "qemu64",
      "apic clflush cmov cx16 cx8 de fpu fxsr lm mca mce mmx msr mtrr nx pae pat pge pni pse "
      "pse36 sep sse sse2 svm syscall tsc" },
};
// clang-format on
const size_t cpu_n_models = G_N_ELEMENTS(cpu_models);
