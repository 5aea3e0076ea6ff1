# shellcheck shell=bash
# shellcheck disable=SC2034,SC2153 # names are shared with the other files
# demo_api.sh - the REST API as deploy/demo uses it: curl and jq.  Sourced, never run.

readonly API_LIMIT_S=40 API_RETRY_S=30

# One call as it is: the answer, then the HTTP status on a line of its own.
api_call() # METHOD PATH [BODY]
{
    local body=()
    (($# < 3)) || body=(--data-binary "$3")
    curl -sS --noproxy '*' --cacert "$DEMO_DIR/state/api-cert.pem" \
        --max-time "$API_LIMIT_S" -H "@$DEMO_DIR/state/session" -H "Prefer: wait=$((API_LIMIT_S - 10))" \
        -H 'Accept: application/json;version=v8.0;charset=UTF-8' \
        -H 'Content-Type: application/json' -w '\n%{http_code}' \
        -X "$1" "${body[@]}" "$DEMO_URL$2"
}

# Was nothing begun, so that the call may be made again?  No connection, or a refusal that says
# "not now"; a read may also have lost its answer.
api_may_repeat() # METHOD CURL_STATUS HTTP_STATUS
{
    case $2 in
    0) [[ $3 == 503 || $3 == 401 ]] ;;
    7 | 35) true ;;
    *) [[ $1 == GET ]] ;;
    esac
}

# api METHOD PATH [BODY] - prints the answer; an error answer is an error that is named.  A
# controller that was killed is back within seconds, but has forgotten our session.
api()
{
    local answer code status end=$((SECONDS + API_RETRY_S))
    while :; do
        status=0
        answer=$(api_call "$@") || status=$?
        code=${answer##*$'\n'}
        [[ $status != 0 || $code != 200 ]] || break
        if ! api_may_repeat "$1" "$status" "$code" || ((SECONDS >= end)); then
            echo "$1 $2 ${3-}: HTTP $code ${answer%$'\n'*} (curl $status)" >&2
            return 1
        fi
        sleep 0.5
        [[ $code != 401 ]] || (api_login) >/dev/null 2>&1 || true
    done
    printf '%s' "${answer%$'\n'*}"
}

# api_ask FILTER METHOD PATH [BODY] - the part of the answer that the jq filter picks.
api_ask()
{
    local filter=$1
    shift
    api "$@" | jq -r "$filter"
}

# api_task METHOD PATH [BODY] - the same for a call that becomes a task; it has to succeed.
api_task()
{
    local answer
    answer=$(api "$@")
    jq -e '.task.status == "success"' <<<"$answer" >/dev/null || {
        echo "$1 $2 ${3-}: task not successful: $answer" >&2
        return 1
    }
    printf '%s' "$answer"
}

# api_login - a session for all calls; neither key nor token ever stands on a command line.
api_login()
{
    local state=$DEMO_DIR/state
    (
        umask 077
        printf 'X-Auth-User: admin\nX-Auth-Key: %s\nX-Auth-UserType: 0\n' \
            "$(head -n 1 "$state/admin.password")" >"$state/login"
    )
    curl -sS --noproxy '*' --cacert "$state/api-cert.pem" --max-time "$API_LIMIT_S" --fail \
        -X POST -H "@$state/login" -D "$state/headers" -o /dev/null "$DEMO_URL/service/session"
    (umask 077 && sed -n 's/\r$//; /^x-auth-token:/Ip' "$state/headers" >"$state/session")
    rm -f "$state/login" "$state/headers"
    [[ -s $state/session ]] || demo_die "the log-in gave no X-Auth-Token"
    SITE=$(api_ask '.sites[0].uri' GET /service/sites)
}
