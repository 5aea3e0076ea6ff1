# shellcheck shell=bash
# lib.sh - what the batch scripts share: one session, calls with curl, waiting for tasks.  Sourced.
#
# Environment:
#   VRM_URL            https://127.0.0.1:7443
#   VRM_USER           admin
#   VRM_PASSWORD_FILE  file whose first line is the password; else VRM_PASSWORD
#   VRM_CACERT         certificate to trust; else the system's, or none with VRM_INSECURE=1
#   VRM_PARALLEL       how many calls at once, 8
#   VRM_WAIT_S         how long to wait for one task, 600

VRM_URL=${VRM_URL:-https://127.0.0.1:7443}
VRM_USER=${VRM_USER:-admin}
VRM_PARALLEL=${VRM_PARALLEL:-8}
VRM_WAIT_S=${VRM_WAIT_S:-600}
readonly CALL_LIMIT_S=60

die()
{
    echo "${0##*/}: $*" >&2
    exit 1
}

# die_usage TEXT - what is wrong on the command line, then the script's own usage, as an error.
die_usage()
{
    echo "${0##*/}: $*" >&2
    usage >&2
    exit 2
}

# vrm_curl ARG... - curl with what every call needs.
vrm_curl()
{
    local trust=()
    [[ -z ${VRM_CACERT-} ]] || trust=(--cacert "$VRM_CACERT")
    [[ -z ${VRM_INSECURE-} ]] || trust=(--insecure)
    curl -sS --noproxy '*' --max-time "$CALL_LIMIT_S" "${trust[@]}" \
        -H 'Accept: application/json;version=v8.0;charset=UTF-8' "$@"
}

vrm_logout()
{
    [[ ! -s $VRM_STATE/session ]] ||
        vrm_curl -X DELETE -H "@$VRM_STATE/session" -o /dev/null "$VRM_URL/service/session" || true
    rm -rf "$VRM_STATE"
}

# vrm_login - one session for the script, ended with it.
vrm_login()
{
    VRM_STATE=$(umask 077 && mktemp -d)
    export VRM_STATE
    trap vrm_logout EXIT
    vrm_session
    SITE=$(vrm GET /service/sites | jq -r '.sites[0].uri')
    export SITE
}

# vrm_session - a new session; also in the middle, when a controller has taken over that does not
# know the old one.  In a subshell its "die" only fails.  Neither password nor token stands on a
# command line, where others could read it.
vrm_session()
{
    local password=${VRM_PASSWORD-} answer
    [[ -z ${VRM_PASSWORD_FILE-} ]] || password=$(head -n 1 "$VRM_PASSWORD_FILE")
    [[ -n $password ]] || die "set VRM_PASSWORD_FILE or VRM_PASSWORD"
    (umask 077 && printf 'X-Auth-User: %s\nX-Auth-Key: %s\n' "$VRM_USER" "$password" \
        >"$VRM_STATE/login")
    answer=$(vrm_curl -X POST -H "@$VRM_STATE/login" -D "$VRM_STATE/headers" \
        "$VRM_URL/service/session") || die "$VRM_URL does not answer"
    rm -f "$VRM_STATE/login"
    (umask 077 && sed -n 's/\r$//; /^x-auth-token:/Ip' "$VRM_STATE/headers" >"$VRM_STATE/session")
    [[ -s $VRM_STATE/session ]] || die "log-in refused: $answer"
}

# vrm METHOD PATH [BODY] - prints the answer; anything but 200 is an error that is named.
vrm()
{
    local answer code body=()
    (($# < 3)) || body=(-H 'Content-Type: application/json' --data-binary "$3")
    answer=$(vrm_curl -H "@$VRM_STATE/session" -w '\n%{http_code}' -X "$1" "${body[@]}" \
        "$VRM_URL$2") || {
        echo "$1 $2: no answer" >&2
        return 1
    }
    code=${answer##*$'\n'}
    answer=${answer%$'\n'*}
    if [[ $code != 200 ]]; then
        echo "$1 $2: $(jq -r '"\(.errorCode) \(.errorDes)"' <<<"$answer" 2>/dev/null ||
            echo "HTTP $code $answer")" >&2
        return 1
    fi
    printf '%s\n' "$answer"
}

# vrm_task METHOD PATH [BODY] - the same for a call that begins a task; waits for the task's end.
vrm_task()
{
    local answer uri task status end=$((SECONDS + VRM_WAIT_S))
    answer=$(vrm "$@") || return 1
    uri=$(jq -r '.taskUri // empty' <<<"$answer")
    [[ -n $uri ]] || return 0
    while task=$(vrm GET "$uri"); do
        status=$(jq -r '.status' <<<"$task")
        case $status in
        success) return 0 ;;
        failed)
            echo "$1 $2: $(jq -r '"\(.reason) \(.reasonDes)"' <<<"$task")" >&2
            return 1
            ;;
        esac
        ((SECONDS < end)) || {
            echo "$1 $2: task $uri is still $status after $VRM_WAIT_S s" >&2
            return 1
        }
        sleep 1 # allowed: a shell script that polls
    done
    return 1
}

# vrm_all KEY PATH - every item of a list, one JSON object a line, page by page.
vrm_all()
{
    local offset=0 page n separator='?'
    [[ $2 != *\?* ]] || separator='&'
    while :; do
        page=$(vrm GET "$2${separator}limit=100&offset=$offset") || return 1
        n=$(jq --arg key "$1" '.[$key] | length' <<<"$page")
        ((n > 0)) || return 0
        jq -c --arg key "$1" '.[$key][]' <<<"$page"
        offset=$((offset + n))
    done
}

# vrm_uri KEY PATH NAME - the URI of the item of exactly this name.
vrm_uri()
{
    local uri
    uri=$(vrm_all "$1" "$2" | jq -rs --arg name "$3" '[.[] | select(.name == $name)][0].uri // empty')
    [[ -n $uri ]] || {
        echo "no ${1%s} is called '$3'" >&2
        return 1
    }
    printf '%s\n' "$uri"
}

vrm_cluster_uri() { vrm_uri clusters "$SITE/clusters" "$1"; }

# urn_of URI
urn_of()
{
    local path=${1#/service/}
    printf 'urn:%s\n' "${path//\//:}"
}

# each FUNCTION - runs it for each line of standard input, VRM_PARALLEL at a time; its status is
# false if one failed.
each()
{
    local function=$1 line running=0 failed=0
    while IFS= read -r line; do
        "$function" "$line" &
        running=$((running + 1))
        if ((running >= VRM_PARALLEL)); then
            wait -n || failed=1
            running=$((running - 1))
        fi
    done
    while ((running > 0)); do
        wait -n || failed=1
        running=$((running - 1))
    done
    return "$failed"
}
