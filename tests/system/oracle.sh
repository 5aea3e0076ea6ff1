# shellcheck shell=bash
# oracle.sh - what really ran, seen from outside of the system: QEMU's own log of when each guest
# ran and crashed, and when each QEMU ended.  Sourced by tests of high availability, before lib.sh.
#
# The lab runs guests by a wrapper that switches QEMU's image locks off, so that nothing but our own
# protocol keeps a VM from running twice, and lets QEMU write its run states to a file of its own.
# QEMU inherits a lock on that file: once it can be taken, QEMU is gone.

ORACLE_DIR=/var/tmp/vrm-oracle-${VRM_LAB:?}
export VRM_LAB_EMULATOR=$ORACLE_DIR/emulator

oracle_write_emulator()
{
    cat <<'END'
#!/bin/bash
# Runs a guest under the eyes of tests/system/oracle.sh.
real=/usr/bin/qemu-system-x86_64
previous=
for word; do
    [[ $previous != -uuid ]] || uuid=$word
    previous=$word
done
[[ -n ${uuid-} ]] || exec "$real" "$@" # libvirt asks what QEMU can do
log=${0%/*}/$uuid.$(hostname).$(tr -d - </proc/sys/kernel/random/uuid)
exec 9>"$log.new"
flock 9
mv "$log.new" "$log.log"
words=("${@//\"driver\":\"file\",/\"driver\":\"file\",\"locking\":\"off\",}")
words=("${words[@]/#pty,id=charserial0/pty,id=charserial0,logfile=$log.console}")
exec "$real" "${words[@]}" -D "$log.log" -d guest_errors -trace enable=runstate_set
END
}

# Writes down when each QEMU ended; ends with $ORACLE_DIR.
oracle_watch()
{
    local log
    while [[ -d $ORACLE_DIR ]]; do
        for log in "$ORACLE_DIR"/*.log; do
            [[ -e $log && ! -e $log.end ]] || continue
            ! flock -n "$log" true || printf '%s\n' "$EPOCHREALTIME" >"$log.end"
        done
        sleep 0.1
    done
}

oracle_up()
{
    rm -rf "$ORACLE_DIR"
    mkdir -p "$ORACLE_DIR"
    oracle_write_emulator >"$VRM_LAB_EMULATOR"
    chmod +x "$VRM_LAB_EMULATOR"
    oracle_watch &
    ORACLE_PID=$!
    disown
}

# oracle_down [DIR] - what it saw, guests' consoles too, is kept in DIR.
oracle_down()
{
    [[ -z ${ORACLE_PID-} ]] || kill "$ORACLE_PID" 2>/dev/null
    ORACLE_PID=
    [[ -z ${1-} || ! -d $ORACLE_DIR ]] || cp -r "$ORACLE_DIR" "$1"
    rm -rf "$ORACLE_DIR"
}

# oracle_spans - prints a line for each time that a guest ran: UUID HOST FROM TO, in seconds.
oracle_spans()
{
    local log name end
    for log in "$ORACLE_DIR"/*.log; do
        [[ -e $log ]] || continue
        name=${log##*/}
        end=$(cat "$log.end" 2>/dev/null) || end=$EPOCHREALTIME
        awk -v name="${name%.*.log}" -v end="$end" '
        { sub(/^.*Guest crashed/, "") } # a word before the next line
        !/:runstate_set / { next }
        { split(name, who, "."); split($1, when, "[@:]") }
        / new_state 9 / { from = when[2]; next }
        from { print who[1], who[2], from, when[2]; from = 0 }
        END { if (from) print who[1], who[2], from, end }' "$log"
    done
}

# oracle_judge - no VM ever ran twice at the same time: prints the number of spans, or the overlaps.
oracle_judge()
{
    oracle_spans | sort -k 1,1 -k 3,3n | awk '
    $1 == uuid && $3 < to {
        printf "VM %s ran on %s and on %s for %.3f s at once\n", $1, host, $2, (to < $4 ? to : $4) - $3
        overlaps++
    }
    { spans++ }
    $1 != uuid || $4 > to { to = $4; host = $2 }
    { uuid = $1 }
    END {
        if (!overlaps)
            printf "%d times a guest ran, none of them twice at once\n", spans
        exit overlaps > 0
    }'
}
