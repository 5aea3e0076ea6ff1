# shellcheck shell=bash
# shellcheck disable=SC2034,SC2153 # names are shared with the other files
# demo_drs.sh - imbalance, plan, live migrations, result.  Sourced, never run.

readonly DRS_DATA_LIMIT_S=90
readonly DRS_MOVES_LIMIT_S=90
readonly DRS_SLOW_LIMIT_S=60 # more, where a single migration takes that long
readonly DRS_MIN_MOVES=3
readonly DRS_BOOT_LIMIT_S=40
readonly DRS_COUNT_LIMIT_S=60 # until every host has told what runs there, and a last move is over
# All but one sample of the controller's window: that one the percentile passes over.
readonly DRS_SETTLE_S=23
readonly DRS_IDLE_PERCENT=3 # of a CPU; a guest that boots takes a whole one

# --- where things stand -----------------------------------------------------------------------

# drs_table - prints per host: name, percent of its CPU that its VMs use, their number and names.
drs_table()
{
    jq -rn --argjson hosts "$(api GET "$SITE/hosts")" \
        --argjson vms "$(api GET "$SITE/vms?limit=100&detail=0")" '
        $hosts.hosts | sort_by(.name)[] | . as $host
        | [$vms.vms[] | select(.hostUrn == $host.urn)] as $own
        | ([$own[].params.usedMHz | tonumber] | add // 0) as $mhz
        | [$host.name, ($mhz * 100 / ($host.cpuQuantity * $host.cpuMHz) | round | tostring),
           ($own | length | tostring), ([$own[].name] | sort | join(" "))] | join("\t")'
}

drs_show_hosts()
{
    local host percent count names
    while IFS=$'\t' read -r host percent count names; do
        demo_say "$(printf '  %-5s %s %3d %%  %2d VMs  %s' "$host" "$(demo_bar "$percent")" \
            "$percent" "$count" "$DIM$names$PLAIN")"
    done < <(drs_table)
}

# A figure that leaves a host out (its agent was killed, say) is not that of the whole cluster.
readonly DRS_COUNTS_ALL='.decided and (.verdict | contains("left out") | not)'

# drs_measure - a fresh look of the product; sets BALANCE. False while it cannot judge.
drs_measure()
{
    BALANCE=$(api POST "$CLUSTER/drsBalance/action/refresh" 2>>"$DEMO_LOGS/measure.log") || return 1
    echo "$BALANCE" >>"$DEMO_LOGS/measure.log"
    [[ $(jq -r "$DRS_COUNTS_ALL" <<<"$BALANCE") == true ]]
}

# True when no idle guest boots any more: what booting costs must not count as load.
drs_is_booted()
{
    local mhz
    mhz=$(api_ask '.hosts[0].cpuMHz' GET "$SITE/hosts")
    [[ $(api GET "$SITE/vms?limit=100&detail=0" | jq --argjson limit $((mhz * DRS_IDLE_PERCENT / 100)) '
        [.vms[] | select(.name | startswith("idle"))
         | select(.params.sampleAgeMs == null or (.params.usedMHz | tonumber) > $limit)] | length') == 0 ]]
}

drs_figure()
{
    LC_ALL=C printf '%.3f' "$(jq -r .currentStdev <<<"$BALANCE")"
}

drs_wait_for_data()
{
    local i start=$SECONDS
    DEMO_STEP=measure
    demo_transient "  ...  the guests boot"
    demo_wait_for "$DRS_BOOT_LIMIT_S" drs_is_booted || true # then what was measured counts
    for ((i = DRS_SETTLE_S; i > 0; i--)); do
        demo_transient "  ...  load is measured, $i s more"
        sleep 1
    done
    demo_wait_for "$DRS_DATA_LIMIT_S" drs_measure ||
        demo_die "DRS cannot judge: $(jq -r .verdict <<<"$BALANCE")"
    demo_took "$start"
}

# --- the plan ---------------------------------------------------------------------------------

drs_show_plan()
{
    local n=0 vm from to reason gain cost text
    while IFS=$'\t' read -r vm from to reason gain cost text; do
        n=$((n + 1))
        demo_say "  $n. $BOLD$vm$PLAIN $from -> $to  $reason: $text"
        demo_say "     ${DIM}gain: $gain; cost: $cost$PLAIN"
    done < <(api_ask '.recommendations[]
        | [.vmRecommendation.vmName, .vmRecommendation.sourceHostName,
           .vmRecommendation.destinationHostName, .reason,
           "imbalance -\(.gain.imbalancePermille / 1000)"
           + (if .gain.overloadMHz > 0 then ", overload -\(.gain.overloadMHz) MHz" else "" end),
           "\(.cost.durationMs / 1000) s, \(.cost.copyMB) MB to copy", .reasonText] | join("\t")' \
        GET "$CLUSTER/drsrecommendations?limit=100")
}

drs_plan()
{
    demo_title "3  The imbalance, and what DRS would do about it"
    drs_wait_for_data
    BEFORE=$(drs_figure)
    drs_show_hosts
    demo_say "  ${DIM}an idle VM that looks busy has just booted: that load stays in the window a while$PLAIN"
    demo_say "  imbalance $BOLD$BEFORE$PLAIN (standard deviation of the hosts' load; 0 is even)"
    demo_say ""
    demo_say "  DRS: $(jq -r .verdict <<<"$BALANCE")"
    drs_show_plan
}

# --- live migrations --------------------------------------------------------------------------

drs_migrations()
{
    api_ask '.tasks | sort_by(.taskId | tonumber)[] | [.taskId, .entityName, .params.sourceHost,
        .params.destinationHost, .status,
        (.localFinishTime - .localStartTime), .reasonDes] | map(tostring) | join("\t")' \
        GET "$SITE/tasks?type=MigrateVmTask&limit=100"
}

# drs_show_end ID VM FROM TO STATUS MS REASON - once for each migration that has ended
drs_show_end()
{
    [[ -z ${DRS_SHOWN[$1]-} ]] || return 0
    DRS_SHOWN[$1]=1
    if [[ $5 == success ]]; then
        N_MOVES=$((N_MOVES + 1))
        demo_say "$(printf '  %sok%s   %-6s %s -> %s  live, %d.%d s' "$GREEN" "$PLAIN" "$2" "$3" "$4" \
            $(($6 / 1000)) $(($6 % 1000 / 100)))"
    else
        demo_say "  ${RED}failed$PLAIN  $2 $3 -> $4: $7"
    fi
}

# The list tells which migrations there are; how far one is, the task itself says.
drs_show_running() # ID VM FROM TO
{
    local progress
    progress=$(api_ask .progress GET "$SITE/tasks/$1")
    N_RUNNING=$((N_RUNNING + 1))
    DRS_NOW+="  $2 $3->$4 $progress %"
    # Without a line that can be rewritten, one for each quarter is enough.
    if [[ -z $DEMO_TTY && ${DRS_SEEN[$1]-} != $((progress / 25)) ]]; then
        demo_say "  ...  $2 $3 -> $4  $progress %"
    fi
    DRS_SEEN[$1]=$((progress / 25))
}

# drs_watch_once - shows what is new; sets N_RUNNING.
drs_watch_once()
{
    local id vm from to status ms reason
    N_RUNNING=0
    DRS_NOW=''
    while IFS=$'\t' read -r id vm from to status ms reason; do
        case $status in
        success | failed) drs_show_end "$id" "$vm" "$from" "$to" "$status" "$ms" "$reason" ;;
        *) drs_show_running "$id" "$vm" "$from" "$to" ;;
        esac
    done < <(drs_migrations)
    [[ -z $DRS_NOW ]] || demo_transient "  ...$DRS_NOW"
}

# Even is what DRS would leave as it is: moves that failed on the way come again with its next plan.
drs_is_even()
{
    drs_watch_once
    ((N_RUNNING == 0 && N_MOVES > 0)) || return 1
    BALANCE=$(api GET "$CLUSTER/drsBalance")
    [[ $(jq -r "$DRS_COUNTS_ALL and .recommendationQuantity == 0 and .targetStdev == .currentStdev" \
        <<<"$BALANCE") == true &&
        $(api_ask '.tasks | length' GET "$SITE/tasks?type=ApplyDrsRecommendationTask&status=running&limit=1") == 0 ]]
}

drs_has_moved()
{
    drs_is_even || ((N_MOVES >= DRS_MIN_MOVES))
}

drs_automatic()
{
    local start=$SECONDS
    demo_title "4  DRS on automatic"
    DEMO_STEP=automatic
    declare -gA DRS_SHOWN=() DRS_SEEN=()
    demo_say "  it plans anew from the newest load, so its moves may differ from those above"
    N_MOVES=0
    api PUT "$CLUSTER" '{"drsSetting":{"drsLevel":3}}' >>"$DEMO_LOGS/automatic.log"
    if ! demo_wait_for "$DRS_MOVES_LIMIT_S" drs_is_even; then
        demo_say "  ${YELLOW}not even after $DRS_MOVES_LIMIT_S s${PLAIN}: $(jq -r .verdict <<<"$BALANCE")"
        demo_wait_for "$DRS_SLOW_LIMIT_S" drs_has_moved || true
    fi
    demo_took "$start"
}

# --- result -----------------------------------------------------------------------------------

# drs_virsh - what runs, as libvirt on each host says; it may have to start again first.
drs_virsh()
{
    local i
    for ((i = 1; i <= SETUP_HOSTS; i++)); do
        "$DEMO_TOP/deploy/lab" exec "cna$i" virsh -q list --state-running --name |
            sed -n "s/^\\(..*\\)\$/cna$i \\1/p" || return
    done >"$DEMO_LOGS/virsh.txt"
}

# drs_count_down - sets N_DOWN: how many VMs do not run exactly once, and on the host that the API
# names.  False unless it is 0.
drs_count_down()
{
    N_DOWN=$(cluster_vm_count)
    drs_virsh || return
    N_DOWN=$(jq -rn --rawfile seen "$DEMO_LOGS/virsh.txt" \
        --argjson vms "$(api GET "$SITE/vms?limit=100&detail=0")" --argjson wanted "$N_DOWN" '
        [$seen | split("\n")[] | select(. != "")] as $seen
        | [$vms.vms[] | . as $vm | (.urn | split(":") | last) as $id
           | select(.status == "running"
                    and [$seen[] | select(endswith(" " + $id))] == ["\($vm.hostName) \($id)"])]
        | $wanted - length')
    ((N_DOWN == 0))
}

# drs_own_settings - prints what has to stand before our commands for them to find this demo.
drs_own_settings()
{
    [[ $VRM_LAB == 0 ]] || printf 'VRM_LAB=%s ' "$VRM_LAB"
    [[ $DEMO_DIR == /var/tmp/vrm-demo ]] || printf 'VRM_DEMO_DIR=%s ' "$DEMO_DIR"
}

drs_show_next_steps()
{
    local state=$DEMO_DIR/state own
    own=$(drs_own_settings)
    demo_title "Go on with"
    cat <<END_OF_TEXT
  URL    $DEMO_URL
  login  admin, password: cat $state/admin.password
  C="curl -s --cacert $state/api-cert.pem"
  T=\$(\$C -X POST -D - -o /dev/null -H 'X-Auth-User: admin' -H "X-Auth-Key: \$(cat $state/admin.password)" $DEMO_URL/service/session | sed -n 's/\\r\$//; /^x-auth-token:/Ip')
  \$C -H "\$T" "$DEMO_URL$SITE/vms?detail=0" | jq -r '.vms[] | .name + " " + .status + " " + .hostName'
  \$C -H "\$T" $DEMO_URL$CLUSTER/drsBalance | jq
  $own$DEMO_TOP/deploy/lab busy idle1 40   # more load
  $own$DEMO_TOP/deploy/lab status          # the hosts
  $own$DEMO_TOP/deploy/lab kill cna2       # its VMs come back on the others, then cna2 itself
  \$C -H "\$T" $DEMO_URL$SITE/ha/incidents/latest | jq -r '.text, (.timeline[] | "\(.seconds) s  \(.source): \(.text)")'
  $own$DEMO_TOP/deploy/demo --down         # ends it all
END_OF_TEXT
}

drs_result()
{
    local start=$SECONDS
    DEMO_STEP=result
    demo_title "5  The balance afterwards"
    demo_wait_for "$DRS_DATA_LIMIT_S" drs_measure || demo_die "DRS cannot judge: $BALANCE"
    AFTER=$(drs_figure)
    demo_wait_for "$DRS_COUNT_LIMIT_S" drs_count_down 2>>"$DEMO_LOGS/result.log" || true
    drs_show_hosts
    demo_say "  imbalance $BEFORE before, $BOLD$AFTER$PLAIN now"
    drs_show_next_steps
    demo_took "$start"
    demo_say ""
    demo_say "${DIM}took $SECONDS s: $DEMO_TIMES$PLAIN"
    demo_say "result: imbalance $BEFORE -> $AFTER, $N_MOVES live migrations, $N_DOWN VMs down"
    jq -en --argjson a "$BEFORE" --argjson b "$AFTER" '$b < $a' >/dev/null &&
        ((N_MOVES >= DRS_MIN_MOVES && N_DOWN == 0))
}

drs_all()
{
    drs_plan
    drs_automatic
    drs_result
}
