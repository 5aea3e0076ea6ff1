# shellcheck shell=bash
# shellcheck disable=SC2034,SC2153 # names are shared with the other files
# demo_api.sh - the REST API as deploy/demo uses it: curl and jq.  Sourced, never run.

readonly API_LIMIT_S=40 API_RETRY_S=30

# One call as it is: the answer, then the HTTP status on a line of its own.
api_call() # METHOD PATH [BODY]
{
    local body=()
    (($# < 3)) || body=(--data-binary "$3")
    curl -s --noproxy '*' --cacert "$DEMO_DIR/state/api-cert.pem" \
        --max-time "$API_LIMIT_S" -H "@$DEMO_DIR/state/session" -H "Prefer: wait=$((API_LIMIT_S - 10))" \
        -H 'Accept: application/json;version=v8.0;charset=UTF-8' \
        -H 'Content-Type: application/json' -w '\n%{http_code}' \
        -X "$1" "${body[@]}" "$DEMO_URL$2"
}

# Was nothing begun, so that the call may be made again?  No connection, or a refusal that says
# "not now"; where twice is the same as once, the answer may also have been lost.
api_may_repeat() # METHOD PATH CURL_STATUS HTTP_STATUS
{
    case $3 in
    0) [[ $4 == 503 || $4 == 401 ]] ;;
    7 | 35) true ;;
    *) [[ $1 != POST || $2 == */action/refresh ]] ;;
    esac
}

# api METHOD PATH [BODY] - prints the answer; an error answer is an error that is named.  A
# controller that was killed is back within seconds; what curl says meanwhile would only confuse.
api()
{
    local answer code status end=$((SECONDS + API_RETRY_S))
    while :; do
        status=0
        answer=$(api_call "$@") || status=$?
        code=${answer##*$'\n'}
        [[ $status != 0 || $code != 200 ]] || break
        if ! api_may_repeat "$1" "$2" "$status" "$code" || ((SECONDS >= end)); then
            echo "$1 $2 ${3-}: HTTP $code ${answer%$'\n'*} (curl $status)" >&2
            return 1
        fi
        sleep 0.5
        [[ $code != 401 ]] || api_login || true
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

# api_make PATH BODY - prints the uri of the object of that kind and name, and makes it if there is
# none.  A controller that is killed while it answers leaves us in the dark, so the list is asked.
api_make()
{
    local uri kind=${1##*/} name end=$((SECONDS + API_RETRY_S))
    name=$(jq -r .name <<<"$2")
    while :; do
        uri=$(api_ask ".${kind}[] | select(.name == \"$name\") | .uri" GET "$1?limit=100")
        [[ -z $uri ]] || break
        api POST "$1" "$2" >&2 || ((SECONDS < end)) || return 1
        echo >&2
    done
    printf '%s' "$uri"
}

# api_login - a session for all calls; neither key nor token ever stands on a command line.  Several
# processes may do it at the same time.
api_login()
{
    local state=$DEMO_DIR/state login headers
    login=$state/login.$BASHPID headers=$state/headers.$BASHPID
    (
        umask 077
        printf 'X-Auth-User: admin\nX-Auth-Key: %s\nX-Auth-UserType: 0\n' \
            "$(head -n 1 "$state/admin.password")" >"$login"
        curl -sS --noproxy '*' --cacert "$state/api-cert.pem" --max-time "$API_LIMIT_S" --fail \
            -X POST -H "@$login" -D "$headers" -o /dev/null "$DEMO_URL/service/session" &&
            sed -n 's/\r$//; /^x-auth-token:/Ip' "$headers" >"$login" &&
            [[ -s $login ]] && mv "$login" "$state/session"
    ) && rm -f "$headers" && return
    rm -f "$login" "$headers"
    return 1
}

api_begin()
{
    demo_wait_for "$API_RETRY_S" api_login || demo_die "cannot log in at $DEMO_URL"
    SITE=$(api_ask '.sites[0].uri' GET /service/sites)
}
