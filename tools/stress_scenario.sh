# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154 # of nmi-stress: folder offered program duration patience sanitize results
#
# One scenario of nmi-stress, from its configuration file to what is written about it. Sourced.

expectation()
{
    sed -n 's/^# expect: *//p' "$folder/$1.conf" 2>/dev/null
}

# without SCENARIO: why it cannot run with these sanitizers; nothing if it can.
without()
{
    [[ -z $sanitize ]] || sed -n "s/^# without ${sanitize//,/-}: *//p" "$folder/$1.conf"
}

# Where the threads of a process are, for a report on one that does not end.
look_at()
{
    local task
    kill -USR1 "$1" 2>/dev/null && sleep 0.3 # nmi-sim prints a status line
    echo "nmi-stress: over its limit; its threads:"
    for task in /proc/"$1"/task/*; do
        printf '  %s %s, %s, waits in %s, system call %s\n' "${task##*/}" "$(cat "$task/comm" 2>/dev/null)" \
            "$(sed -n 's/^State:\t//p' "$task/status" 2>/dev/null)" "$(cat "$task/wchan" 2>/dev/null)" \
            "$(cut -d' ' -f1 "$task/syscall" 2>/dev/null)"
    done
}

# ends PID: within three seconds.
ends()
{
    local i
    for ((i = 0; i < 30; ++i)); do
        kill -0 "$1" 2>/dev/null || return 0
        sleep 0.1
    done
    return 1
}

# judge EXPECTATION STATUS FILE: "ok", or what is wrong, then a tab and figures.
judge()
{
    # shellcheck disable=SC2016 # jq's variables
    jq -r --arg expect "$1" --argjson status "$2" --arg sanitize "$sanitize" '
        def failed: [.checks[] | select(.status != "pass") | .id];
        def n: .nmis;
        (if ($sanitize | split(",")) - (.tool.sanitizer | split(",")) != [] then
            "not built with sanitizer \($sanitize), but \(.tool.sanitizer)"
        elif $expect == "pass" then
            if .status != "pass" or $status != 0 then "failed (exit \($status)): " + (failed | join(", "))
            elif (.checks | length) == 0 or any(.checks[]; .looked_at == 0) then
                "checked nothing: " + ([.checks[] | select(.looked_at == 0) | .id] | join(", "))
            elif n.handled == 0 then "checked nothing: no NMI was handled"
            elif .config.swap and .swaps.done == 0 then "checked nothing: no handler was swapped"
            elif any(.sources[]; .raised == 0) then
                "checked nothing: no NMI from source " + ([.sources[] | select(.raised == 0) | .source] | join(", "))
            elif any(.irqs[]; .handled == 0) then
                "checked nothing: IRQ " + ([.irqs[] | select(.handled == 0) | "\(.irq)"] | join(", ")) + " was not handled"
            elif .config.onoff and .hotplug.offlined == 0 then "checked nothing: no vCPU was offlined"
            elif n.raised != n.handled + n.coalesced + n.rejected + n.offline then "the books do not balance"
            elif .swaps.retired != .swaps.reclaimed then "\(.swaps.retired) handlers retired, \(.swaps.reclaimed) reclaimed"
            else "ok" end
        else
            ($expect | ltrimstr("fail ")) as $check |
            if any(.checks[]; .id == $check and .status == "fail") and $status == 3 then "ok"
            elif .status == "pass" then "not caught: it passed"
            else "not caught by \($check) (exit \($status)), but: " + (failed | join(", ")) end
        end) + "\t\(n.handled) NMIs, \(.swaps.done) swaps" +
        (if $expect == "pass" then "" else ", caught by " + ($expect | ltrimstr("fail ")) end)' "$3" 2>/dev/null
}

# own_duration FILE: the duration that a scenario sets itself, in whole seconds, rounded up; nothing if it sets none.
own_duration()
{
    grep -q '^[[:blank:]]*duration[[:blank:]]*=' "$1" || return 0
    "$program" --config "$1" --print-config 2>/dev/null | LC_ALL=C awk '
        BEGIN { s["ns"] = 1e-9; s["us"] = s["µs"] = 1e-6; s["ms"] = 1e-3; s[""] = s["s"] = 1; s["m"] = s["min"] = 60; s["h"] = 3600 }
        $1 == "duration" {
            match($3, /^[0-9.]+/)
            time = substr($3, 1, RLENGTH) * s[substr($3, RLENGTH + 1)]
            print int(time) + (time > int(time))
        }'
}

# run_one NAME FOLDER SEED: leaves NAME.conf .json .html .log .repeat .result there, and .trace.json of a failure. Runs in a subshell of its own.
run_one()
{
    local name=$1 place=$2 seed=$3 own limit pid watchdog ended status hung=no begin=$EPOCHSECONDS verdict figures
    local arguments expect reason found
    cd "$place" || exit 1
    # The scenario's number, so that the same --seed gives the same scenario the same seed, alone or not.
    seed=$(((seed + $(cksum <<<"$name" | cut -d' ' -f1)) % 1000000007))
    cp "$folder/$name.conf" "$name.conf"
    rm -f "$name.json" "$name.result"
    reason=$(without "$name")
    if [[ -n $reason ]]; then
        printf 'skipped: not with %s: %s\t0s\t\n' "$sanitize" "$reason" >"$name.result"
        return
    fi
    arguments=(--config "$name.conf" --seed "$seed")
    own=$(own_duration "$name.conf")
    [[ -n $own ]] || arguments+=(--duration "${duration}s")
    expect=$(expectation "$name")
    [[ $offered != *--report\ FILE* ]] || arguments+=(--report "$name.html")
    # NMIs that interrupt NMIs have no timeline.
    [[ $expect != pass || $offered != *--trace\ FILE* ]] || grep -q '^nesting' "$name.conf" || arguments+=(--trace "$name.trace.json")
    limit=$((${own:-$duration} + patience))
    { printf 'cd %q && %q' "$place" "$program" && printf ' %q' "${arguments[@]}" && echo; } >"$name.repeat"

    "$program" "${arguments[@]}" --output "$name.json" >"$name.log" 2>&1 </dev/null &
    pid=$!
    echo "$pid" >"$name.pid"
    # A signal to nmi-stress before that found no process to end: on_signal marks, then looks; here it is the reverse.
    [[ ! -e $results/interrupted ]] || kill -TERM "$pid" 2>/dev/null
    sleep "$limit" &
    watchdog=$!
    wait -n -p ended "$pid" "$watchdog"
    status=$?
    if [[ $ended == "$watchdog" ]]; then
        ends "$pid" || { # nor was it about to, as one that was stopped together with the watchdog
            hung=yes
            look_at "$pid" >>"$name.log"
            kill -INT "$pid" # it may still be able to report
            ends "$pid" || kill -KILL "$pid"
        } 2>/dev/null
        wait "$pid" 2>/dev/null
        status=$?
    fi
    kill "$watchdog" 2>/dev/null
    wait "$watchdog" 2>/dev/null
    rm -f "$name.pid"

    IFS=$'\t' read -r verdict figures < <(judge "$expect" "$status" "$name.json" || echo)
    # A sanitizer's last line, or UBSan's only one.
    found=$(sed -n -e 's/^SUMMARY: \([A-Za-z]*Sanitizer: .*\)/\1/p' -e 's/.*: \(runtime error: .*\)/UndefinedBehaviorSanitizer: \1/p' "$name.log" | head -n 1)
    if [[ $hung == yes ]]; then
        verdict="HUNG: not over after ${limit}s; killed"
    elif [[ $found == ThreadSanitizer:* && $found != *SEGV* && $expect == fail* ]]; then
        verdict=ok figures="caught by $found"
    elif [[ -n $found ]]; then
        verdict="REPORTED by $found"
    elif [[ $status -gt 128 ]]; then
        verdict="CRASHED: signal $(kill -l "$status" 2>/dev/null || echo "$status")"
    elif [[ $status -eq 77 ]]; then
        verdict="skipped: $(grep -m 1 '^nmi-sim: ' "$name.log" | cut -d' ' -f2-)"
    elif [[ ! -s $name.json ]]; then
        verdict="no report (exit $status): $(tail -n 1 "$name.log")"
    elif [[ -z $verdict ]]; then
        verdict="its report cannot be read: $name.json"
    fi
    [[ $verdict != ok ]] || rm -f "$name.trace.json" # the timeline of a failure is what is wanted
    printf '%s\t%s\t%s\n' "$verdict" "$((EPOCHSECONDS - begin))s" "$figures" >"$name.result"
}
