#!/bin/sh
# test_plan_input.sh - vrm-plan before odd files and odd options: what it cannot take it refuses, with
# the line or the path, the value and what would be right; and two ways to say the same agree.
set -eu
# shellcheck source=tests/plan_lib.sh
. "${srcdir:-.}/tests/plan_lib.sh"

"$top/tests/bench/gencluster" 16 200 1 g

# --- a converted cluster is the same one -------------------------------------------------------
# With a vCPU ratio of its own, and a node that keeps memory for instances that are down.
sed 's/^\(v0000[789]|.*\)|running|/\1|ADMIN_down|/' g.data > rich.data
printf '\n|2048,8,1048576,2,2,8|128,1,1024,1,1,1;32768,64,1048576,16,16,32|drbd,plain|6.0|32.0\n' \
    > policy
awk -v RS= -v ORS='\n\n' 'NR <= 3' rich.data > sections
printf 'htools:iextags:app\n' >> sections
cat sections policy > rich.data
run 0 convert -t rich.data -U g.load
cp out rich.json
grep -q '"vcpusPerThread":6' rich.json || fail "the vCPU ratio is lost"
for question in 'capacity --size 4,8192' 'capacity --size 16,1024 --failures 2' 'admission' \
    'place v00007' 'place v00007 v00008 v00009' 'balance --print-moves' 'drain h0003 --print-moves' \
    'explain v00001'; do
    # shellcheck disable=SC2086 # words of the question
    run 0 $question -t rich.data -U g.load -q
    sed '/^Cluster /d; / load: 1.0 = /d' out > first
    # shellcheck disable=SC2086
    run 0 $question -s rich.json -q
    cmp -s first out || fail "$question: another answer after a conversion: $(diff first out)"
done
run 0 balance -t rich.data -U g.load -l 0 --save-snapshot saved.json
cmp -s rich.json saved.json || fail "--save-snapshot without moves is not what convert writes"
run 0 convert -t rich.data --max-cpu 3
says '"vcpusPerThread":3'

# --- snapshots that do not hold together -------------------------------------------------------
bad_json() { # MESSAGE SED
    sed "$2" g.json > bad.json
    cmp -s g.json bad.json && fail "$2 changes nothing"
    run 3 balance -s bad.json
    warns "bad.json: $1"
}
bad_json 'vms\[0\].hostId = 999: want the id of a host' '/"name":"v00000"/s/"hostId":[0-9]*/"hostId":999/'
bad_json 'vms\[0\].clusterId = 7: want the id of a cluster' '/"name":"v00000"/s/"clusterId":1/"clusterId":7/'
bad_json "vms\[1\].name = 'v00000': want a name that no other" 's/"v00001"/"v00000"/'
bad_json "hosts\[1\].name = '': want a name" 's/"h0001"/""/'
bad_json 'hosts is missing: want a list' '/^"hosts":/,/\]/d'
bad_json 'hostz = \[\]: want no such field' 's/^{"format"/{"hostz":[],"format"/'

bad_json 'measuring.minSamples = "few": want an integer' 's/^{"format"/{"measuring":{"minSamples":"few"},"format"/'

# --- which load figures are good enough: as the snapshot says --------------------------------------
sed 's/"nSamples":[0-9]*/"nSamples":3/' g.json > young.json
run 1 balance -s young.json
says 'has 3 of 6 samples'
measured() { # MEASURING FILE
    sed "s/^{\"format\"/{\"measuring\":{$1},\"format\"/" "$2" > measured.json
}
measured '"minSamples":2' young.json
for question in balance dpm 'what-if --without-host h0003' 'balance --save-snapshot saved.json'; do
    # shellcheck disable=SC2086 # words of the question
    run 0 $question -s measured.json
done
grep -q '^{"minSamples":2},' saved.json || fail "--save-snapshot forgets what is enough"
measured '"minSamples":2' g.json
run 0 balance -s g.json --print-moves
cp out first
run 0 balance -s measured.json --print-moves
cmp -s first out || fail "enough samples are enough: $(diff first out)"
measured '"minSamples":61' g.json
run 1 balance -s measured.json
says 'has 60 of 61 samples'
sed 's/"sampledMonoMs":[0-9]*/"sampledMonoMs":960000/' g.json > stale.json
run 1 balance -s stale.json
says 'newest sample is 40 s old (at most 30 s)'
measured '"maxAgeMs":40000' stale.json
run 0 balance -s measured.json
measured '"maxAgeMs":39000' stale.json
run 1 dpm -s measured.json

# A VM that runs nowhere is left out, and it is said; one of no cluster on a host counts.
sed '/"name":"v00000"/s/"hostId":[0-9]*,//' g.json > adrift.json
run 0 balance -s adrift.json -l 0
warns 'left out: 1 running VM on no host of the cluster (v00000)'
sed '/"name":"v00000"/s/"clusterId":1,//' g.json > stray.json
run 0 balance -s stray.json -l 0
says '16 hosts, 200 VMs, '
run 0 balance -t g.data -U /dev/null -l 0
says '(no load of a running instance)'

# --- units -------------------------------------------------------------------------------------
run 0 balance -t g.data -U g.load --json
says '"loadUnits":{"cpu":{"threads":64.0,"why":"[^"]*"},"memory":{"mib":524288.0,"why":"[^"]*"}}'
says '"copyMib":'
says '"shortageMib":'
hides '[a-z]Mb"'
run 0 capacity -t g.data --size 1,1 --json
says '"loadUnits":{"cpu":{"threads":null,"why":"no load file"}'
run 0 balance -t g.data
says '^vCPUs: at most 8 for each thread'
hides '[0-9] MB\b'
# 1,024 MiB over 1,000 Mbit/s take 8.59 s, and 2 s to begin and end.
cat > one.data <<'EOF'
group-01|c0ffee00-0000-0000-0000-000000000001|preferred||

n1|10240|0|2048|100000|100000|8|N|c0ffee00-0000-0000-0000-000000000001|1||N|0|0|1
n2|10240|0|8192|100000|100000|8|N|c0ffee00-0000-0000-0000-000000000001|1||N|0|0|1

a|1024|0|1|running|N|n2||ext||1|-


EOF
run 0 drain n2 -t one.data --link 1000 --json
says '"durationMs":10589,'
run 0 drain n2 -t one.data --link 1000
says 'about 11 s$'

# --- capacity ----------------------------------------------------------------------------------
# Measured load does not keep a VM from its start, but its owner wants to know.
cat > busy.data <<'EOF'
group-01|c0ffee00-0000-0000-0000-000000000001|preferred||

n1|10240|0|2048|100000|100000|4|N|c0ffee00-0000-0000-0000-000000000001|1||N|0|0|1
n2|10240|0|8192|100000|100000|4|N|c0ffee00-0000-0000-0000-000000000001|1||N|0|0|1

a|8192|0|4|running|N|n1||ext||1|-
b|2048|0|4|running|N|n2||ext||1|-


EOF
printf 'a 0.9 0.1 1 1\nb 0.5 0.1 1 1\n' > busy.load
run 0 capacity -t busy.data -U busy.load --cpu-unit 4 --size 4,1024 --failures 0
says '^5 more VMs of 4 vCPUs and 1024 MiB fit as the cluster stands'
says '^2 of them before a host has more CPU load than CPU, by the load now and 1000 MHz for each'
says '^counted: memory as configured, '
run 0 capacity -t busy.data -U busy.load --cpu-unit 4 --size 4,1024 --json
says '"withinCpuLoad":2,"newVmMhz":1000,'

# --- reasons -----------------------------------------------------------------------------------
# A move makes room for one that is still to come, and says what is good about a hotter host.
for seed in 4 9 11; do
    "$top/tests/bench/gencluster" 16 300 $seed r
    run 0 balance -t r.data -U r.load --level 9
    awk '$1 ~ /^[0-9]+$/ && $4 == "=>" { line[++n] = $0; last[$2] = n }
        END {
            for (i = 1; i <= n; i++)
                if (match(line[i], /makes room for [^:,]*/)) {
                    vm = substr(line[i], RSTART + 15, RLENGTH - 15)
                    if (last[vm] <= i)
                        print "move " i " makes room for " vm ", which has moved before"
                }
                else if (line[i] !~ /steps aside/ && match(line[i], /CPU of h[0-9]+ [0-9]+ -> [0-9]+ %, of h[0-9]+ [0-9]+ -> [0-9]+ % \(/)) {
                    split(substr(line[i], RSTART, RLENGTH), word, " ")
                    if (word[10] + 0 > word[4] + 0)
                        print "move " i " goes to the hotter host: " line[i]
                }
        }' out > wrong
    [ ! -s wrong ] || fail "seed $seed: $(cat wrong)"
done
run 0 balance -t g.data
says "lowers hbal's score by 0\\.[0-9]*: "

# --- traces ------------------------------------------------------------------------------------
bad_trace() { # MESSAGE TEXT
    printf '%b' "$2" > bad.trace
    run 3 replay -t g.data --trace bad.trace
    warns "$1"
}
bad_trace "bad.trace:2: .*'1760000000': want seconds, at most 86400 (a day) after the line above" \
    '0 v00001 1 1 1\n1760000000 v00001 1 1 1\n'
bad_trace "bad.trace:1: more than five fields (the cluster has a VM 'v00001'" '0 v00001 1 2 3 4\n'
bad_trace 'bad.trace:1: has 4 fields: want five' '0 v00001 1 1\n'
bad_trace 'bad.trace:1: has no sample of a VM of the cluster' '0 nobody 1 1 1\n'
{
    day=0
    while [ $day -le 400 ]; do
        echo "$((day * 86400)) v00001 1 1 1"
        day=$((day + 1))
    done
} > year.trace
run 3 replay -t g.data --trace year.trace
warns 'year.trace:368: .*want seconds, at most 31622400 (a year) after the first line'

# --- starts ------------------------------------------------------------------------------------
# Two nodes of 10 GiB; a and b are down, and memory is held for them where they were.
cat > small.data <<'EOF'
group-01|c0ffee00-0000-0000-0000-000000000001|preferred||

n1|10240|0|2048|100000|100000|8|N|c0ffee00-0000-0000-0000-000000000001|1||N|0|0|1
n2|10240|0|8192|100000|100000|8|N|c0ffee00-0000-0000-0000-000000000001|1||N|0|0|1

a|8192|0|1|ADMIN_down|N|n2||ext||1|-
b|6144|0|1|ADMIN_offline|N|n2||ext||1|-
c|8192|0|1|running|N|n1||ext||1|-
d|1024|0|1|ADMIN_offline|N|n2||ext||1|-


EOF
run 0 place a -t small.data
says '^a: n2: with it CPU'
run 1 place b -t small.data
says 'no host can take b'
sed 's/ADMIN_down/ADMIN_offline/' small.data > free.data
run 1 place a b -t free.data
says '^a: n2'
says '^b: no host can take b'
run 0 place a d -t free.data
says '^d: n1'
run 0 place d a -t free.data
says '^d: n1'
says '^a: n2'
run 2 place a a -t free.data
warns 'a is named twice'

# A name that the table cuts is told whole.
printf '0 v00001 100 100 0\n60 v00001 100 100 0\n' > short.trace
run 0 replay -t g.data --trace short.trace \
    --against drs.enabled=0,drs.limen=3,drs.factor=both,drs.interval_s=60
says '^column 3: drs.enabled=0,drs.limen=3,drs.factor=both,drs.interval_s=60$'

# --- drains ------------------------------------------------------------------------------------
hosts=$(sed -n 's/^\(h[0-9]*\)|.*/\1/p' g.data)
# shellcheck disable=SC2086 # names
run 1 drain -t g.data $hosts --print-moves
[ ! -s out ] || fail "with every host drained there are moves: $(head -3 out)"
warns '^stays: v[0-9]*: no host can take it: h0000: in maintenance'
run 0 drain -t g.data h0001 h0002 --print-moves
hides '^v[0-9]* h000[0-9]* h000[12]$'
run 0 drain -t g.data h0001
says '^hosts  *16  *15$'

# --- options -----------------------------------------------------------------------------------
refused() { # MESSAGE COMMAND...
    message=$1
    shift
    run 2 "$@"
    warns "$message"
}
for option in --level --seed --proposals -l --max-length --parallel --per-host --link --uplink --horizon \
    --cpu-unit --mem-unit --max-cpu -e -g; do
    for value in -1 -2 x '' 1x nan 0x10; do
        refused "^vrm-plan: $option '$value': want a" balance -t g.data -U g.load "$option" "$value"
    done
done
refused "^vrm-plan: --failures '-1': want a whole number 0..1000" capacity -t g.data --size 1,1 --failures -1
refused "^vrm-plan: --failures '17': want 0..16, the cluster has 16 hosts" admission -t g.data --failures 17
refused "^vrm-plan: --failures '17': want 0..16" capacity -t g.data --size 1,1 --failures 17
refused "^vrm-plan: --spare '17': want 0..16" dpm -t g.data --spare 17
refused "^vrm-plan: --spare '-1'" dpm -t g.data --spare -1
refused "^vrm-plan: --watts '-1'" replay -t g.data --trace bad.trace --watts -1
for value in 0 -1 x 1001 '' 2: 2:like= 2:unlike=h0001; do
    refused "^vrm-plan: --add-hosts '$value': want N or N:like=HOST" what-if -t g.data --add-hosts "$value"
done
run 3 what-if -t g.data --add-hosts 2:like=nobody
for rule in 'apart must v00001' 'together should v00001,v00001' 'apart must' 'apart must-not v00001,v00002' ''; do
    refused "^vrm-plan: --rule: rule '$rule': want" what-if -t g.data --rule "$rule"
done
run 3 what-if -t g.data --rule 'apart must v00001,nobody'
warns "there is no VM 'nobody'"
refused 'can be read once only' balance -t - -U -
refused 'can be read once only' replay -s - --trace -
refused 'about a cluster given with -t' balance -s g.json -O h0001
refused 'about the load given with -U' balance -t g.data --cpu-unit 3
refused "^vrm-plan: --factor 'gpu': want cpu, mem or both" balance -t g.data --factor gpu
refused "^vrm-plan: --select-instances '': want names" balance -t g.data --select-instances ''
refused "^vrm-plan: --exclusion-tags 'a,,b': want names" balance -t g.data --exclusion-tags a,,b
for size in 4 '4,8192,' 0,1 1,0 4,8192,1e3 4,99999999999 -1,1 ' 4,5'; do
    refused "^vrm-plan: --size '$size': want VCPUS,MIB" capacity -t g.data --size "$size"
    [ ! -s out ] || fail "a wrong --size prints to standard output: $(cat out)"
done
refused '^vrm-plan: -S keeps the hosts' what-if -t g.data --add-hosts 1 -S x
run 0 balance -t g.data --exclusion-tags nosuch -l 0
warns "no instance has a tag 'nosuch:...'"
# What a command does not heed it does not offer.
for option in -l --level --seed --horizon --proposals; do
    refused 'Unknown option' drain h0001 -t g.data "$option" 2
done
refused 'Unknown option' what-if -t g.data --failures 1
refused 'Unknown option' dpm -t g.data -l 1
for command in 'balance -O h0003' 'what-if --without-host h0003'; do
    for n in 0 2 20; do
        # shellcheck disable=SC2086 # words
        run 0 $command -t g.data -U g.load -l $n --print-moves
        [ "$(wc -l < out)" -le "$n" ] || fail "$command -l $n: $(wc -l < out) moves"
    done
done
# hbal's users write -C FILE.
run 0 balance -t g.data -U g.load -C script -q -q
sh -n script || fail "-C FILE: no script"
grep -q '^gnt-instance migrate ' script || fail "-C FILE: no commands"
# A file on standard output has it for itself.
run 0 balance -t g.data -U g.load -S after
run 0 balance -t g.data -U g.load -S -
cmp -s after out || fail "-S - writes other things too: $(head -3 out)"
run 0 what-if -t g.data -U g.load --without-host h0003 --save-snapshot -
run 0 dpm -s g.json --assume-proven --save-snapshot -
cp out piped.json
run 0 balance -s piped.json
refused 'takes one thing only' balance -t g.data -S - --save-snapshot -
refused 'takes one thing only' balance -t g.data -S - --json
{
    cat g.load
    grep '^v00003 ' g.load
} > twice.load
run 0 balance -t g.data -U twice.load -l 0
warns 'twice.load:201: a second line of v00003; it counts'

[ "$n_bad" -eq 0 ] || { echo "$n_bad failed"; exit 1; }
