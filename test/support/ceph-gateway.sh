#!/usr/bin/env bash
# A real S3 server for tests, beside the embedded one: Ceph's RADOS gateway on one node, on loopback and free ports.
#
#   ceph-gateway.sh start DIR   starts it with its data in DIR, which must be new or empty; when it takes requests,
#                               prints what the tests read: TEST_S3_ENDPOINT, TEST_S3_ACCESS_KEY, TEST_S3_SECRET_KEY
#   ceph-gateway.sh stop DIR    stops what was started there, nothing else, and removes DIR
#
# Debian's packages: ceph-mon ceph-osd ceph-common radosgw curl; and Node. Nobody needs to be root.
set -euo pipefail

# A port that was free may be taken when a daemon comes to it: then everything begins anew, so often.
readonly STARTS=3
# For one command of Ceph's, which would wait for ever for a daemon that is not there.
readonly COMMAND_SECONDS=60
readonly READY_SECONDS=120
readonly STOP_SECONDS=10
readonly REGION=us-east-1

say() { printf 'ceph-gateway: %s\n' "$*" >&2; }
usage() { say 'usage: ceph-gateway.sh start DIR | stop DIR'; exit 2; }

free_port() {
  node -e 'const s=require("net").createServer().listen(0,"127.0.0.1",()=>{console.log(s.address().port);s.close()})'
}

# The process of a pid file, if it is still the daemon that was started: the number alone may be another's by now.
running() {
  local pid
  { pid=$(cat "$1") && [ -n "$pid" ] && tr '\0' '\n' <"/proc/$pid/cmdline" | grep -qxF "$dir/ceph.conf"; } 2>/dev/null &&
    echo "$pid"
}

stop_daemons() {
  local name pid tick
  # The gateway first: one whose storage is gone hangs.
  for name in radosgw ceph-osd ceph-mon; do
    pid=$(running "$dir/$name.pid") || continue
    kill "$pid" 2>/dev/null || true
    for ((tick = 0; tick < STOP_SECONDS * 10; tick++)); do
      running "$dir/$name.pid" >/dev/null || continue 2
      sleep 0.1
    done
    kill -9 "$pid" 2>/dev/null || true
  done
}

write_settings() {
  cat >"$dir/ceph.conf" <<CONF
[global]
fsid = $(cat /proc/sys/kernel/random/uuid)
mon initial members = a
mon host = [v1:127.0.0.1:$1]
public addr = 127.0.0.1
# Who reaches loopback may do anything with the cluster, and it holds nothing but test data. S3's keys are checked.
auth cluster required = none
auth service required = none
auth client required = none
admin socket =
run dir = $dir
log file = $dir/\$name.log
# One copy of everything on the one disk.
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon max pg per osd = 1000
osd crush chooseleaf type = 0
# What the storage says of itself at its start, it sometimes says before it knows the cluster's name: then it ends.
osd crush update on start = false
osd class update on start = false
# Other people's files on the same disk are none of its business.
mon data avail warn = 2
mon data avail crit = 1
[mon.a]
mon data = $dir/mon
[osd.0]
osd data = $dir/osd
osd objectstore = bluestore
# A file with holes: it takes what is stored in it.
bluestore block create = true
bluestore block size = 21474836480
osd memory target = 1073741824
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:$2
CONF
}

ceph_command() { timeout "$COMMAND_SECONDS" "$1" -c "$dir/ceph.conf" "${@:2}" >>"$dir/commands.log" 2>&1; }

# In the foreground of a session of its own: so its pid is known at once, and no Ctrl-C of the terminal's reaches it.
daemon() {
  setsid "$1" -c "$dir/ceph.conf" -f "${@:2}" </dev/null >>"$dir/$1.out" 2>&1 &
  echo $! >"$dir/$1.pid"
  # Just after the fork it is not yet what it is going to be, and would pass for one that ended.
  until running "$dir/$1.pid" >/dev/null || ! kill -0 $! 2>/dev/null; do sleep 0.05; done
}

# Waits until a command succeeds, as long as the daemons live that it needs.
until_done() {
  local end=$((SECONDS + READY_SECONDS)) name
  until "$@"; do
    for name in "$dir"/*.pid; do
      running "$name" >/dev/null || { failing="$(basename "$name" .pid) ended"; return 1; }
    done
    [ "$SECONDS" -lt "$end" ] || { failing="$failing: not done in $READY_SECONDS seconds"; return 1; }
    sleep 0.2
  done
}

storage_is_up() { ceph_command ceph osd stat --format=json && tail -n 1 "$dir/commands.log" | grep -q '"num_up_osds":1'; }

# The first try may come before the gateway's pools can be written, and then fails without a word.
add_user() {
  ceph_command radosgw-admin user create --uid=test --display-name=test --access-key="$access_key" \
    --secret-key="$secret_key" || true
  ceph_command radosgw-admin user info --uid=test
}

request() {
  # Debian's curl signs S3's requests rightly only when it is told what to take for the body's hash.
  curl --silent --show-error --fail --max-time 30 --aws-sigv4 "aws:amz:$REGION:s3" --user "$access_key:$secret_key" \
    --header 'x-amz-content-sha256: UNSIGNED-PAYLOAD' "$@" >>"$dir/commands.log" 2>&1
}

# The first object makes the pools that all others need: the tests do not wait for that.
takes_objects() {
  local bucket="$endpoint/readiness"
  request -X PUT "$bucket" && request -X PUT --data-binary ready "$bucket/object" &&
    request -X DELETE "$bucket/object" && request -X DELETE "$bucket"
}

start_once() {
  local mon_port rgw_port osd_id
  mon_port=$(free_port)
  rgw_port=$(free_port)
  endpoint="http://127.0.0.1:$rgw_port"
  osd_id=$(cat /proc/sys/kernel/random/uuid)
  mkdir "$dir/mon" "$dir/osd"
  write_settings "$mon_port" "$rgw_port"

  failing='the monitor does not start'
  ceph_command monmaptool --create --clobber --addv a "[v1:127.0.0.1:$mon_port]" "$dir/monmap" &&
    ceph_command ceph-mon --mkfs -i a --monmap "$dir/monmap" || return 1
  daemon ceph-mon -i a
  until_done ceph_command ceph --connect-timeout 5 osd new "$osd_id" 0 || return 1
  ceph_command ceph osd crush add osd.0 1.0 root=default host=test || return 1

  failing='the storage does not start'
  ceph_command ceph-osd -i 0 --mkfs --osd-uuid "$osd_id" || return 1
  daemon ceph-osd -i 0
  until_done storage_is_up || return 1

  failing='the user cannot be made'
  until_done add_user || return 1

  failing='the gateway does not take requests'
  daemon radosgw -n client.rgw
  until_done takes_objects
}

start() {
  local command begun failing='' endpoint access_key secret_key
  for command in ceph-mon ceph-osd ceph radosgw radosgw-admin monmaptool curl node; do
    command -v "$command" >/dev/null || { say "$command is not installed"; exit 1; }
  done
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd)
  [ -z "$(ls -A "$dir")" ] || { say "$dir is not empty: name a new directory"; exit 1; }
  chmod 700 "$dir"
  access_key=$(node -p 'crypto.randomBytes(10).toString("hex").toUpperCase()')
  secret_key=$(node -p 'crypto.randomBytes(20).toString("hex")')
  trap 'stop_daemons' EXIT
  trap 'exit 1' INT TERM HUP

  for ((begun = 1; ; begun++)); do
    ! start_once || break
    say "$failing (start $begun of $STARTS); its logs end so:"
    tail -n 12 "$dir"/*.out "$dir"/*.log | grep -v '^$' | cut -c 1-240 >&2
    stop_daemons
    [ "$begun" -lt "$STARTS" ] || exit 1
    rm -rf "${dir:?}"/*
  done
  trap - EXIT
  printf 'TEST_S3_ENDPOINT=%s\nTEST_S3_ACCESS_KEY=%s\nTEST_S3_SECRET_KEY=%s\n' "$endpoint" "$access_key" "$secret_key"
}

stop() {
  [ -d "$dir" ] || return 0
  dir=$(cd "$dir" && pwd)
  [ -e "$dir/ceph.conf" ] || { say "no gateway was started in $dir"; exit 1; }
  stop_daemons
  rm -rf "$dir"
}

[ $# = 2 ] || usage
dir=$2
case $1 in
  start) start ;;
  stop) stop ;;
  *) usage ;;
esac
