#!/bin/sh
# test_plan.sh - vrm-plan as its user sees it: files in, answers, files and exit codes out.  With
# hbal at hand, hbal reads what vrm-plan writes.
set -eu
# shellcheck source=tests/plan_lib.sh
. "${srcdir:-.}/tests/plan_lib.sh"

"$top/tests/bench/gencluster" 16 200 1 g

# --- balance -----------------------------------------------------------------------------------
run 0 balance -t g.data -U g.load -S after
says '16 hosts, 200 VMs, '
says 'CPU load: 1.0 = 64 threads'
says 'memory load: 1.0 = 524288 MiB'
says '=> h'
says 'CPU s to plan'
run 0 balance -t after -U g.load --print-moves
[ ! -s out ] || fail "an immediate second run moves: $(cat out)"
run 0 balance -t g.data -U g.load --print-moves
moves=$(wc -l < out)
changed=$(diff g.data after | grep -c '^> v')
if [ "$changed" -eq 0 ] || [ "$moves" -lt "$changed" ]; then
    fail "$moves moves, but $changed changed lines"
fi
cp out first
run 0 balance -t g.data -U g.load --print-moves
cmp -s first out || fail "two runs, two plans"
run 0 balance -tg.data -Ug.load -l3 --print-moves
[ "$(wc -l < out)" -le 3 ] || fail "more moves than -l 3"
run 0 balance -t g.data -U g.load -l 0 -S same
cmp -s g.data same || fail "without moves the file that is written differs"
run 0 balance -t g.data -U g.load --objective hbal -S scored
says "^hbal's score "
run 0 balance -t scored -U g.load --objective hbal --print-moves
[ ! -s out ] || fail "an immediate second run for hbal's score moves: $(cat out)"
run 0 balance -t g.data -U g.load -e 0.5 -S scored
run 0 balance -t g.data
says 'CPU load: a quarter of the vCPUs (no load file)'
run 0 balance -t g.data -U g.load -C -p --print-instances --no-disk-moves -v --level 5
says 'gnt-instance migrate -f -n h'
says 'Hosts after:'
says '(was h'
run 0 balance -t g.data -U g.load -q -q -Ccommands --select-instances v00001,v00002
[ ! -s out ] || fail "-q -q prints: $(cat out)"
sh -n commands || fail "the commands are no script"
run 0 balance -t g.data -U g.load --json
says '^{"cluster":"group-01","before":{"mustBroken":'
says '"moves":\[{"vm":"v'
run 0 balance -s g.json --save-snapshot after.json
run 0 balance -s after.json --print-moves

# Offline nodes are left, in hbal's words and ours.
run 0 balance -t g.data -U g.load -O h0003 -E --print-moves
grep -qv ' h0003 ' out && fail "-E moves others than those of the offline node: $(cat out)"
run 0 balance -t g.data -U g.load -O h0003 -C
says 'gnt-instance failover -f -n h'

# What is no plain file stays what it is, and a link leads to its target.
mkfifo pipe
cat pipe > piped &
run 0 balance -t g.data -U g.load -S pipe
wait $!
[ -p pipe ] || fail "the pipe was replaced"
grep -q '^v00001|' piped || fail "nothing came through the pipe"
(umask 077; : > private)
ln -s private link
run 0 balance -t g.data -U g.load -S link
[ -L link ] || fail "the link was replaced"
grep -q '^v00001|' private || fail "nothing came through the link"
[ "$(stat -c %a private)" = 600 ] || fail "the mode was not kept"
run 4 balance -t g.data -U g.load -S .
warns 'Is a directory'

# No node is offline: -E has nothing to do.
run 0 balance -t g.data -U g.load -E
says '^0 moves'
says 'no move is allowed'

# --- others ------------------------------------------------------------------------------------
run 0 drain h0003 -t g.data -U g.load -S drained
says 'VMs of h0003 can leave'
grep '^v' drained | grep -q '|h0003|' && fail "VMs are left on the drained host"
run 0 explain v00001 -t g.data -U g.load
says '^v00001: on h'
run 0 explain v00001 h0001 --json -t g.data
says '"hosts":\[{"host":"h0001",'
run 1 place v00001 -t g.data
warns 'v00001 runs on h'
sed 's/^\(v00007|.*\)|running|/\1|ADMIN_down|/' g.data > down.data
run 0 place v00007 -t down.data
says '^v00007: h'
says '-> *h'
run 0 admission -t g.data
says 'if h0000 died: '
says 'policy: none'
run 1 admission -t g.data --failures 15
says 'policy: does not hold: if the 15 hosts'
run 0 capacity -t g.data --size 4,8192
says 'more VMs of 4 vCPUs and 8192 MiB fit as the cluster stands'
run 0 dpm -t g.data -U g.load -S asleep
says ' can sleep '
says ' stays '
says 'moves balance the cluster first'
says 'kWh a day'
sleeper=$(sed -n 's/^\([^ ]*\) *can sleep .*/\1/p' out | head -1)
grep '^v' asleep | grep -q "|$sleeper|" && fail "VMs are left on $sleeper, which can sleep"
run 0 dpm -t g.data -U g.load --spare 15 --json
says '"sleep":0,"wake":0'
run 0 dpm -s g.json
says 'has no BMC'
run 0 dpm -s g.json --assume-proven --level 9 --watts 100
says 'can sleep'
run 2 dpm -t g.data --spare -2

# A trace in which every VM wants what the load file says.
awk '{ for (t = 0; t <= 1200; t += 60) print t, $1, int($2 * 64000), int($3 * 524288), 0 }' g.load |
    sort -n -s -k1,1 > trace
run 0 replay -t g.data -U g.load --trace trace --against drs.limen=9,drs.interval_s=30 --progress
says '^moves  *0  *[1-9]'
says '^hot host-minutes '
says 'drs.limen=9,drs.interval_s=30'
warns 'replay 2 of 3 (as it is): 0 %'
cp out first
run 0 replay -t g.data -U g.load --trace trace --against drs.limen=9,drs.interval_s=30
cmp -s first out || fail "two replays, two answers"
run 0 replay -t g.data -U g.load --trace trace --set drs.enabled=0 --json
says '"setting":"as set","moves":0,'
run 2 replay -t g.data
warns 'want --trace FILE'
run 2 replay -t g.data --trace trace --against drs.limen=11
warns "drs.limen = '11': want a number 0..9"
echo '100 v00001 many 1 1' > bad.trace
run 3 replay -t g.data --trace bad.trace
warns "bad.trace:1: sample 100: CPU MHz = 'many': want a number"
run 3 replay -t g.data --trace nowhere
run 0 what-if -t g.data -U g.load --add-hosts 2:like=h0001 --without-host h0002 \
    --rule 'apart must v00001,v00002'
says '^As it is:'
says 'VMs of h0002 can leave'
run 1 what-if -t g.data --rule 'together must v00001,v00002' --rule 'apart must v00001,v00002'
warns 'together must v00001,v00002'
run 0 convert -t g.data
cp out converted.json
run 0 convert -s converted.json
cmp -s out converted.json || fail "a converted snapshot converts to another"

# --- what is refused ---------------------------------------------------------------------------
run 0 --help
says 'Usage: vrm-plan COMMAND'
for command in balance drain place explain admission capacity dpm what-if replay convert; do
    run 0 "$command" --help
    says 'text-data=FILE'
done
run 0 --version
run 2
run 2 dance
warns "no command dance"
run 2 balance
warns 'either -t FILE or --snapshot FILE'
run 2 balance -t g.data -s g.json
run 2 balance -U g.load -s g.json
run 2 balance -t g.data --level 10
warns "level '10': want a whole number 1..9"
run 2 balance -t g.data extra
run 2 drain -t g.data
run 2 capacity -t g.data
run 2 capacity -t g.data --size 4
warns 'want VCPUS,MIB'
run 2 balance -t g.data --min-gain-limit 0.1
warns 'every move must gain'
run 2 balance -s g.json -e 0.1
warns "hbal's score"
run 2 balance -t g.data --objective beauty
warns 'want load or hbal'
run 2 balance -m cluster
warns 'reads files only'
run 2 balance -t g.data -X
run 3 balance -t missing.data
warns 'missing.data: No such file'
run 3 balance -t g.data -G nobody
warns "no node group 'nobody'"
run 3 balance -t g.data -O nobody
run 3 drain nobody -t g.data
warns "no host 'nobody'"
run 3 balance -t g.data --exclude-instances v00001,nobody
sed 's/^h0002|[0-9]*/h0002|lots/' g.data > bad.data
run 3 balance -t bad.data
warns "bad.data:5: node h0002: total memory = 'lots': want a number"
run 3 balance -s g.data
warns 'g.data: not JSON: line 1'
run 2 what-if -t g.data --rule 'near must v00001'
run 4 balance -t g.data -S /nowhere/file
warns '/nowhere/file'
run 4 balance -s g.json -S file
warns 'only a cluster read with -t'

# --- hbal --------------------------------------------------------------------------------------
if command -v hbal > /dev/null; then
    score() { hbal -t "$1" -U g.load -l 0 | sed -n 's/^Initial score: //p'; }
    awk "BEGIN { exit !($(score scored) <= 0.5) }" || fail "-e 0.5: hbal's score is $(score scored)"
    was=$(score g.data)
    is=$(score after)
    [ -n "$is" ] || fail "hbal cannot read what vrm-plan wrote"
    echo "hbal's score: $was before, $is after"
    awk "BEGIN { exit !($is < $was) }" || fail "hbal finds the result no better"
    hbal -t after -U g.load -l 0 | grep -q 'Initial check done: 0 bad nodes, 0 bad instances' ||
        fail "hbal finds bad nodes in the result"
fi
[ "$n_bad" -eq 0 ] || { echo "$n_bad failed"; exit 1; }
