# shellcheck shell=bash
# demo_drs.sh - imbalance, plan, live migrations, result.  Sourced, never run.

readonly DRS_DATA_LIMIT_S=90
readonly DRS_MOVES_LIMIT_S=90
readonly DRS_MIN_MOVES=3
# As long as the controller's window: until then load from the boot of the guests is in it.
readonly DRS_SETTLE_S=30

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

# drs_measure - a fresh look of the product; sets BALANCE. False while it cannot judge.
drs_measure()
{
    BALANCE=$(api POST "$CLUSTER/drsBalance/action/refresh" 2>>"$DEMO_LOGS/balance.log") || return 1
    echo "$BALANCE" >>"$DEMO_LOGS/balance.log"
    [[ $(jq -r .decided <<<"$BALANCE") == true ]]
}

drs_wait_for_data()
{
    local end=$((SECONDS + DRS_SETTLE_S))
    DEMO_STEP=balance
    while ((SECONDS < end)); do
        demo_transient "  ...  load is measured for $((end - SECONDS)) s more: what booting cost must not count"
        sleep 1
    done
    demo_wait_for "$DRS_DATA_LIMIT_S" drs_measure ||
        demo_die "DRS cannot judge: $(jq -r .verdict <<<"$BALANCE")"
    DEMO_STEP=''
}

# --- the plan ---------------------------------------------------------------------------------

drs_show_plan()
{
    local n=0 vm from to reason overload balance ms mb text
    while IFS=$'\t' read -r vm from to reason overload balance ms mb text; do
        n=$((n + 1))
        demo_say "$(printf '  %d. %s%s%s: %s -> %s   %s   gain: imbalance -%s permille%s   cost: %s ms, %s MB' \
            "$n" "$BOLD" "$vm" "$PLAIN" "$from" "$to" "$reason" "$balance" \
            "$([[ $overload == 0 ]] || echo ", overload -$overload MHz")" "$ms" "$mb")"
        demo_say "     $DIM$text$PLAIN"
    done < <(api_ask '.recommendations[] | [.vmRecommendation.vmName, .vmRecommendation.sourceHostName,
        .vmRecommendation.destinationHostName, .reason, .gain.overloadMHz, .gain.imbalancePermille,
        .cost.durationMs, .cost.copyMB, .reasonText] | map(tostring) | join("\t")' \
        GET "$CLUSTER/drsrecommendations?limit=100")
    ((n > 0)) || demo_say "  none: $(jq -r .verdict <<<"$BALANCE")"
}

drs_plan()
{
    demo_title "3  The imbalance, and what DRS would do about it"
    drs_wait_for_data
    BEFORE=$(jq -r .currentStdev <<<"$BALANCE")
    drs_show_hosts
    demo_say "  imbalance $BOLD$BEFORE$PLAIN (standard deviation of the hosts' load; 0 is even)"
    demo_say ""
    demo_say "  DRS: $(jq -r .verdict <<<"$BALANCE")"
    drs_show_plan
}

# --- live migrations --------------------------------------------------------------------------

drs_migrations()
{
    api_ask '.tasks | sort_by(.taskId | tonumber)[] | [.taskId, .entityName, .params.sourceHost,
        .params.destinationHost, .status, .progress,
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

# drs_watch_once - shows what is new; sets N_RUNNING.
drs_watch_once()
{
    local id vm from to status progress ms reason now=''
    N_RUNNING=0
    while IFS=$'\t' read -r id vm from to status progress ms reason; do
        case $status in
        success | failed) drs_show_end "$id" "$vm" "$from" "$to" "$status" "$ms" "$reason" ;;
        *)
            N_RUNNING=$((N_RUNNING + 1))
            now+="  $vm $from->$to $progress %"
            if [[ -z $DEMO_TTY && ${DRS_SEEN[$id]-} != "$progress" ]]; then
                demo_say "  ...  $vm $from -> $to  $progress %"
            fi
            DRS_SEEN[$id]=$progress
            ;;
        esac
    done < <(drs_migrations)
    [[ -z $now ]] || demo_transient "  ...$now"
}

drs_is_even()
{
    drs_watch_once
    ((N_RUNNING == 0 && N_MOVES > 0)) || return 1
    BALANCE=$(api GET "$CLUSTER/drsBalance")
    [[ $(jq -r '.decided and .recommendationQuantity == 0' <<<"$BALANCE") == true &&
        -z $(api_ask '.tasks[].taskId' GET "$SITE/tasks?type=ApplyDrsTask&status=running&limit=1") ]]
}

drs_automatic()
{
    demo_title "4  DRS on automatic"
    DEMO_STEP=automatic
    declare -gA DRS_SHOWN=() DRS_SEEN=()
    N_MOVES=0
    api PUT "$CLUSTER" '{"drsSetting":{"drsLevel":3}}' >>"$DEMO_LOGS/automatic.log"
    if ! demo_wait_for "$DRS_MOVES_LIMIT_S" drs_is_even; then
        demo_say "  ${YELLOW}not even after $DRS_MOVES_LIMIT_S s${PLAIN}: $(jq -r .verdict <<<"$BALANCE")"
    fi
    DEMO_STEP=''
}

# --- result -----------------------------------------------------------------------------------

# drs_count_down - prints how many VMs do not run exactly once, and on the host that the API names.
drs_count_down()
{
    local i
    for ((i = 1; i <= SETUP_HOSTS; i++)); do
        "$DEMO_TOP/deploy/lab" exec "cna$i" virsh -q list --state-running --name |
            sed -n "s/^\\(..*\\)\$/cna$i \\1/p"
    done >"$DEMO_LOGS/virsh.txt"
    jq -rn --rawfile seen "$DEMO_LOGS/virsh.txt" \
        --argjson vms "$(api GET "$SITE/vms?limit=100&detail=0")" \
        --argjson wanted "$(cluster_vm_count)" '
        [$seen | split("\n")[] | select(. != "")] as $seen
        | [$vms.vms[] | . as $vm | (.urn | split(":") | last) as $id
           | select(.status == "running"
                    and [$seen[] | select(endswith(" " + $id))] == ["\($vm.hostName) \($id)"])]
        | $wanted - length'
}

drs_show_next_steps()
{
    local state=$DEMO_DIR/state
    demo_title "Go on with"
    cat <<END_OF_TEXT
  URL    $DEMO_URL
  login  admin, password: cat $state/admin.password
  C="curl -s --cacert $state/api-cert.pem"
  T=\$(\$C -X POST -D - -o /dev/null -H 'X-Auth-User: admin' -H "X-Auth-Key: \$(cat $state/admin.password)" $DEMO_URL/service/session | sed -n 's/\\r\$//; /^x-auth-token:/Ip')
  \$C -H "\$T" "$DEMO_URL$SITE/vms?detail=0" | jq -r '.vms[] | .name + " " + .status + " " + .hostName'
  \$C -H "\$T" $DEMO_URL$CLUSTER/drsBalance | jq
  $DEMO_TOP/deploy/lab busy idle1 40     # more load, on whichever host it is
  deploy/demo --down                     # ends it all
END_OF_TEXT
}

drs_result()
{
    local n_down
    DEMO_STEP=result
    demo_title "5  The balance afterwards"
    demo_wait_for "$DRS_DATA_LIMIT_S" drs_measure || demo_die "DRS cannot judge: $BALANCE"
    AFTER=$(jq -r .currentStdev <<<"$BALANCE")
    n_down=$(drs_count_down 2>>"$DEMO_LOGS/result.log")
    drs_show_hosts
    demo_say "  imbalance $BEFORE before, $BOLD$AFTER$PLAIN now; took $SECONDS s in all"
    drs_show_next_steps
    demo_say ""
    DEMO_STEP=''
    demo_say "result: imbalance $BEFORE -> $AFTER, $N_MOVES live migrations, $n_down VMs down"
    jq -en --argjson a "$BEFORE" --argjson b "$AFTER" '$b < $a' >/dev/null &&
        ((N_MOVES >= DRS_MIN_MOVES && n_down == 0))
}

drs_all()
{
    drs_plan
    drs_automatic
    drs_result
}
