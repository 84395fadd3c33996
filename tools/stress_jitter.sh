# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154 # of nmi-stress: results lock
#
# What nmi-stress --jitter runs beside the scenarios: CPU hogs, and one that pushes threads from CPU to CPU. Sourced.

# Those that this shell may run on.
allowed_cpus()
{
    local range
    for range in $(sed -n 's/^Cpus_allowed_list:\t//p' /proc/$$/status | tr , ' '); do
        seq "${range%-*}" "${range#*-}"
    done
}

# hog CPU...; not longer than nmi-stress, however that ends.
hog()
{
    local cpus=("$@") end
    while kill -0 $$; do
        taskset -pc "${cpus[RANDOM % $#]}" "$BASHPID"
        end=$((${EPOCHREALTIME/[.,]/} + RANDOM % 20000))
        while ((${EPOCHREALTIME/[.,]/} < end)); do :; done
        sleep "0.0$((RANDOM % 9))$((RANDOM % 9))"
    done
}

# shuffle CPU...: pushes the threads of the scenarios under way from CPU to CPU.
shuffle()
{
    local cpus=("$@") file pid task
    while kill -0 $$; do
        sleep 0.2
        for file in "$results"/*.pid "$results"/round-*/*.pid; do
            pid=$(cat "$file") || continue
            for task in /proc/"$pid"/task/*; do
                taskset -pc "${cpus[RANDOM % $#]}" "${task##*/}"
            done
        done
    done
}

helpers=()
start_jitter()
{
    local cpus
    mapfile -t cpus < <(allowed_cpus)
    # bash itself complains where it is killed at the wrong moment.
    for _ in "${cpus[@]}"; do
        hog "${cpus[@]}" {lock}>&- >/dev/null 2>&1 &
        helpers+=($!)
    done
    shuffle "${cpus[@]}" {lock}>&- >/dev/null 2>&1 &
    helpers+=($!)
}

stop_helpers()
{
    local pid
    for pid in "${helpers[@]}"; do
        kill "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
    done
    helpers=()
}
