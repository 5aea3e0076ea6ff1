# shellcheck shell=bash
# ha.sh - questions about high availability, for tests on real hosts.  Sourced after lib.sh; those
# about overlaps need oracle.sh too.

status() { api GET "$SITE/ha/status"; }
latest() { api GET "$SITE/ha/incidents/latest"; }
takes_vms() { [[ $(status | jq -r --arg h "$1" '.hosts[] | select(.name == $h).takesVms') == true ]]; }
state_of() { status | jq -r --arg h "$1" '.hosts[] | select(.name == $h).state'; }

judge()
{
    local text
    text=$(oracle_judge) || fail "$text" || return
    say "$text"
}

# is_trusted HOST - it takes VMs; tests let one fail so often that it is put under quarantine.
is_trusted()
{
    takes_vms "$1" && return
    [[ $(state_of "$1") != quarantine ]] ||
        say "out of quarantine: $(code POST "$(host_uri "$1")/action/endQuarantine" '{}')"
    return 1
}

# back HOST - repaired and trusted again.
back()
{
    lab heal "$1" >>"$WORK/lab.log" 2>&1
    wait_for 60 "$1 takes VMs again" is_trusted "$1"
}

# real_vms - prints "DOMAIN HOST" of all that runs, as libvirt says on each host that is up; false if
# one does not answer.
real_vms()
{
    local host hosts
    hosts=$(lab status | awk 'NR > 1 && $2 == "up" { print $1 }')
    for host in $hosts; do
        timeout 10 "$TOP/deploy/lab" exec "$host" virsh -q list --name --state-running |
            sed -n "s/..*/& $host/p" || return
    done | sort
}

# api_vms - the same, as the API says.
api_vms()
{
    api GET "$SITE/vms?limit=100" |
        jq -r '.vms[] | select(.status == "running") | (.urn | split(":") | last) + " " + .hostName' | sort
}
