#!/bin/sh
# Gives Kafka's users of one environment the rights that docs/security.md lists, and no more:
#
#   acls.sh actual|exercise BOOTSTRAP ADMIN.PROPERTIES
#
# Users are named after environment and role, as in actual-worker. Giving a right twice is fine.
# KAFKA_ACLS names the tool where it is not in the container's usual place.
set -eu
world=$1 bootstrap=$2 admin=$3
tool=${KAFKA_ACLS:-/opt/kafka/bin/kafka-acls.sh}
case $world in
  actual) prefix= ;;
  exercise) prefix=exercise. ;;
  *) echo >&2 "acls.sh: neither actual nor exercise: $world" && exit 2 ;;
esac

# allow "ROLES" "OPERATIONS" KIND NAMES...: KIND is topic or group
allow() {
  roles=$1 operations=$2 kind=$3
  shift 3
  given=$*
  set --
  for role in $roles; do set -- "$@" --allow-principal "User:$world-$role"; done
  for operation in $operations; do set -- "$@" --operation "$operation"; done
  for name in $given; do set -- "$@" "--$kind" "$prefix$name"; done
  "$tool" --bootstrap-server "$bootstrap" --command-config "$admin" --add "$@" > /dev/null
}

kept='tracks.checkpoint track.events.checkpoint'
all="tracks crossings track.events alerts rejected judged $kept"
# Each process looks at the topics when it starts.
allow 'producer worker relay monitor desk sink' 'Describe DescribeConfigs' topic $all
allow 'producer' 'Write' topic tracks
allow 'producer' 'Read' topic judged
allow 'producer' 'Describe' group skyfence-worker skyfence-relay
allow 'worker' 'Create' topic $all
allow 'worker' 'Read' topic tracks track.events $kept
allow 'worker' 'Write' topic crossings track.events alerts rejected judged $kept
allow 'worker' 'Read' group skyfence-worker
allow 'relay' 'Read' topic alerts judged
allow 'relay' 'Write' topic rejected
allow 'relay' 'Read' group skyfence-relay
allow 'desk' 'Read' topic alerts judged
allow 'desk' 'Write' topic track.events rejected
allow 'desk' 'Read' group skyfence-desk
# SMS gateways, webhooks and Apprise: one user, a group for each gateway.
allow 'sink' 'Read' topic alerts judged
allow 'sink' 'Write' topic rejected
"$tool" --bootstrap-server "$bootstrap" --command-config "$admin" --add \
  --allow-principal "User:$world-sink" --operation Read --resource-pattern-type prefixed \
  --group "${prefix}skyfence-sms" --group "${prefix}skyfence-webhooks" \
  --group "${prefix}skyfence-apprise" > /dev/null
allow 'monitor' 'Read' topic track.events alerts rejected judged
allow 'monitor' 'Write' topic alerts track.events
# It shows how each process that reads alerts gets on.
"$tool" --bootstrap-server "$bootstrap" --command-config "$admin" --add \
  --allow-principal "User:$world-monitor" --operation Describe --resource-pattern-type prefixed \
  --group "${prefix}skyfence-" > /dev/null
echo "the users of $world have their rights"
